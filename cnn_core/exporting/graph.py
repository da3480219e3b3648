"""A trained network as one ONNX file, front end included, checked in onnxruntime against PyTorch."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cnn_core.app import Further
from cnn_core.errors import UserError, first_line
from cnn_core.exporting.tracing import BELOW, evaluated_copy, modules_around, require_extra, traced
from cnn_core.files import atomic
from cnn_core.training.calibration import features_of, last_dense, unlikeness_of
from cnn_core.visual.modules.activations import find_layer

RELATIVE = 1e-4  # of the largest logit: float32 rounding through some ten layers stays far below
ABSOLUTE = 1e-5  # for networks whose logits are all near zero
UNLIKENESS = "unlikeness"


def export_onnx(
    model: nn.Module,
    example_inputs: Tensor,
    path: str | Path,
    *,
    input_name: str = "input",
    output_name: str = "logits",
    labels: Sequence[str] | None = None,
    check_inputs: Tensor | None = None,
    free_axes: Mapping[int, str] | None = None,
    metadata: Mapping[str, str] | None = None,
    layers: Sequence[str] = (),
    temperature: float = 1.0,
    bank: Tensor | None = None,
    further: Further | None = None,
) -> dict[str, Any]:
    """Write `model` as a single ONNX file at `path` and check it; gives back what the check found.

    `example_inputs` (B, ...) fix the input's type and shape; the batch axis stays free, and so do `free_axes` (axis ->
    name). The model takes them as they are (uint8 pixels, say), so its front end is part of the file. It is exported in
    evaluation mode from a copy: the model keeps its mode and device. The file's metadata hold `labels` as JSON under
    "labels", and `metadata`. Each of `layers` is one more output under its own name, computed only when it is asked
    for; of a layer that runs more than once, the last run. `check_inputs` (N, ...), real data best, default to the
    examples; logits are compared for batches of 1, 7 and all N, and for inputs half as long where axes are free, so
    pass some hundreds, not thousands. The file's logits are the model's divided by `temperature`; with a `bank` (M, F)
    of last features it has one more output, `unlikeness` (B,), see `cnn_core.training.calibration`, and then those of
    `further`.

    The dict holds path, bytes, opset, input and output descriptions, those of `layers`, `checked` (N), `batch_sizes`,
    `max_difference`, `tolerance` (1e-5 + 1e-4 of the largest logit) and `argmax_agreement` 0..1, where answers equal
    within the tolerance count as the same. Raises
    UserError when the extra `onnx` is missing, a layer is unknown or gives no tensor, or the file cannot be written,
    RuntimeError when the logits differ by more than the tolerance; an older file at `path` is then left as it was.
    """
    require_extra()
    if len(example_inputs) == 0:
        raise ValueError("the export needs at least one example input")
    network = evaluated_copy(model)
    example = example_inputs.detach().cpu()
    checked = example if check_inputs is None else check_inputs.detach().cpu()
    for layer in layers:
        find_layer(network, layer)
    others = further.names if further else ()
    names = (output_name, *([UNLIKENESS] if bank is not None else []), *others, *layers)
    if len(names) > 1 or temperature != 1:
        network = _Exported(network, layers, temperature, bank, further).eval()
    with atomic(path) as temporary:
        opset = _write(network, example, temporary, input_name, names, labels, free_axes or {}, metadata or {})
        found = _compare(network, temporary, checked, output_name, free_axes or {})
        _compare_others(network, temporary, checked[:7], names, others)
        size = temporary.stat().st_size
        shapes = {each.name: list(each.shape) for each in session(temporary).get_outputs() if each.name in layers}
    shape = ["batch", *((free_axes or {}).get(axis, size) for axis, size in enumerate(example.shape[1:], start=1))]
    return {
        "path": str(path),
        "bytes": size,
        "opset": opset,
        "input": {"name": input_name, "type": str(example.dtype).removeprefix("torch."), "shape": shape},
        "output": {"name": output_name, "type": "float32", "shape": ["batch", *found.pop("shape")]},
        **({"layers": shapes} if layers else {}),
        **found,
    }


def session(path: str | Path, threads: int = 1) -> Any:
    """An onnxruntime InferenceSession on the CPU with `threads` threads, quiet but for errors.

    Raises UserError when onnxruntime is missing or the file is not an ONNX model.
    """
    require_extra()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its own exception types share no base but Exception
        raise UserError(f"{path} is not an ONNX model that onnxruntime can load: {first_line(error)}") from error


def _write(
    network: nn.Module,
    example: Tensor,
    path: Path,
    input_name: str,
    output_names: Sequence[str],
    labels: Sequence[str] | None,
    free_axes: Mapping[int, str],
    metadata: Mapping[str, str],
) -> int:
    if len(example) == 1:
        example = torch.cat([example, example])  # a batch of one would be taken for a constant
    program = traced(network, example, input_name, output_names, {0: "batch", **free_axes})
    return save(program, path, labels, metadata)


def save(program: Any, path: Path, labels: Sequence[str] | None, metadata: Mapping[str, str]) -> int:
    """Write what `cnn_core.exporting.tracing.traced` gives, its nodes named, with labels and metadata; the opset."""
    graph = program.model.graph
    _name_layers(graph)
    for part in (*graph.inputs, *graph):
        # The exporter's notes hold stack traces with the file names of this machine.
        part.metadata_props.clear()
    if labels is not None:
        program.model.metadata_props["labels"] = json.dumps(list(labels), ensure_ascii=False)
    program.model.metadata_props.update(metadata)
    program.save(path, external_data=False)
    return program.model.opset_imports[""]


def _name_layers(graph: Any) -> None:
    """Call weights as the model does, what each of its modules gives by the module's name, and nodes by both.

    A value that several modules give, the last of a block and the block, has the name of the outermost. A node is
    MODULE/OPERATION, so that viewers and profilers say where a network spends its time.
    """
    for name, value in list(graph.initializers.items()):
        if name.startswith(BELOW):
            del graph.initializers[name]
            value.name = name.removeprefix(BELOW)
            graph.initializers[value.name] = value
    given: dict[str, Any] = {}
    counts: Counter[str] = Counter()
    for node in graph:
        around = modules_around(node.metadata_props)
        name = f"{_module_of(node, around)}/{node.op_type}"
        counts[name] += 1
        node.name = name if counts[name] == 1 else f"{name}_{counts[name]}"
        # The last operation inside a module is what it gives.
        for module in filter(None, around):
            given[module] = node.outputs[0]
    used = {value.name for node in graph for value in node.outputs} | {value.name for value in graph.inputs}
    used |= set(graph.initializers)
    for module, value in sorted(given.items(), key=lambda each: -each[0].count(".")):
        if value not in graph.outputs and module not in used:
            value.name = module


def _module_of(node: Any, around: Sequence[str]) -> str:
    """The module whose weight the node has, for a norm may be folded into it; else the innermost one around it."""
    weight = node.inputs[1].name if len(node.inputs) > 1 and node.inputs[1] is not None else ""
    if node.op_type in ("Conv", "Gemm") and weight.endswith(".weight"):
        return weight.removesuffix(".weight")
    return (around[-1] if around else "") or "network"


class _Exported(nn.Module):
    """A network that gives, behind its scaled logits, the input's unlikeness, what the network says beside them, and
    what its named layers gave."""

    def __init__(
        self,
        network: nn.Module,
        layers: Sequence[str],
        temperature: float,
        bank: Tensor | None,
        further: Further | None = None,
    ):
        super().__init__()
        self.network, self.layers, self.temperature, self.further = network, layers, temperature, further
        self.bank: Tensor | None
        self.register_buffer("bank", bank)

    def forward(self, inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Inputs (B, ...) -> logits, then unlikeness where there is a bank, `further`, then one tensor a layer."""
        given: dict[str, Tensor] = {}

        def keep(name: str, output: object) -> None:
            if not isinstance(output, Tensor):
                raise UserError(f"layer {name}: gives no tensor; name a layer inside or behind it")
            given[name] = output.clone()  # an output of the graph cannot be the same value as another

        def hook(name: str):
            return lambda _module, _inputs, output: keep(name, output)

        handles = [find_layer(self.network, name).register_forward_hook(hook(name)) for name in self.layers]
        said: list[Tensor] = []

        def answer() -> Tensor:
            if self.further is None:
                return self.network(inputs)
            logits, *rest = self.further.forward(self.network, inputs)
            said.extend(rest)
            return logits

        try:
            if self.bank is None:
                logits, others = answer(), []
            else:
                layer = last_dense(self.network)
                assert layer is not None  # the bank is made of its inputs
                logits, features = features_of(self.network, layer, answer)
                others = [unlikeness_of(features, self.bank)]
            others += said
        finally:
            for handle in handles:
                handle.remove()
        found = (logits / self.temperature if self.temperature != 1 else logits, *others)
        found = (*found, *(given[name] for name in self.layers))
        return found if len(found) > 1 else found[0]


def _shortened(inputs: Tensor, axes: Mapping[int, str]) -> Tensor:
    """The first half, rounded up, of the inputs along each of the axes."""
    for axis in axes:
        inputs = inputs.narrow(axis, 0, -(-inputs.shape[axis] // 2))
    return inputs.contiguous()


def _compare_others(
    network: nn.Module, path: Path, inputs: Tensor, names: Sequence[str], others: Sequence[str]
) -> None:
    """Raise RuntimeError where the file says something else beside the logits than the network does."""
    if not others:
        return
    runtime = session(path)
    got = runtime.run(list(others), {runtime.get_inputs()[0].name: inputs.numpy()})
    with torch.inference_mode():
        expected = dict(zip(names, network(inputs), strict=True))
    for name, values in zip(others, got, strict=True):
        wanted = expected[name].float().numpy()
        difference = float(np.nan_to_num(np.abs(values - wanted), nan=np.inf).max())
        tolerance = ABSOLUTE + RELATIVE * float(np.abs(wanted).max())
        if not difference <= tolerance:
            raise RuntimeError(f"the ONNX file's {name} differs from PyTorch's by {difference:.3g}")


def _compare(
    network: nn.Module, path: Path, inputs: Tensor, output_name: str, free_axes: Mapping[int, str]
) -> dict[str, Any]:
    if len(inputs) == 0:
        raise ValueError("the check needs at least one input")
    runtime = session(path)
    input_name = runtime.get_inputs()[0].name
    sizes = sorted({1, min(7, len(inputs)), len(inputs)})
    difference, scale, same, compared, shape = 0.0, 0.0, 0, 0, ()
    batches = [inputs[:size] for size in sizes]
    if free_axes:  # of another length too: a file that has taken one for a constant would only answer that
        batches.insert(0, _shortened(inputs[:7], free_axes))
    for batch in batches:
        with torch.inference_mode():
            answers = network(batch)
            expected = (answers if isinstance(answers, Tensor) else answers[0]).float().numpy()
        try:
            got = runtime.run([output_name], {input_name: batch.numpy()})[0]
        except Exception as error:  # onnxruntime's exception types share no base but Exception
            raise RuntimeError(
                f"the ONNX file does not take inputs {tuple(batch.shape)}: {first_line(error)}"
            ) from error
        if got.shape != expected.shape:
            raise RuntimeError(f"the ONNX file gives {got.shape} where PyTorch gives {expected.shape}")
        difference = max(difference, float(np.nan_to_num(np.abs(got - expected), nan=np.inf).max()))
        scale = max(scale, float(np.abs(expected).max()))
        # (B,), or (B, H, W) of a pointwise head; answers that are equal up to rounding may change places.
        chosen = np.take_along_axis(expected, np.expand_dims(got.argmax(axis=1), 1), 1).squeeze(1)
        agreed = chosen >= expected.max(axis=1) - (ABSOLUTE + RELATIVE * float(np.abs(expected).max()))
        same, compared, shape = same + int(agreed.sum()), compared + agreed.size, expected.shape[1:]
    tolerance = ABSOLUTE + RELATIVE * scale
    if not difference <= tolerance:
        raise RuntimeError(
            f"the ONNX file's logits differ from PyTorch's by {difference:.3g}, more than {tolerance:.3g}"
        )
    return {
        "shape": shape,
        "checked": len(inputs),
        "batch_sizes": sizes,
        "max_difference": difference,
        "tolerance": tolerance,
        "argmax_agreement": same / compared,
    }
