"""Where and with how many threads things are computed."""

import ctypes

import torch

from cnn_core.errors import UserError
from cnn_core.training.distributed import ranks


def choose(device: str = "auto", threads: int = 0) -> torch.device:
    """The device "auto", "cpu", "cuda", "cuda:1" or "mps", with `threads` CPU threads (0: as torch decides).

    Raises UserError when the machine has no such device.
    """
    if threads < 0:
        raise UserError(f"threads must be at least 0, not {threads}")
    if threads:
        torch.set_num_threads(threads)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        chosen = torch.device(device)
        if chosen.type == "cuda" and chosen.index is None:
            chosen = torch.device("cuda", ranks().local)
        torch.empty(1, device=chosen)
    # AssertionError: torch without CUDA; NotImplementedError: a kind of device that this torch was not built for.
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UserError(f"--device {device}: not available here; use auto, cpu, cuda or cuda:NUMBER") from error
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    elif chosen.type == "cpu":
        keep_freed_memory()
    return chosen


def keep_freed_memory() -> None:
    """Let the process keep what it frees, up to 1 GiB at the end of its heap, for its next arrays.

    As it comes, glibc gives arrays of some MiB back at once and has the system clear new pages for the next ones: in
    training a tenth of the processor's time, in evaluation as much. Where the C library knows no such settings nothing
    happens.
    """
    trim, mapped = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(trim, 1 << 30)
    mallopt(mapped, 1 << 25)
