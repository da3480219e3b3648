"""Predict with an exported network: needs only numpy and onnxruntime, nothing of the suite.

    python model.predict.py model.onnx "a text" "another"

model.vocabulary.json lies beside the network, and serves model-int8.onnx too. Tokenizers: english, kim and characters;
jieba needs that package, wordpiece the package tokenizers.
"""

import json
import re
import sys
import unicodedata
from pathlib import Path

import numpy as np
import onnxruntime

SPACE = "␣"


def english(text, fold):
    """torchtext's basic_english; `fold` makes lower case, or leaves it."""
    text = fold(text).replace("'", " '  ").replace('"', "").replace("<br />", " ")
    text = re.sub(r"([.,()!?])", r" \1 ", text)
    return re.sub(r"[;:]", " ", text).split()


def kim(text, fold):
    """The cleaning of Kim (2014)."""
    text = re.sub(r"[^A-Za-z0-9(),!?'`]", " ", fold(text))
    text = re.sub(r"('s|'ve|n't|'re|'d|'ll)", r" \1", text)
    return re.sub(r"([,!()?])", r" \1 ", text).split()


def characters(text, fold):
    """One token a character."""
    return [SPACE if c.isspace() else c for c in " ".join(fold(unicodedata.normalize("NFC", text)).split())]


def jieba(text, fold):
    """Chinese words."""
    from jieba import cut

    return [token for piece in cut(fold(text)) for token in piece.split()]


def wordpiece(numbers):
    """BERT's pieces of words."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    special = {"<pad>": "[PAD]", "<unk>": "[UNK]"}
    pieces = {str(special.get(word, word)): number for word, number in numbers.items()}
    pipeline = Tokenizer(models.WordPiece(pieces, unk_token="[UNK]"))  # noqa: S106 (no password)
    pipeline.normalizer, pipeline.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    return lambda text, _: pipeline.encode(text, add_special_tokens=False).tokens


TOKENIZERS = {"english": english, "kim": kim, "characters": characters, "jieba": jieba}


def shown(text):
    """The text with what a terminal would obey written as an escape."""
    return "".join(f"\\u{ord(c):04x}" if unicodedata.category(c)[0] == "C" else c for c in text)


def main(path, texts):
    """Print label, probability and text of each text, separated by tabs."""
    words = Path(path).with_name(Path(path).stem.removesuffix("-int8") + ".vocabulary.json")
    vocabulary = json.loads(words.read_text(encoding="utf-8"))
    numbers = {word: number for number, word in enumerate(vocabulary["words"])}
    name = vocabulary["tokenizer"]
    split = wordpiece(numbers) if name == "wordpiece" else TOKENIZERS[name.removesuffix(":case")]
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for text in texts:
        if not text.strip():
            print(f"\t\t{shown(text)}")  # noqa: T201 (no words, no answer)
            continue
        tokens = split(text, str if name.endswith(":case") else str.lower)[: vocabulary["longest"] or None]
        row = [numbers.get(token, 1) or 1 for token in tokens] or [0]
        (logits,) = np.asarray(session.run(None, {"input": np.array([row], np.int32)})[0], float)
        if "thresholds" in vocabulary:  # several labels, each told by itself
            shares = 1 / (1 + np.exp(-logits))
            named = zip(vocabulary["labels"], shares, vocabulary["thresholds"], strict=True)
            told = ", ".join(f"{label} {share:.4f}" for label, share, least in named if share >= least)
            print(f"{shown(told) or 'no label'}\t{shown(text)}")  # noqa: T201
            continue
        shares = np.exp(logits - logits.max())
        best = int(shares.argmax())
        label, share = vocabulary["labels"][best], shares[best] / shares.sum()
        print(f"{shown(label)}\t{share:.4f}\t{shown(text)}")  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
