"""Models as they come: wrapped, in other types, with several inputs and outputs, called in any mode."""

import collections
import dataclasses
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from cnn_core import visual
from cnn_core.errors import UserError


def net():
    torch.manual_seed(0)
    return nn.Sequential(
        collections.OrderedDict(
            conv=nn.Conv2d(1, 4, 3),
            act=nn.ReLU(),
            pool=nn.AdaptiveAvgPool2d(2),
            flat=nn.Flatten(),
            out=nn.Linear(16, 3),
        )
    )


X = torch.rand(2, 1, 9, 9, generator=torch.Generator().manual_seed(1))
LENSES = {
    "record": lambda m, x, **r: visual.record(m, x, "conv", **r)["conv"],
    "values": lambda m, x, **r: visual.values(m, "conv:1", x, **r),
    "values_of_each": lambda m, x, **r: visual.values_of_each(m, ["conv:1", ":2"], x, **r),
    "saliency": lambda m, x, **r: visual.saliency(m, x, 1, **r),
    "smooth_grad": lambda m, x, **r: visual.smooth_grad(m, x, 1, samples=2, **r),
    "integrated_gradients": lambda m, x, **r: visual.integrated_gradients(m, x, 1, steps=3, **r).values,
    "guided_backprop": lambda m, x, **r: visual.guided_backprop(m, x, 1, **r),
    "grad_cam": lambda m, x, **r: visual.grad_cam(m, x, "conv", 1, **r),
    "grad_cam_plus_plus": lambda m, x, **r: visual.grad_cam_plus_plus(m, x, "conv", 1, **r),
    "layer_cam": lambda m, x, **r: visual.layer_cam(m, x, "conv", 1, **r),
    "guided_grad_cam": lambda m, x, **r: visual.guided_grad_cam(m, x, "conv", 1, **r),
    "noise_tunnel": lambda m, x, **r: visual.noise_tunnel(visual.saliency, m, x, target=1, samples=3, **r),
    "occlusion": lambda m, x, **r: visual.occlusion(m, x, 1, window=(3, 3), **r),
    "find_exemplars": lambda m, x, **r: visual.find_exemplars(m, x, "conv", count=1, **r).scores,
    "receptive_fields": lambda m, x, **r: visual.receptive_fields(m, "conv", x[:1], [(1, 1)], **r).boxes,
    "predictions": lambda m, x, **r: visual.predictions(m, x, **r)[1],
    "optimize": lambda m, _, **r: visual.optimize(m, "conv:1", visual.Pixels((1, 9, 9)), steps=3, **r).after,
    "deep_dream": lambda m, x, **r: visual.deep_dream(m, "conv:1", torch.as_tensor(x)[0], octaves=1, steps=2, **r),
    "stylize": lambda m, x, **r: (
        visual.stylize(
            m,
            torch.as_tensor(x)[0],
            torch.as_tensor(x)[1],
            content_layers=["conv"],
            style_layers=["conv"],
            steps=2,
            **r,
        ).picture
    ),
}
lens = pytest.mark.parametrize("lens", LENSES.values(), ids=LENSES)


@lens
def test_half_double_and_bf16_models_take_float32_pictures(lens):
    plain = lens(net(), X)
    for dtype, exactness in ((torch.float64, 1e-4), (torch.bfloat16, 0.4), (torch.float16, 0.05)):
        found = lens(net().to(dtype), X)
        scale = float(plain.float().abs().max())
        assert float((found.float() - plain.float()).abs().max()) <= exactness * scale, dtype


@lens
def test_numpy_no_grad_and_inference_mode(lens):
    model, plain = net(), lens(net(), X)
    torch.testing.assert_close(lens(model, X.numpy()), plain)
    with torch.no_grad():
        torch.testing.assert_close(lens(model, X), plain)
    with torch.inference_mode():
        torch.testing.assert_close(lens(model, X.clone()), plain)
    assert not torch.is_inference_mode_enabled()
    assert torch.is_grad_enabled()


class Both(nn.Module):
    """Two inputs; the output is a mapping, a tuple or an object."""

    def __init__(self, kind=dict):
        super().__init__()
        self.net, self.kind = net(), kind
        self.conv, self.act = self.net.conv, self.net.act

    def forward(self, x, shift, scale=1.0):
        logits = self.net(x + shift) * scale
        if self.kind is dict:
            return {"aux": logits[:, :1], "logits": logits}
        return self.kind(logits[:, :1], logits)


@dataclasses.dataclass
class Answer:
    aux: torch.Tensor
    logits: torch.Tensor


Named = collections.namedtuple("Named", ["aux", "logits"])
SHIFT = torch.rand(2, 1, 9, 9, generator=torch.Generator().manual_seed(2))


@lens
def test_several_inputs_and_outputs(lens, request):
    if (
        request.node.callspec.id in ("optimize", "deep_dream", "receptive_fields")
        or request.node.callspec.id == "stylize"
    ):
        shift = torch.zeros(1, 1, 9, 9)
        plain = lens(net(), X)
    else:
        shift = SHIFT

        class Shifted(nn.Module):
            """The same as one input: the model whose rows are shifted one by one."""

            def __init__(self, row):
                super().__init__()
                self.net, self.row = net(), row
                self.conv, self.act = self.net.conv, self.net.act

            def forward(self, x):
                return self.net(x + SHIFT[self.row : self.row + 1])

        if request.node.callspec.id == "find_exemplars":
            plain = torch.stack([lens(Shifted(row), X[row : row + 1]) for row in (0, 1)]).amax(0)
        elif request.node.callspec.id in ("smooth_grad", "noise_tunnel"):  # noise goes from row to row
            assert lens(Both(), X, extra=(SHIFT,), output="logits").shape == X.shape
            return
        else:
            axis = 1 if request.node.callspec.id == "values_of_each" else 0
            plain = torch.cat([lens(Shifted(row), X[row : row + 1]) for row in (0, 1)], axis)
    torch.testing.assert_close(lens(Both(), X, extra=(shift,), output="logits"), plain)
    torch.testing.assert_close(lens(Both(), X, extra={"shift": shift, "scale": 1.0}, output="logits"), plain)


def test_parts_of_outputs_are_named_in_the_error():
    x, extra = X, (SHIFT,)
    plain = visual.saliency(Both(), x, 1, extra=extra, output="logits")
    for kind, part in ((Named, "logits"), (Answer, "logits"), (lambda *a: a, 1), (lambda *a: list(a), 1)):
        model = Both(kind)
        torch.testing.assert_close(visual.saliency(model, x, 1, extra=extra, output=part), plain)
        torch.testing.assert_close(
            visual.saliency(model, x, 1, extra=extra, output=lambda y, p=part: _get(y, p)), plain
        )
        with pytest.raises(UserError, match="is no tensor: it is a .*say which by output="):
            visual.saliency(model, x, 1, extra=extra)
        with pytest.raises(UserError, match="has no 'nothing'|has no 7"):
            visual.saliency(model, x, 1, extra=extra, output=7 if isinstance(part, int) else "nothing")
    with pytest.raises(UserError, match="dict with aux, logits; say which by output='aux'"):
        visual.predictions(Both(), x, extra=extra)
    with pytest.raises(UserError, match="extra: 3 rows for 2 inputs"):
        visual.saliency(Both(), x, 1, extra=(torch.rand(3, 1, 9, 9),), output="logits")


def _get(output, part):
    return output[part] if isinstance(part, int) else getattr(output, part)


def test_noise_tunnels_keep_rows_with_their_extra_inputs():
    model = Both()
    still = visual.noise_tunnel(
        visual.smooth_grad, model, X, target=1, samples=2, noise=0.0, extra=(SHIFT,), output="logits"
    )
    expected = visual.smooth_grad(model, X, 1, extra=(SHIFT,), output="logits")
    assert still.shape == expected.shape
    still = visual.noise_tunnel(
        visual.integrated_gradients, model, X, target=1, samples=2, noise=0.0, extra=(SHIFT,), output="logits"
    )
    expected = visual.integrated_gradients(model, X, 1, extra=(SHIFT,), output="logits").values
    torch.testing.assert_close(still, expected)


def test_wrapped_models_are_unwrapped_and_scripts_refused():
    model = net()
    plain = visual.grad_cam(model, X, "conv", 1)
    for wrapped in (torch.compile(model), nn.DataParallel(model), nn.DataParallel(torch.compile(model))):
        assert visual.layer_names(wrapped) == visual.layer_names(model)
        torch.testing.assert_close(visual.grad_cam(wrapped, X, "conv", 1), plain)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is on its way out
        traced = torch.jit.trace(model, X)
    for each in (traced, nn.Sequential(traced)):
        with pytest.raises(UserError, match=r"was made by torch\.jit"):
            visual.saliency(each, X, 1)
    with pytest.raises(UserError, match=r"'weight' has no shape yet \(a lazy layer\)"):
        visual.record(nn.LazyLinear(3), torch.rand(2, 4), "")
    with pytest.raises(UserError, match="'weight' lies on the meta device"):
        visual.record(nn.Linear(3, 3, device="meta"), torch.rand(2, 3), "")


@lens
def test_no_inputs_and_numpy_targets(lens, request):
    if request.node.callspec.id not in ("optimize", "deep_dream", "stylize"):
        with pytest.raises(UserError, match="the inputs are empty|at least one input"):
            lens(net(), X[:0])
    expected = visual.saliency(net(), X, [1, 2])
    torch.testing.assert_close(visual.saliency(net(), X, np.array([1, 2])), expected)
    torch.testing.assert_close(visual.saliency(net(), X, np.int64(1))[0], expected[0])
    assert visual.neuron("conv", np.int64(3)) == visual.neuron("conv", 3)


def test_what_has_no_gradient_or_no_numbers_is_told():
    words = nn.Sequential(collections.OrderedDict(words=nn.Embedding(20, 8), flat=nn.Flatten(), out=nn.Linear(48, 3)))
    ids = torch.randint(0, 20, (2, 6))
    assert visual.record(words, ids, "words")["words"].shape == (2, 6, 8)
    for lens in (lambda: visual.saliency(words, ids, 1), lambda: visual.grad_cam(words, ids, "words", 1)):
        with pytest.raises(UserError, match="layer 'words' looks up whole numbers.*there is no gradient"):
            lens()
    for wrong in (float("nan"), float("inf")):
        with pytest.raises(UserError, match="not numbers, or infinite"):
            visual.saliency(net(), torch.full_like(X, wrong), 1)

    class Keyword(nn.Module):
        def forward(self, *, clip):
            return clip

    with pytest.raises(UserError, match="cannot be called with one input"):
        visual.record(Keyword(), X, "")
    many = nn.Sequential(*(nn.Identity() for _ in range(60)), nn.Conv2d(1, 2, 3))
    with pytest.raises(UserError, match=r"no layer '6o'.*\(61 in all, see layer_names\)"):
        visual.record(many, X, "6o")


def test_bytes_into_a_layer_of_floats_are_told():
    with pytest.raises(UserError, match="layer 'conv' takes float32 values, not uint8: turn the input into floats"):
        visual.record(net(), (X * 255).byte(), "conv")
    with pytest.raises(TypeError, match="'axis'"):
        visual.record(net(), X, "conv", axis="BCHW")  # type: ignore[call-arg]
