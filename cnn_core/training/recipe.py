"""FitConfig: how a network is trained, as plain values; no torch."""

from dataclasses import dataclass, replace
from math import cos, pi
from typing import Literal

from cnn_core.errors import UserError, check_range


@dataclass(frozen=True)
class FitConfig:
    """One training run. Batch sizes count samples over all processes together."""

    epochs: int = 3
    """Passes over the training data, or parts of it of `epoch_samples`."""
    balance: bool = False
    """Repeat the samples of rare classes until all classes come about equally often, at most 100 times. A rare class is
    then found more often, at the price of false alarms."""
    epoch_samples: int = 0
    """Samples of one epoch; 0 takes all. The next epoch takes the next part of one long shuffled order."""
    least_steps: int = 0
    """On few data, as many more passes as make so many steps; 0 keeps to `epochs`, and so does naming these on the
    command line."""
    batch_size: int = 256
    """Samples per step."""
    accumulate: int = 1
    """Go through the samples of a step in so many parts, one after another, and take the step for all of them: less
    memory. The same step as of the whole, but that batch norms take mean and variance of each part."""
    optimizer: Literal["adamw", "muon", "sgd", "adadelta"] = "adamw"
    """adamw (Loshchilov & Hutter 2019), muon (Jordan 2024: for the filters of convolutions, adamw for all other
    weights), SGD with Nesterov momentum, or adadelta (Zeiler 2012)."""
    learning_rate: float = 0.01
    """Highest learning rate of the schedule."""
    betas: tuple[float, float] = (0.9, 0.99)
    """AdamW's decay rates, in muon too; SGD takes the first as its momentum, adadelta the second as its rho."""
    weight_decay: float = 0.01
    """Decoupled (adamw, muon) or L2 (sgd, adadelta); never on norms, biases and tables of word vectors."""
    schedule: Literal["one-cycle", "cosine", "linear", "constant"] = "one-cycle"
    """one-cycle: cosine up and down; cosine, linear: linear warm-up, then down to zero."""
    warmup: float = 0.25
    """Share of the steps in which the learning rate rises."""
    label_smoothing: float = 0.0
    """Share of the target probability spread over all classes."""
    clip_norm: float = 0.0
    """Largest norm of the gradient; 0 leaves it alone."""
    ema: float = 0.0
    """Decay per step of the moving average of the weights, which is what gets saved; 0 turns it off."""
    freeze: tuple[float, ...] = ()
    """Share of the steps after which the first, second, ... layer stops learning (FreezeOut, Brock et al. 2017)."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """auto: bf16 arithmetic where the processor is faster in it, weights stay fp32."""
    compile: bool = False
    """Compile the network with torch.compile; pays off on long runs only."""
    winograd: bool = False
    """On a processor that computes fp32, train 3x3 and 5x5 convolutions of 32 channels and more with 1/4 and 9/25 of
    the multiplications (Winograd's algorithm, Lavin & Gray 2016); needs numba. Elsewhere it changes nothing."""
    local_norms: bool = False
    """With several processes (torchrun), batch norms take mean and variance over each one's share of the batch, as
    they do in plain DistributedDataParallel, not over the whole: faster on processors, and no longer the same network
    as one process trains."""
    validation: float = 0.0
    """Share of the training data held out (stratified) to watch and to stop early."""
    patience: int = 0
    """Stop after so many epochs without a lower validation loss; 0 never stops early."""
    calibration: float = 0.05
    """Share of the training data held out (stratified; at least 200 samples and at most a fifth) to fit the temperature
    of the probabilities, where there is no validation split; 0 leaves them as they are."""
    save_seconds: float = 60.0
    """Time between checkpoints inside an epoch; each epoch ends with one in any case."""

    def __post_init__(self) -> None:
        if self.winograd and self.compile:
            raise UserError("fit.winograd and fit.compile exclude each other; set one of them")
        check_range("epochs", self.epochs, 1)
        check_range("epoch_samples", self.epoch_samples, 0)
        check_range("least_steps", self.least_steps, 0)
        check_range("batch_size", self.batch_size, 1)
        check_range("accumulate", self.accumulate, 1)
        check_range("learning_rate", self.learning_rate, 0, exclusive=True)
        check_range("weight_decay", self.weight_decay, 0)
        check_range("warmup", self.warmup, 0, 1)
        check_range("label_smoothing", self.label_smoothing, 0, 1)
        check_range("clip_norm", self.clip_norm, 0)
        check_range("ema", self.ema, 0, 0.999999)
        check_range("validation", self.validation, 0, 0.9)
        check_range("calibration", self.calibration, 0, 0.5)
        check_range("patience", self.patience, 0)
        check_range("save_seconds", self.save_seconds, 0)
        for share in self.freeze:
            check_range("freeze", share, 0, 1)
        for beta in self.betas:
            check_range("betas", beta, 0, 0.999999)


def for_samples(config: FitConfig, samples: int) -> FitConfig:
    """The training of `samples` samples an epoch: more epochs where `least_steps` asks for them."""
    steps = -(-samples // config.batch_size)
    return replace(config, epochs=max(config.epochs, -(-config.least_steps // max(steps, 1))))


def learning_rate(config: FitConfig, step: int, steps: int) -> float:
    """Learning rate of step `step` (0 to steps - 1); a function of the step alone, so nothing needs saving."""
    if config.schedule == "constant":
        return config.learning_rate
    rise = config.warmup * steps
    if step + 1 < rise:
        up = (step + 1) / rise
        scale = 0.5 - 0.5 * cos(pi * up) if config.schedule == "one-cycle" else up
    else:
        down = (step + 1 - rise) / max(steps - rise, 1)
        scale = 1 - down if config.schedule == "linear" else 0.5 + 0.5 * cos(pi * down)
    return config.learning_rate * max(scale, 1e-4)
