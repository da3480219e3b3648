"""Where and with how many threads things are computed."""

import torch

from cnn_core.distributed import ranks
from cnn_core.errors import UserError


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
    return chosen
