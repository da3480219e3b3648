"""A network as an ONNX program in memory, traced by torch.export: what every exported file is made from."""

from __future__ import annotations

import ast
import contextlib
import copy
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from cnn_core.optional import require

BELOW = "network."  # where a wrapped network's names begin
SCOPES = "pkg.torch.onnx.name_scopes"


def require_extra() -> None:
    """Raise UserError where a package of the extra `onnx` is missing."""
    for name in ("onnx", "onnxscript", "onnxruntime"):
        require(name, "an ONNX file")


def evaluated_copy(model: nn.Module) -> nn.Module:
    """A copy of `model` on the CPU in evaluation mode, its tied weights whole (see `cnn_core.nn.equivariance`)."""
    network = copy.deepcopy(getattr(model, "_orig_mod", model)).cpu().eval()  # _orig_mod: below torch.compile
    for module in list(network.modules()):
        if parametrize.is_parametrized(module):
            _untie(module)
    return network


def _untie(module: nn.Module) -> None:
    # Not parametrize.remove_parametrizations: it changes the class, which the original shares with its copy.
    names = list(module.parametrizations)  # type: ignore[arg-type]
    whole = {name: getattr(module, name).detach() for name in names}
    del module.parametrizations
    module.__class__ = type(module).__bases__[0]
    for name, value in whole.items():
        module.register_parameter(name, nn.Parameter(value))


def traced(
    network: nn.Module,
    example: Tensor | tuple[Tensor, ...],
    input_name: str | Sequence[str],
    output_names: Sequence[str],
    axes: Mapping[int, str] | None,
) -> Any:
    """The onnxscript program of `network`; `axes` (axis -> name) are free, all are as in `example` where it is None.

    A network of several inputs has as many examples and names.
    """
    with _quiet():
        program = torch.onnx.export(
            network,
            example if isinstance(example, tuple) else (example,),
            dynamo=True,
            input_names=[input_name] if isinstance(input_name, str) else list(input_name),
            output_names=list(output_names),
            dynamic_shapes=None if axes is None else ({i: torch.export.Dim(name) for i, name in axes.items()},),
            verbose=False,
        )
    assert program is not None
    return program


def modules_around(metadata: Mapping[str, str]) -> list[str]:
    """Names of the modules around a node, outermost first, from its notes; "" is the network itself."""
    scopes: list[str] = ast.literal_eval(metadata.get(SCOPES, "[]"))
    scopes = [scope for scope in scopes if not scope.startswith("_empty_nn_module_stack")]  # sizes: of no module
    return [scope.removeprefix(BELOW) if scope != BELOW.rstrip(".") else "" for scope in scopes[:-1]]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's remarks off standard output, and drop the ones that no user can act on."""
    registry = logging.getLogger("torch.onnx._internal.exporter._registration")

    def is_useful(record: logging.LogRecord) -> bool:
        # Said at every export; operators of torchvision are not used here.
        return "torchvision is not installed" not in record.getMessage()

    registry.addFilter(is_useful)
    try:
        with contextlib.redirect_stdout(sys.stderr):  # a verb prints its JSON on standard output
            yield
    finally:
        registry.removeFilter(is_useful)
