"""The model that is looked into: as it is, or with several inputs, outputs that are no tensors, axes told by the user.

Every lens takes `**reading` (see `Reading`). Wrappers that PyTorch puts around a model (compiled, parallel) are
taken off; what cannot be looked into is refused in one line.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypedDict

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from cnn_core.errors import UserError
from cnn_core.visual.modules.axes import Layout

WRAPPERS = {"OptimizedModule": "_orig_mod", "DataParallel": "module", "DistributedDataParallel": "module"}


class Reading(TypedDict, total=False):
    """How a model is to be read where it does not say so itself.

    Attributes:
        axes: the axes of the layers' outputs, such as "BHWC" or "B(1HW)C" (see `modules.axes`), or {layer: axes}.
            Channels first, or what can be recognised, when left out.
        extra: inputs after the first, in their order, or by name. A tensor has one row, for all inputs, or as many
            rows as there are inputs.
        output: the part of the model's output that is looked at: a key, an attribute, a number, or a function.

    """

    axes: str | Mapping[str, str]
    extra: Sequence[Any] | Mapping[str, Any]
    output: str | int | Callable[[Any], Tensor]


class Subject(nn.Module):
    """A model with a `Reading`. Has the names, weights and buffers of the model, which it does not own."""

    def __init__(self, model: nn.Module, reading: Reading):
        super().__init__()
        self._model = (model,)  # in a tuple: no child, so that layers keep their names
        self.reading = reading
        self.rows: Sequence[int] | None = None  # the inputs that the rows of a batch stand for
        self.trying = False  # one row only, for its shapes
        axes = reading.get("axes", {})
        for text in (axes,) if isinstance(axes, str) else axes.values():
            Layout.parse(text)

    @property
    def model(self) -> nn.Module:
        """The model itself."""
        return self._model[0]

    def forward(self, x: Tensor) -> Tensor:
        """The part of the model's output that is looked at."""
        extra = self.reading.get("extra", ())
        if isinstance(extra, Mapping):
            output = self.model(x, **{name: self._rows(value, len(x)) for name, value in extra.items()})
        else:
            output = self.model(x, *(self._rows(value, len(x)) for value in extra))
        return self._part(output)

    def _rows(self, value: Any, count: int) -> Any:
        if not isinstance(value, Tensor) or value.dim() == 0:
            return value
        if len(value) == 1:
            return value.expand(count, *value.shape[1:])
        if self.rows is not None and not self.trying:
            return value[list(self.rows)]
        if self.trying:
            return value[:count]
        if len(value) != count:
            raise UserError(f"extra: {len(value)} rows for {count} inputs; give one row, or one for each input")
        return value

    def _part(self, output: Any) -> Any:
        part = self.reading.get("output")
        if part is None:
            return output
        if callable(part):
            return part(output)
        try:
            return output[part] if isinstance(part, int) or isinstance(output, Mapping) else getattr(output, part)
        except (KeyError, IndexError, AttributeError, TypeError):
            raise UserError(f"the model's output has no {part!r}: {parts_of(output)}") from None

    def told(self, outputs: Mapping[str, Any]) -> dict[str, Layout]:
        """{layer: layout} that the user told for layers with these outputs; one for all goes to those it can fit.

        Raises UserError when it fits none.
        """
        axes = self.reading.get("axes", {})
        if not isinstance(axes, str):
            return {layer: Layout.parse(axes[layer]) for layer in outputs if layer in axes}
        layout = Layout.parse(axes)
        fitting = [name for name, h in outputs.items() if isinstance(h, Tensor) and h.dim() == len(layout.groups)]
        if outputs and not fitting and set(outputs) != {""}:
            tensors = {name or "the output": h.shape for name, h in outputs.items() if isinstance(h, Tensor)}
            shapes = "; ".join(f"{name}: {'x'.join(map(str, shape))}" for name, shape in tensors.items())
            raise UserError(f"axes {axes!r} have {len(layout.groups)} axes, as no layer here has ({shapes})")
        return dict.fromkeys(fitting, layout)

    def named_modules(self, memo: Any = None, prefix: str = "", remove_duplicate: bool = True) -> Generator[Any]:
        """The model's modules, with this one in the model's place."""
        yield prefix, self
        for name, module in self.model.named_modules(prefix=prefix, remove_duplicate=remove_duplicate):
            if module is not self.model:
                yield name, module

    def modules(self, remove_duplicate: bool = True) -> Generator[nn.Module]:
        """This one, the model and all modules of it."""
        yield self
        yield from self.model.modules()

    def named_parameters(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """The model's."""
        return self.model.named_parameters(*args, **kwargs)

    def named_buffers(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """The model's."""
        return self.model.named_buffers(*args, **kwargs)


def parts_of(output: Any) -> str:
    """Which parts an output has, and how to name one."""
    kind = type(output).__name__
    if isinstance(output, Mapping):
        names = [str(name) for name in output]
    elif hasattr(output, "_fields"):
        names = list(output._fields)
    elif isinstance(output, list | tuple):
        return f"it is a {kind} of {len(output)}; say which by output=0 to {len(output) - 1}"
    else:
        names = [name for name, value in getattr(output, "__dict__", {}).items() if isinstance(value, Tensor)]
    if not names:
        return f"it is a {kind}; give a function of it by output="
    return f"it is a {kind} with {', '.join(names)}; say which by output={names[0]!r}"


@contextmanager
def standing_for(model: nn.Module, rows: Sequence[int]) -> Iterator[None]:
    """Inside, the rows of a batch stand for these inputs: extra inputs go with them."""
    if not isinstance(model, Subject):
        yield
        return
    before = model.rows
    model.rows = rows if before is None else [before[row] for row in rows]
    try:
        yield
    finally:
        model.rows = before


@contextmanager
def opened(model: nn.Module, reading: Reading) -> Iterator[nn.Module]:
    """The module that lenses look into; gradients are on inside, also within no_grad and inference_mode.

    Raises UserError for a module whose layers cannot be looked into, and for an unknown option.
    """
    unknown = set(reading) - set(Reading.__annotations__)
    if unknown:
        raise TypeError(f"unexpected keyword argument {sorted(unknown)[0]!r}")
    bare = unwrapped(model)
    with torch.inference_mode(False), torch.enable_grad():
        yield Subject(bare, reading) if reading else bare


def unwrapped(model: nn.Module) -> nn.Module:
    """The model inside compiled and parallel ones.

    Raises UserError for what has no layers to look into: scripted and traced modules, weights without values.
    """
    while (inner := WRAPPERS.get(type(model).__name__)) and isinstance(getattr(model, inner, None), nn.Module):
        model = getattr(model, inner)
    if isinstance(model, Subject):
        return model
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            where = f"layer {name!r}" if name else "this model"
            raise UserError(
                f"{where} was made by torch.jit: its layers cannot be looked into; give the module it was made from"
            )
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if is_lazy(tensor):
            raise UserError(
                f"{name!r} has no shape yet (a lazy layer): run the model once, on any input, before looking into it"
            )
        if tensor.is_meta:
            raise UserError(f"{name!r} lies on the meta device and has no values: load the weights first")
    return model


def as_inputs(model: nn.Module, inputs: Any, *, floats: bool = False) -> Tensor:
    """Inputs (B, ...) for a model: arrays become tensors; floats get its type and device, whole numbers its device.

    `floats` turns whole numbers into floats too: gradients need them. Raises UserError for no inputs.
    """
    x = torch.from_numpy(np.ascontiguousarray(inputs)) if isinstance(inputs, np.ndarray) else torch.as_tensor(inputs)
    if x.dim() == 0 or len(x) == 0:
        raise UserError("there is nothing to look at: the inputs are empty")
    device, dtype = device_and_dtype(model)
    with torch.inference_mode(False):
        x = x.clone() if x.is_inference() else x
        x = x.detach().to(device, dtype if floats or x.is_floating_point() else x.dtype)
        if floats and not bool(torch.isfinite(x).all()):
            raise UserError("the inputs hold values that are not numbers, or infinite: nothing can be said of them")
        return x


def device_and_dtype(model: nn.Module) -> tuple[torch.device, torch.dtype]:
    """Where the model's weights lie and of what floating type they are; (cpu, float32) for a model without any."""
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.is_floating_point():
            return tensor.device, tensor.dtype
    return torch.device("cpu"), torch.get_default_dtype()
