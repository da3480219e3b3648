"""Convolutions of 3x3 and 5x5 with a fraction of the multiplications: Winograd's algorithm (Lavin & Gray 2016).

    with convolutions(network):
        ...  # every 3x3 and 5x5 convolution that can, trains by it

PyTorch's own processor kernels are direct in training. Input tiles and filters become 36 numbers each, 36 products
of matrices follow, and tiles of the output are made from those; gradients go the same way back. That is a quarter of
the multiplications for 3x3, F(4x4, 3x3), and 9 of 25 for 5x5, F(2x2, 5x5). The results differ from the direct ones by
rounding (about 1e-5 of the largest value).

Letters: B batch, C input channels, O output channels, k side of the filters (3 or 5).
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from itertools import pairwise
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

TILES = 128
"""Tiles in a chunk, at most: what is written in one loop is then still in the cache for the next."""
CHANNELS = 32
"""Fewest channels on both sides for which it pays."""
T = TypeVar("T")


class WinogradConv(torch.autograd.Function):
    """(B, C, H, W), (O, C, k, k) -> (B, O, H, W), float32 on a processor; the stride is 1, the size is kept."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor) -> Tensor:  # noqa: D102
        from cnn_core.nn.winograd_tiles import POINTS, tiles, transforms

        outputs, channels, kernel = weight.shape[:3]
        pictures = _channels_last(input)  # (B, H, W, C)
        count, height, width, _ = pictures.shape
        each = tiles(height, kernel) * tiles(width, kernel)
        filters = _filters(weight)  # (36, O, C)
        across = filters.transpose(1, 2).contiguous()
        result = torch.empty(count, height, width, outputs)
        split, join = transforms(channels, kernel).split, transforms(outputs, kernel).join

        def forward(chunks: list[tuple[int, int]]) -> list[Tensor]:
            saved = []
            for first, last in chunks:
                points = torch.empty(POINTS, (last - first) * each, channels)
                split(pictures[first:last].numpy(), points.numpy())
                join(torch.bmm(points, across).numpy(), result[first:last].numpy())
                saved.append(points)
            return saved

        chunks = _chunks(count, each)
        ctx.save_for_backward(filters, *(points for part in _spread(forward, chunks) for points in part))
        ctx.chunks, ctx.shape, ctx.kernel = chunks, pictures.shape, kernel
        return result.permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor]:  # noqa: D102
        from cnn_core.nn.winograd_tiles import transforms

        filters, *saved = ctx.saved_tensors
        outputs, channels = filters.shape[1:]
        gradient = _channels_last(gradients[0])  # (B, H, W, O)
        before = torch.empty(ctx.shape) if ctx.needs_input_grad[0] else None
        split_back = transforms(channels, ctx.kernel).split_back
        join_back = transforms(outputs, ctx.kernel).join_back
        points = {first: each for (first, _), each in zip(ctx.chunks, saved, strict=True)}

        def backward(chunks: list[tuple[int, int]]) -> Tensor:
            slopes = torch.zeros_like(filters)
            for first, last in chunks:
                products = torch.empty(*points[first].shape[:2], outputs)
                join_back(gradient[first:last].numpy(), products.numpy())
                slopes.baddbmm_(products.transpose(1, 2), points[first])
                if before is not None:
                    split_back(torch.bmm(products, filters).numpy(), before[first:last].numpy())
            return slopes

        slopes = sum(_spread(backward, ctx.chunks), torch.zeros(()))  # (36, O, C)
        weight = (_values(ctx.kernel).T @ slopes.flatten(1)).T.reshape(outputs, channels, ctx.kernel, ctx.kernel)
        return None if before is None else before.permute(0, 3, 1, 2), weight


@contextmanager
def convolutions(network: nn.Module) -> Iterator[None]:
    """While it lasts, 3x3 and 5x5 convolutions of `network` in training mode work this way, where they can and it pays.

    That is: float32 on a processor, stride 1, zeros as padding that keeps the size, no groups, 32 channels or more on
    both sides. All others, and every evaluation, stay as they are. Raises UserError when numba is missing.
    """
    import cnn_core.nn.winograd_tiles  # noqa: F401  says now what is missing

    changed = [module for module in network.modules() if isinstance(module, nn.Conv2d) and _fits(module)]
    for module in changed:
        module.forward = partial(_forward, module)
    try:
        yield
    finally:
        for module in changed:
            del module.forward


def _fits(module: nn.Conv2d) -> bool:
    side = module.kernel_size[0]
    same = module.padding in ("same", (side // 2, side // 2)) and module.padding_mode == "zeros"
    plain = module.stride == module.dilation == (1, 1) and module.groups == 1
    return (
        module.kernel_size in ((3, 3), (5, 5))
        and same
        and plain
        and min(module.in_channels, module.out_channels) >= CHANNELS
    )


def _forward(module: nn.Conv2d, input: Tensor) -> Tensor:
    fp32 = input.device.type == "cpu" and input.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    if not (fp32 and module.training):
        return type(module).forward(module, input)
    output: Tensor = WinogradConv.apply(input, module.weight)  # type: ignore[assignment]
    return output if module.bias is None else output + module.bias[:, None, None]


def _channels_last(batch: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, H, W, C), without a copy where that is how it lies in memory."""
    return batch.detach().permute(0, 2, 3, 1).contiguous()


@cache
def _values(kernel: int) -> Tensor:
    """(36, k * k): what each weight adds to each of a filter's 36 numbers."""
    from cnn_core.nn.winograd_tiles import filter_values

    return torch.kron(*[torch.from_numpy(filter_values(kernel))] * 2)


def _filters(weight: Tensor) -> Tensor:
    """(O, C, k, k) -> (36, O, C)."""
    return (_values(weight.shape[-1]) @ weight.detach().flatten(2).flatten(0, 1).T).view(-1, *weight.shape[:2])


def _chunks(count: int, tiles: int) -> list[tuple[int, int]]:
    """First and last + 1 picture of each chunk: about TILES tiles, and the same number of chunks for each thread."""
    threads = torch.get_num_threads()
    number = min(count, max(1, round(count * tiles / TILES / threads)) * threads)
    ends = [count * k // number for k in range(number + 1)]
    return list(pairwise(ends))


def _spread(work: Callable[[list[tuple[int, int]]], T], chunks: list[tuple[int, int]]) -> list[T]:
    """work(some of the chunks, in their order) in as many threads as torch has, each with one thread of torch's."""
    threads = torch.get_num_threads()
    if threads == 1:
        return [work(chunks)]
    share = -(-len(chunks) // threads)
    mine, *theirs = [chunks[k : k + share] for k in range(0, len(chunks), share)]
    others = [_workers(threads).submit(work, part) for part in theirs]
    torch.set_num_threads(1)
    try:
        done = work(mine)
    finally:
        torch.set_num_threads(threads)
    return [done, *(other.result() for other in others)]


@cache
def _workers(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads - 1, "winograd", torch.set_num_threads, (1,))
