"""Where training begins: the weights of another run, such as one on synthetic voices."""

from pathlib import Path

from torch import nn

from apps.speech.config import SpeechConfig
from cnn_core.errors import UserError
from cnn_core.training import checkpoint


def start(model: nn.Module, config: SpeechConfig) -> None:
    """Give `model` the weights of the run that `config.start` names, if any.

    Raises UserError where there is no such run, or where its network is another.
    """
    if not config.start:
        return
    folder = Path(config.start)
    place = next((folder / name for name in ("best", "last") if checkpoint.exists(folder / name)), None)
    if place is None:
        raise UserError(f"start {folder}: no run with a checkpoint is there")
    try:
        model.load_state_dict(checkpoint.load(place).weights)
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise UserError(f"start {folder}: its network has other layers or other words ({reason[:120]})") from error
