"""The encoder as a front end: equal to torch's own layers, read from files, trained, explained, exported."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from apps.text.app import APP
from apps.text.config import Vectors
from apps.text.nets.encoder import EncoderFront
from apps.text.words import encoder_files
from apps.text.words.vocabulary import EncoderShape, FittedText, Vocabulary, whole_words
from cnn_core.cli import run as run_app
from cnn_core.errors import UserError
from cnn_core.training.optim import make_optimizer
from cnn_core.training.recipe import FitConfig

SHAPE = EncoderShape(layers=2, heads=2, width=8, hidden=16, positions=20)
PIECES = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "good", "bad", "film", "un", "##wise", "##ly", "a", ",", "!"]


def command(*args: str) -> int:
    return run_app(APP, list(args))


def bert_weights() -> dict[str, torch.Tensor]:
    """Random weights under the names of the library transformers."""
    torch.manual_seed(0)
    width, hidden = SHAPE.width, SHAPE.hidden
    shapes = {
        "embeddings.word_embeddings.weight": (len(PIECES), width),
        "embeddings.position_embeddings.weight": (SHAPE.positions, width),
        "embeddings.token_type_embeddings.weight": (2, width),
        "embeddings.LayerNorm.weight": (width,),
        "embeddings.LayerNorm.bias": (width,),
    }
    for i in range(SHAPE.layers):
        at = f"encoder.layer.{i}"
        sizes = {f"{at}.attention.self.{n}": (width, width) for n in ("query", "key", "value")}
        sizes |= {f"{at}.attention.output.dense": (width, width), f"{at}.intermediate.dense": (hidden, width)}
        sizes |= {f"{at}.output.dense": (width, hidden)}
        for name, size in sizes.items():
            shapes |= {f"{name}.weight": size, f"{name}.bias": size[:1]}
        for name in (f"{at}.attention.output.LayerNorm", f"{at}.output.LayerNorm"):
            shapes |= {f"{name}.weight": (width,), f"{name}.bias": (width,)}
    return {n: torch.randn(size) * 0.3 + n.endswith("LayerNorm.weight") for n, size in shapes.items()}


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "encoder"
    path.mkdir()
    config = {"model_type": "bert", "num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 8,
              "intermediate_size": 16, "max_position_embeddings": 20}  # fmt: skip
    (path / "config.json").write_text(json.dumps(config))
    (path / "vocab.txt").write_text("\n".join(PIECES) + "\n")
    save_file(bert_weights(), path / "model.safetensors")
    return path


def front_of(folder, **changes) -> tuple[EncoderFront, Vocabulary]:
    files = encoder_files.encoder_files(str(folder))
    words = encoder_files.read_pieces(files.pieces, 18)
    config = Vectors(mode=changes.pop("mode", "static"), source=str(folder), **changes)
    front = EncoderFront(encoder_files.read_shape(files.config), len(words), words.numbers["[CLS]"],
                         words.numbers["[SEP]"], config)  # fmt: skip
    front.load(bert_weights(), encoder_files.row_order(files.pieces))
    return front, words


def reference(pieces: list[str]) -> torch.Tensor:
    """(T + 2, C) by torch's own layers, with the pieces that begin and end a text."""
    weights = bert_weights()
    rows = torch.tensor([PIECES.index(piece) for piece in ["[CLS]", *pieces, "[SEP]"]])
    x = weights["embeddings.word_embeddings.weight"][rows] + weights["embeddings.token_type_embeddings.weight"][0]
    x = x + weights["embeddings.position_embeddings.weight"][: len(rows)]
    norm = [weights[f"embeddings.LayerNorm.{n}"] for n in ("weight", "bias")]
    x = nn.functional.layer_norm(x, (8,), *norm, 1e-12)[None]
    for i in range(SHAPE.layers):
        at = f"encoder.layer.{i}"
        layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, "gelu", 1e-12, batch_first=True).eval()
        joined = {n: torch.cat([weights[f"{at}.attention.self.{k}.{n}"] for k in ("query", "key", "value")])
                  for n in ("weight", "bias")}  # fmt: skip
        state = {"self_attn.in_proj_weight": joined["weight"], "self_attn.in_proj_bias": joined["bias"]}
        names = {
            "self_attn.out_proj": "attention.output.dense",
            "linear1": "intermediate.dense",
            "linear2": "output.dense",
            "norm1": "attention.output.LayerNorm",
            "norm2": "output.LayerNorm",
        }
        state |= {f"{a}.{n}": weights[f"{at}.{b}.{n}"] for a, b in names.items() for n in ("weight", "bias")}
        layer.load_state_dict(state)
        x = layer(x)
    return x[0]


@torch.no_grad()
def test_equals_torchs_own_layers_whatever_stands_beside_a_text(folder):
    front, words = front_of(folder)
    texts = ["a good film , unwisely !", "bad", "unwise zzz film"]
    rows = [words.encode(words.tokenize(text)) for text in texts]
    batch = torch.zeros(3, 12, dtype=torch.int32)
    for i, row in enumerate(rows):
        batch[i, : len(row)] = torch.from_numpy(row)
    for train in (False, True):  # in training, what is kept is half precision
        found = front.train(train)(batch)
        assert found.shape == (3, 8, 12)
        for i, text in enumerate(texts):
            pieces = [piece if piece in PIECES else "[UNK]" for piece in words.tokenize(text)]
            expected = reference(pieces)[1:-1].T
            torch.testing.assert_close(found[i, :, : len(pieces)], expected, atol=5e-3 if train else 1e-5, rtol=5e-3)
            assert not found[i, :, len(pieces) :].any()
    assert len(front._cache) == 3
    with pytest.raises(ValueError, match="19 pieces, and the encoder knows 18 positions"):
        front(torch.ones(1, 19, dtype=torch.int32))


def test_pieces_are_those_of_bert(folder):
    words = front_of(folder)[1]
    assert words.words[:5] == ("<pad>", "<unk>", "[unused0]", "[CLS]", "[SEP]")
    assert words.tokenize("Unwisely, a FILM!") == ["un", "##wise", "##ly", ",", "a", "film", "!"]
    assert words.encode(["un", "zzz", "##wise"]).tolist() == [words.numbers["un"], 1, words.numbers["##wise"]]
    assert whole_words(["un", "##wise", "##ly", ",", "##", "film"]) == [
        ("unwisely", 0, 3), (",", 3, 4), ("##", 4, 5), ("film", 5, 6)]  # fmt: skip
    assert words.words_of("It's unwisely!") == ["it", "'s", "unwisely", "!"]
    fitted = FittedText("x", ("a", "b"), words, 8, encoder=SHAPE)
    assert FittedText.from_json(json.loads(json.dumps(fitted.to_json()))) == fitted


def test_what_learns_and_how_fast(folder):
    def learning(**changes):
        front = front_of(folder, **changes)[0]
        return sorted(name for name, p in front.named_parameters() if p.requires_grad)

    everything = [name for name, _ in front_of(folder)[0].named_parameters()]
    assert learning() == []
    assert learning(mode="nonstatic") == sorted(everything)
    assert learning(mode="nonstatic", learning=1) == sorted(n for n in everything if n.startswith("blocks.1."))
    model = nn.ModuleDict({"front": front_of(folder, mode="nonstatic", rate=0.25)[0], "output": nn.Linear(3, 2)})
    groups = make_optimizer(model, FitConfig(weight_decay=0.1)).param_groups
    assert sorted({(g["rate"], g["weight_decay"]) for g in groups}) == [
        (0.25, 0.0),
        (0.25, 0.1),
        (1.0, 0.0),
        (1.0, 0.1),
    ]
    assert sum(len(g["params"]) for g in groups) == len(everything) + 2


TEXTS = [f"{word} {rest}" for rest in ("film", "a film", "film , unwisely", "film !") * 12 for word in ("good", "bad")]


@pytest.fixture
def reviews(tmp_path):
    path = tmp_path / "reviews.csv"
    rows = [f'{text.split()[0]},"{text} {i}"' for i, text in enumerate(TEXTS)]
    path.write_text("label,text\n" + "\n".join(rows) + "\n")
    return path


@pytest.mark.parametrize("preset", ["contextual", pytest.param("tuned", marks=pytest.mark.long)])
def test_the_whole_way(folder, reviews, tmp_path, capsys, preset):
    """Train, measure beside linear models, explain in whole words, export with equal answers."""
    run = tmp_path / preset
    args = ["train", "--preset", preset, "--vectors.source", str(folder), "--texts.longest", "18"]
    args += ["--data", str(reviews), "--fit.epochs", "40", "--fit.batch-size", "8"]
    args += ["--fit.learning-rate", ".01", "--fit.precision", "fp32", "--vectors.rate", ".2"]
    assert command(*args, "--out", str(run)) == 0
    capsys.readouterr()
    assert command("evaluate", str(run), "--json") == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] > 0.85
    assert command("predict", str(run), "good film , unwisely", "bad film !", "--json") == 0
    answers = json.loads(capsys.readouterr().out)["predictions"]
    assert [each["answer"] for each in answers] == ["good", "bad"]
    assert command("explain", str(run), "good film unwisely", "--json") == 0
    told = json.loads(capsys.readouterr().out)["explained"][0]
    assert "unwisely" in told["words"]
    assert len(told["words"]) == len(told["scores"])
    assert sum(told["scores"]) + told["rest"] == pytest.approx(told["score"], abs=1e-4)
    assert told["agreement"] > 0.9
    assert command("visualize", "ngrams", str(run), "--count", "2") == 0
    assert command("visualize", "neighbours", str(run)) == 2
    assert "an encoder has no vector for a word alone" in capsys.readouterr().err
    out = tmp_path / f"{preset}.onnx"
    assert command("export", str(run), "--out", str(out)) == 0
    onnxruntime = pytest.importorskip("onnxruntime")
    words = FittedText.from_json(json.loads((run / "config.json").read_text())["fitted"]).vocabulary
    row = words.encode(words.tokenize("good film , unwisely"))[None]
    logits = onnxruntime.InferenceSession(str(out)).run(None, {"input": row})[0]
    shares = np.exp(logits[0] - logits[0].max())
    told = {each["label"]: each["probability"] for each in answers[0]["top"]}
    assert max(shares / shares.sum()) == pytest.approx(max(told.values()), abs=1e-4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tokenizer": "wordpiece"}, "needs an encoder as vectors.source"),
        (
            {"tokenizer": "wordpiece", "mode": "multichannel", "source": "minilm"},
            "is for an encoder: vectors.mode static",
        ),
        (
            {"tokenizer": "kim", "mode": "static", "source": "minilm"},
            "vectors.source minilm needs texts.tokenizer wordpiece",
        ),
    ],
)
def test_tokenizer_and_vectors_that_do_not_fit(changes, message, reviews, tmp_path, capsys):
    args = ["train", "--data", str(reviews), "--out", str(tmp_path / "r"), "--texts.tokenizer", changes["tokenizer"]]
    args += ["--vectors.mode", changes.get("mode", "static"), "--vectors.source", changes.get("source", "glove-50d")]
    assert command(*args) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "r").exists()


def test_folders_that_hold_no_encoder(folder, tmp_path):
    with pytest.raises(UserError, match=r"has no config\.json; the folder of an encoder holds"):
        encoder_files.encoder_files(str(tmp_path))
    path = folder / "config.json"
    path.write_text(path.read_text().replace('"bert"', '"gpt2"'))
    with pytest.raises(UserError, match="is of the kind gpt2"):
        encoder_files.read_shape(path)
    (folder / "vocab.txt").write_text("good\nbad\n")
    with pytest.raises(UserError, match=r"not a list of word pieces \(it lacks \[PAD\]\)"):
        encoder_files.read_pieces(folder / "vocab.txt", 9)
