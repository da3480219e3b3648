"""eSpeak NG through ctypes: text in, samples out. Synthesis is a millisecond or two a word.

The library keeps its state in globals, so one process speaks one word at a time (see worker.py). Its source is under
the GPL, version 3 or later; this suite contains none of it.
"""

from __future__ import annotations

import ctypes
from pathlib import Path

from cnn_core.errors import UserError
from cnn_core.optional import require

SYNCHRONOUS = 2  # AUDIO_OUTPUT_SYNCHRONOUS: samples go to the callback and nowhere else
UTF8 = 1
PHONEMES = 0x100  # espeakPHONEMES: what stands between [[ and ]] is phonemes
SEPARATED = ord("_") << 8  # of espeak_TextToPhonemes: names in ASCII with _ between them
RATE, VOLUME, PITCH, RANGE = 1, 2, 3, 4  # espeak_PARAMETER

# Not a person's voice, or none at all: robots, whispers, effects, and tests of the synthesizer's speed.
DROPPED = ("robo", "robot", "whisper", "demonic", "croak", "storm", "alien", "fast", "klatt6", "tweaky")

CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


def data_folder() -> Path:
    """Folder of the voices, dictionaries and phonemes."""
    return Path(require("espeakng_loader", "speaking words with synthetic voices").get_data_path())


def variants() -> list[str]:
    """Names of the voice variants that sound like a person, sorted."""
    folder = data_folder() / "voices" / "!v"
    names = (path.name for path in folder.iterdir() if path.is_file())
    return sorted(name for name in names if not any(word in name.lower() for word in DROPPED))


def accents(language: str) -> list[str]:
    """Voices of a language, such as gmw/en-US for "en": those of its code and of its regional codes.

    Raises UserError, listing the languages that it speaks, if eSpeak NG does not speak it.
    """
    folder = data_folder() / "lang"
    found: list[str] = []
    codes: set[str] = set()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        code = next((line.split()[1].lower() for line in lines if line.startswith("language ")), "")
        codes.add(code)
        # en-Shaw reads another alphabet.
        if (code == language.lower() or code.startswith(f"{language.lower()}-")) and "shaw" not in path.name.lower():
            found.append(path.relative_to(folder).as_posix())
    if not found:
        spoken = " ".join(sorted({code.partition("-")[0] for code in codes if code}))
        raise UserError(f"--language {language}: eSpeak NG does not speak it; it speaks {spoken}")
    return found


class Espeak:
    """The engine. `speak` gives 16-bit samples at `rate` Hz."""

    def __init__(self) -> None:
        loader = require("espeakng_loader", "speaking words with synthetic voices")
        try:
            self.library = ctypes.cdll.LoadLibrary(loader.get_library_path())
        except OSError as error:
            raise UserError(f"eSpeak NG does not load ({error}); reinstall espeakng-loader") from error
        self.rate = self.library.espeak_Initialize(SYNCHRONOUS, 0, str(loader.get_data_path()).encode(), 0)
        if self.rate <= 0:
            raise UserError("eSpeak NG does not start: its data were not found; reinstall espeakng-loader")
        self.parts: list[bytes] = []
        self.callback = CALLBACK(self._receive)  # an attribute, because the library holds no reference to it
        self.library.espeak_SetSynthCallback(self.callback)
        self.voice = ""

    def _receive(self, samples, count: int, _events) -> int:
        if samples and count > 0:
            self.parts.append(ctypes.string_at(samples, 2 * count))
        return 0

    def speak(self, text: str, voice: str, words_per_minute: int, pitch: int, variation: int) -> bytes:
        """`text` by `voice` ("gmw/en-US+f3"), 80 to 450 words a minute, pitch and its variation 0 to 100.

        Between [[ and ]], phonemes by eSpeak NG's names.

        Raises UserError for a voice that does not exist.
        """
        self._choose(voice)
        for parameter, value in ((RATE, words_per_minute), (PITCH, pitch), (RANGE, variation), (VOLUME, 100)):
            self.library.espeak_SetParameter(parameter, value, 0)
        self.parts = []
        data = text.encode() + b"\0"
        self.library.espeak_Synth(data, ctypes.c_size_t(len(data)), 0, 0, 0, UTF8 | PHONEMES, None, None)
        self.library.espeak_Synchronize()
        return b"".join(self.parts)

    def phonemes(self, text: str, voice: str) -> str:
        """The phonemes of `text` by eSpeak NG's names, _ between them, spaces between words.

        Raises UserError for a voice that does not exist.
        """
        self._choose(voice)
        self.library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        place, found = ctypes.c_char_p(text.encode()), []
        while place.value:
            said = self.library.espeak_TextToPhonemes(ctypes.byref(place), UTF8, SEPARATED)
            found.append((said or b"").decode("utf-8", "replace"))
        return " ".join(found)

    def _choose(self, voice: str) -> None:
        if voice != self.voice:
            if self.library.espeak_SetVoiceByName(voice.encode()) != 0:
                raise UserError(f"eSpeak NG has no voice {voice}")
            self.voice = voice
