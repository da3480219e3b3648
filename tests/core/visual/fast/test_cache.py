import subprocess
import sys

import pytest
import torch
from torch import nn

from cnn_core.fetching.sources import cache_folder
from cnn_core.visual.dream import deep_dream
from cnn_core.visual.fast import cache
from cnn_core.visual.optimization.canvas import Pixels
from cnn_core.visual.optimization.maximize import optimize
from cnn_core.visual.optimization.objectives import custom, filter, filters
from cnn_core.visual.optimization.transforms import Jitter
from cnn_core.visual.style import stylize

CANVAS = Pixels((1, 12, 12))


def entries():
    return sorted((cache_folder() / "visual").glob("*.safetensors"))


@pytest.fixture
def computed(monkeypatch):
    """How often something was really computed."""
    runs = []
    from cnn_core.visual.optimization import maximize

    plain = maximize._Climb.run
    monkeypatch.setattr(maximize._Climb, "run", lambda self, *args: (runs.append(1), plain(self, *args))[1])
    return runs


def ask(model, goal=None, **options):
    return optimize(model, goal or filter("conv2", 1), CANVAS, cache=True, **({"steps": 3} | options))


def test_asking_again_computes_nothing(digits, computed):
    first = ask(digits)
    second = ask(digits)
    assert len(computed) == 1
    for name in ("inputs", "before", "after", "history"):
        assert torch.equal(getattr(first, name), getattr(second, name))


def test_everything_that_matters_is_in_the_key(digits, computed, make):
    ask(digits)
    ask(digits, filter("conv2", 2))
    ask(digits, filters("conv2", [1, 2]))
    ask(digits, 2 * filter("conv2", 1))
    ask(digits, steps=4)
    ask(digits, seed=1)
    ask(digits, transforms=[Jitter(1)])
    ask(digits, transforms=[Jitter(2)])
    optimize(digits, filter("conv2", 1), Pixels((1, 12, 12), 0, 2), cache=True, steps=3)
    ask(make["digits"](seed=5))
    digits.conv2.norm.eps = 0.5
    ask(digits)
    with torch.no_grad():
        digits.conv1.conv.bias[0] += 1e-3
    ask(digits)
    assert len(computed) == len(entries()) == 12
    digits.train()
    ask(digits)
    assert len(computed) == 12  # the mode does not matter: it is run in eval semantics


def test_two_classes_of_one_name_with_other_code_are_told_apart():
    def make(factor):
        class Scaled(nn.Module):
            if factor == 2:

                def forward(self, x):
                    return 2 * x
            else:

                def forward(self, x):
                    return 3 * x

        return Scaled()

    assert cache.fingerprint(make(2)) == cache.fingerprint(make(2))
    assert cache.fingerprint(make(2)) != cache.fingerprint(make(3))


def test_a_function_has_no_content(digits, computed):
    goal = custom("conv2", lambda h: h.amax((1, 2, 3)))
    ask(digits, goal)
    ask(digits, goal)
    assert len(computed) == 2
    assert not entries()


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_damaged_entries_are_computed_anew(digits, computed, damage):
    first = ask(digits)
    (path,) = entries()
    content = path.read_bytes()
    broken = bytearray(content)
    broken[len(broken) // 2] ^= 1
    path.write_bytes(bytes(broken) if damage is None else damage)
    assert torch.equal(ask(digits).inputs, first.inputs)
    assert len(computed) == 2
    assert path.read_bytes() == content


def test_the_size_is_bounded_and_the_oldest_goes(digits, computed, monkeypatch):
    ask(digits, seed=0)
    size = entries()[0].stat().st_size
    monkeypatch.setattr(cache, "BOUND", int(2.5 * size))
    ask(digits, seed=1)
    ask(digits, seed=0)  # used again, so seed 1 is the oldest
    ask(digits, seed=2)
    assert len(entries()) == 2
    ask(digits, seed=0)
    assert len(computed) == 3
    ask(digits, seed=1)
    assert len(computed) == 4


def test_a_cache_that_cannot_be_written_is_no_error(digits, computed, monkeypatch, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("CNN_SUITE_CACHE", str(blocked))
    assert torch.equal(ask(digits).inputs, ask(digits).inputs)
    assert len(computed) == 2


def test_dreams_and_styles_are_kept_too(make):
    model = make["branches"](3)
    picture, other = torch.rand(3, 16, 16), torch.rand(3, 16, 16)
    one = deep_dream(model, "second", picture, octaves=1, steps=2, cache=True)
    assert torch.equal(one, deep_dream(model, "second", picture, octaves=1, steps=2, cache=True))
    assert not torch.equal(one, deep_dream(model, "first", picture, octaves=1, steps=2, cache=True))
    options = {"content_layers": ["second"], "style_layers": ["first"], "steps": 2, "cache": True}
    painted = stylize(model, picture, other, **options)
    assert torch.equal(painted.picture, stylize(model, picture, other, **options).picture)
    assert len(entries()) == 3


@pytest.mark.slow
def test_keys_are_the_same_in_another_process(digits):
    code = (
        "from cnn_core.visual.fast.cache import fingerprint\n"
        "from cnn_core.visual import filter, Pixels, L1, GENTLE\n"
        "from torch import nn\n"
        "print(fingerprint([filter('a', 1) + 2 * filter('b', 0)], Pixels((1, 2, 3)), L1(0.5), GENTLE, nn.ReLU()))"
    )
    found = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert len(found) == 1
