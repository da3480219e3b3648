"""What a campaign counts: trials by kind, how they ended, and the faults with what repeats them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Tally:
    """Trials by name; `keep`, if any, is a folder for the inputs of faults."""

    keep: Path | None = None
    trials: Counter[str] = field(default_factory=Counter)
    ends: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(name, how it ended: right, refused, killed, ...) -> count."""
    faults: list[dict[str, str]] = field(default_factory=list)

    def count(self, name: str, end: str) -> None:
        """One trial that ended as it may."""
        self.trials[name] += 1
        self.ends[name, end] += 1

    def fault(self, name: str, what: str, raw: bytes | None = None, suffix: str = "") -> None:
        """One trial that ended as it must not."""
        self.trials[name] += 1
        self.ends[name, "fault"] += 1
        place = ""
        if self.keep and raw is not None:
            self.keep.mkdir(parents=True, exist_ok=True)
            path = self.keep / f"{name.replace(' ', '-')}-{len(self.faults)}{suffix}"
            path.write_bytes(raw)
            place = str(path)
        self.faults.append({"trial": name, "fault": what[-2000:], "input": place})

    def table(self) -> str:
        """A line for each kind of trial, then the faults."""
        kinds = sorted({end for _, end in self.ends})
        width = max([len(name) for name in self.trials], default=5)
        lines = [f"{'trial':{width}} {'all':>7} " + " ".join(f"{kind:>9}" for kind in kinds)]
        for name, count in sorted(self.trials.items()):
            cells = " ".join(f"{self.ends[name, kind] or '':>9}" for kind in kinds)
            lines.append(f"{name:{width}} {count:>7} {cells}")
        lines += [f"fault in {each['trial']}: {each['fault']} {each['input']}".rstrip() for each in self.faults]
        return "\n".join([*lines, f"{sum(self.trials.values())} trials, {len(self.faults)} faults"])

    def to_json(self) -> str:
        """The same for programs."""
        ends = {name: {end: n for (other, end), n in self.ends.items() if other == name} for name in self.trials}
        return json.dumps({"trials": ends, "faults": self.faults}, indent=2, ensure_ascii=False)
