"""What all front ends begin with: a window, mel filters, the changes of training clips, masks over what was found."""

from __future__ import annotations

from torch import Tensor, nn

from apps.speech.config import Augment, FrontConfig
from apps.speech.signal.augment import Augmentation, mask
from apps.speech.signal.spectrum import mel_filters, window
from apps.speech.signal.transform import MelEnergies


class MelFront(nn.Module):
    """The parts of a front end. `energies` computes the mel energies where a network is exported, `change` those of
    training clips changed at random; None where nothing is changed."""

    window: Tensor
    filters: Tensor

    def __init__(self, config: FrontConfig, augment: Augment | None = None):
        super().__init__()
        self.config, self.augment = config, augment or Augment()
        self.register_buffer("window", window().float(), persistent=False)
        self.register_buffer("filters", mel_filters(), persistent=False)
        self.energies = MelEnergies(self.window, self.filters)
        self.change = Augmentation(self.augment, self.filters, self.window) if self.augment else None

    def masked(self, found: Tensor) -> Tensor:
        """(B, 40, T) with bands and frames blanked in training, where `augment` asks for it."""
        if self.training and (self.augment.time_masks or self.augment.band_masks):
            return mask(found, self.augment)
        return found
