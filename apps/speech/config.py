"""What a speech run is made of, and the presets; no torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import ClassVar, Literal

from cnn_core.errors import UserError
from cnn_core.training.recipe import FitConfig
from cnn_core.verbs.measures.tuning.ranges import USUAL, Even, OneOf

Kind = Literal[
    "windows",
    "one-fpool3",
    "one-fstride4",
    "one-fstride8",
    "tc-resnet8",
    "tc-resnet8-stream",
    "res8",
    "trad-fpool3",
    "bc-resnet",
]
STREAM = "tc-resnet8-stream"


@dataclass(frozen=True)
class FrontConfig:
    """From samples to a spectrogram: 40 mel bands, one frame every 10 ms."""

    kind: Literal["log-mel", "mfcc"] = "log-mel"
    """Logarithm of the energy in mel bands, or its cosine transform (MFCC)."""
    coefficients: int = 40
    """Number of MFCC."""
    level: Literal["absolute", "relative", "running"] = "absolute"
    """relative divides energies by the clip's mean, so that loudness does not matter; running by their mean so far, as
    a stream needs it."""
    floor: float = 1e-6
    """Constant added to energies before the logarithm."""

    def __post_init__(self) -> None:
        if not 1 <= self.coefficients <= 40:
            raise UserError(f"front.coefficients must be between 1 and 40, not {self.coefficients}")
        if not self.floor > 0:
            raise UserError(f"front.floor must be above 0, not {self.floor:g}")


@dataclass(frozen=True)
class Augment:
    """Random changes of each training clip; 0 switches one off. With noise, silent clips get some too."""

    shift: float = 0.0
    """Largest shift in seconds, to either side."""
    noise: float = 0.0
    """Share of the clips with added noise of a random colour."""
    snr: tuple[float, float] = (0.0, 40.0)
    """Lowest and highest signal-to-noise ratio in dB."""
    gain: float = 0.0
    """Largest change of loudness in dB, to either side."""
    speed: float = 0.0
    """Largest change of tempo, pitch and formants together; 0.25 is 80 to 125 %."""
    tempo: float = 0.0
    """Largest further change of tempo alone."""
    warp: float = 0.0
    """Largest further change of pitch and formants alone, as by a longer or shorter vocal tract."""
    channel: float = 0.0
    """Share of the clips filtered as by a random microphone: a tilt, and a cut-off between 2.5 and 8 kHz."""
    reverb: float = 0.0
    """Share of the clips with the reverberation of a room (0.1 to 0.6 s)."""
    clip: float = 0.0
    """Share of the clips overdriven by up to 20 dB, so that their peaks are cut off."""
    time_masks: int = 0
    """SpecAugment: number of masked stretches of time."""
    time_width: int = 20
    """SpecAugment: largest width of one, in frames of 10 ms."""
    band_masks: int = 0
    """SpecAugment: number of masked ranges of bands."""
    band_width: int = 8
    """SpecAugment: largest width of one, in bands."""

    def __post_init__(self) -> None:
        for name in ("noise", "channel", "reverb", "clip"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"augment.{name} is a share and must be between 0 and 1, not {getattr(self, name):g}")
        for name, most in (("shift", 0.5), ("speed", 0.5), ("tempo", 0.5), ("warp", 0.5), ("gain", 60)):
            if not 0 <= getattr(self, name) <= most:
                raise UserError(f"augment.{name} must be between 0 and {most:g}, not {getattr(self, name):g}")
        for name, most in (("time_masks", 10), ("band_masks", 10), ("time_width", 100), ("band_width", 40)):
            if not 0 <= getattr(self, name) <= most:
                raise UserError(f"augment.{name} must be between 0 and {most}, not {getattr(self, name)}")
        if not self.snr[0] <= self.snr[1]:
            raise UserError(f"augment.snr must be given low to high, not {self.snr[0]:g} to {self.snr[1]:g}")

    def __bool__(self) -> bool:
        amounts = {f.name for f in fields(self)} - {"snr", "time_width", "band_width"}
        return any(getattr(self, name) for name in amounts)


@dataclass(frozen=True)
class Others:
    """How much of each epoch is no word of the list."""

    share: float = 0.25
    """Share of the clips that are `unknown`: other words, near misses, parts of words, several voices at once."""
    silence: float = 0.08
    """Share of the clips that are `silence`: rooms, hum, tones, clicks, chords, noise."""
    near: int = 14
    """Near misses of each word among the other words, which differ from it in one phoneme (nose and no)."""
    invented: int = 120
    """Words that do not exist among the other words."""
    language: str = ""
    """Language of the other words, as eSpeak NG calls it; that of the voices, else en, when left out."""

    def __post_init__(self) -> None:
        for name in ("share", "silence"):
            if not 0 < getattr(self, name) <= 0.8:
                raise UserError(f"others.{name} must be above 0 and at most 0.8, not {getattr(self, name):g}")
        for name in ("near", "invented"):
            if not 0 <= getattr(self, name) <= 2000:
                raise UserError(f"others.{name} must be between 0 and 2000, not {getattr(self, name)}")
        if self.share + self.silence > 0.9:
            raise UserError("others.share and others.silence together must be at most 0.9, for the words need a place")


@dataclass(frozen=True)
class NetConfig:
    """The network, and optional pooling after its first convolution."""

    kind: Kind = "tc-resnet8"
    """windows, one-*: filters move along frequency; tc-resnet8: along time, -stream: looking back only; res8,
    trad-fpool3: both; bc-resnet."""
    width: float = 1.0
    """Factor of the number of filters; BC-ResNet-t has the width t."""
    pool: Literal["none", "max", "avg", "blur"] = "none"
    """Pooling after the first convolution."""
    pool_bands: int = 1
    """Bands pooled together."""
    pool_frames: int = 1
    """Frames pooled together."""
    window: int = 9
    """windows: number of frames in a window; all windows share their filters."""
    dropout: float = 0.0
    """Dropout before the last layer."""

    def __post_init__(self) -> None:
        if not 0.02 <= self.width <= 64:
            raise UserError(f"net.width must be between 0.02 and 64, not {self.width:g}")
        if not 0 <= self.dropout < 1:
            raise UserError(f"net.dropout must be at least 0 and below 1, not {self.dropout:g}")
        for name in ("pool_bands", "pool_frames", "window"):
            if not 1 <= getattr(self, name) <= 101:
                raise UserError(f"net.{name} must be between 1 and 101, not {getattr(self, name)}")
        if self.kind == STREAM and self.pool != "none":
            raise UserError(f"net.pool must be none for {STREAM}, whose step is its stride")
        along = {"tc-resnet8": ("pool_bands", "bands are its channels: it has no frequency axis to pool")}
        along |= dict.fromkeys(
            ("windows", "one-fpool3", "one-fstride4", "one-fstride8"),
            ("pool_frames", "frames are its channels: it has no time axis to pool"),
        )
        name, reason = along.get(self.kind, ("", ""))
        if name and getattr(self, name) != 1:
            raise UserError(f"net.{name} must be 1 for {self.kind}; {reason}")


@dataclass(frozen=True)
class SpeechConfig:
    """A network that recognizes words in clips of one second, and how it is trained."""

    data: str = "synthetic-digits"
    """Name of a data set (see `prepare --list`), voices:LANGUAGE:word,word,... or a folder of one folder per word."""
    speakers: str = ""
    """CSV file with the columns file and speaker for the recordings of a folder; paths are relative to it."""
    layout: Literal["auto", "word/speaker", "speaker/word"] = "auto"
    """What two levels of folders stand for; auto recognizes it where it can."""
    skip_bad: bool = False
    """Leave out recordings that cannot be read."""
    split: str = "official"
    """official, or speaker:NAME to test on all recordings of that speaker and train on the others."""
    also: str = ""
    """Another data set with the same words; all of it is added to the training data."""
    shots: int = 0
    """Number of training clips of each word (before `also`); 0 takes all."""
    unknown: bool = False
    """Learn the classes `unknown` (other words) and `silence` (other sounds) beside the words, so that `listen` does
    not take everything for one of them."""
    others: Others = field(default_factory=Others)
    """Their share of the clips."""
    negatives: str = ""
    """Folder of recordings that hold none of the words; cut into seconds, they join `unknown`."""
    noise: str = ""
    """Folder of recordings without speech; cut into seconds, they join `silence`."""
    front: FrontConfig = field(default_factory=FrontConfig)
    """The front end."""
    augment: Augment = field(default_factory=Augment)
    """Random changes of the training clips."""
    net: NetConfig = field(default_factory=NetConfig)
    """The layers."""
    fit: FitConfig = field(default_factory=FitConfig)
    """The training loop."""

    MOVED: ClassVar[Mapping[str, str]] = {"start": ""}
    """Fields of earlier versions; the record of a run now names the run of --init."""

    def __post_init__(self) -> None:
        for name in ("negatives", "noise"):
            if getattr(self, name) and not self.unknown:
                raise UserError(f"--{name} belongs to the class unknown; leave --no-unknown out")
        if (self.net.kind == STREAM) != (self.front.level == "running"):
            raise UserError(f"net.kind {STREAM} and front.level running belong together; give both, or neither")
        if self.streams and self.front.kind != "log-mel":
            raise UserError(f"front.kind must be log-mel for {STREAM}")
        if self.shots < 0:
            raise UserError(f"shots must be at least 0, not {self.shots}")
        if self.split != "official" and not (self.split.startswith("speaker:") and self.split[8:]):
            raise UserError(f"split must be official or speaker:NAME, not {self.split!r}")

    @property
    def streams(self) -> bool:
        """Whether the network can be continued: it hears a recording step by step, keeping its state."""
        return self.net.kind == STREAM


HARD = Augment(
    shift=0.1,
    noise=0.8,
    snr=(0.0, 40.0),
    gain=10.0,
    speed=0.15,
    tempo=0.15,
    warp=0.1,
    channel=0.8,
    reverb=0.3,
    clip=0.15,
    time_masks=1,
    time_width=12,
    band_masks=1,
    band_width=6,
)
FRONT = FrontConfig(level="relative", floor=1e-4)
FIT = FitConfig(
    epochs=12,
    least_steps=100,
    batch_size=128,
    learning_rate=0.01,
    weight_decay=0.05,
    schedule="linear",
    warmup=0.1,
    label_smoothing=0.1,
    ema=0.995,
)


def _preset(net: NetConfig, front: FrontConfig = FRONT, **fit: float) -> SpeechConfig:
    return SpeechConfig(unknown=True, front=front, augment=HARD, net=net, fit=replace(FIT, **fit))  # type: ignore[arg-type]


PRESETS = {
    # Scores: mean ± sd over 3 seeds, one thread (README.md), of words alone (--no-unknown). Beside other words and
    # sounds, strangers' single clips are refused more often (docs/experiments/speech-listening.md).
    # cnn-speech train: synthetic voices, 12 passes, 80 to 115 CPU-seconds; 74.2 ± 1.7 % of FSDD's real recordings.
    "time": _preset(NetConfig(kind="tc-resnet8", dropout=0.2)),
    # cnn-speech train --preset wide: the same, 16 passes, 180 CPU-seconds; 75.7 ± 1.6 % of FSDD's real recordings.
    "wide": _preset(NetConfig(kind="tc-resnet8", width=2, dropout=0.2), epochs=16),
    # cnn-speech train --preset adapt --init RUN --data fsdd: 15 passes, 16 CPU-seconds; 98.8 ± 0.0 % on FSDD's official
    # split (RUN of preset time).
    "adapt": _preset(NetConfig(kind="tc-resnet8", dropout=0.2), epochs=15, learning_rate=0.005),
    # cnn-speech train --preset stream: `time` that looks back only and keeps its state from one step to the next; on
    # five words, beside `unknown`, 190 CPU-seconds and 73.1 % of FSDD's clips (`time` 61.7 %), one seed.
    "stream": _preset(NetConfig(kind=STREAM, dropout=0.2), replace(FRONT, level="running")),
    # The same recipe for the other axes, measured on part of the data only: cnn-bench axes (docs/benchmarks.md).
    "frequency": _preset(NetConfig(kind="windows", pool="max", pool_bands=2, dropout=0.2)),
    "one-fpool3": _preset(NetConfig(kind="one-fpool3", pool="max", pool_bands=3)),
    "plane": _preset(NetConfig(kind="res8", pool="avg", pool_bands=3, pool_frames=4)),
    "trad-fpool3": _preset(NetConfig(kind="trad-fpool3", pool="max", pool_bands=3, dropout=0.2)),
    "broadcast": _preset(NetConfig(kind="bc-resnet")),
}
_SPEECH = {"net.dropout": Even(0.0, 0.5), "augment.time_width": OneOf((0, 6, 12, 20)),
           "augment.band_width": OneOf((0, 3, 6, 10)), "augment.noise": Even(0.3, 1.0)}  # fmt: skip
RANGES = dict.fromkeys(PRESETS, USUAL | _SPEECH)
"""Where `tune` searches."""
DEFAULT = "time"
