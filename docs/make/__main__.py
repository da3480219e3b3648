"""`python -m docs.make`: the site in build/site, built strictly, its links checked, no request to the outside."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys

from cnn_core.errors import UserError
from docs.make import outside
from docs.make.links import BrokenLink
from docs.make.places import DOCS, ROOT, SITE
from docs.make.stage import stage

LANGUAGES = ("en", "zh")


def main(args: list[str] | None = None) -> int:
    """Build; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m docs.make", description=__doc__)
    parser.add_argument("--no-live", action="store_true", help="leave the lessons' live pages out (they need npm once)")
    options = parser.parse_args(args)
    try:
        stage(with_live=not options.no_live)
    except (BrokenLink, UserError) as error:
        print(f"docs: {error}", file=sys.stderr)
        return 2
    shutil.rmtree(SITE, ignore_errors=True)
    for language in LANGUAGES:
        done = _generate(language)
        if done:
            return done
    faults = [f"asks the outside: {each}" for each in outside.requests(SITE)]
    faults += [f"broken link: {each}" for each in outside.broken(SITE)]
    if faults:
        print("\n".join(f"docs: {each}" for each in faults), file=sys.stderr)
        return 1
    size = sum(path.stat().st_size for path in SITE.rglob("*") if path.is_file())
    count = sum(1 for _ in SITE.rglob("*.html"))
    print(f"site: {SITE.relative_to(ROOT)}/index.html, {count} pages, {size / 1e6:.0f} MB")
    return 0


def _generate(language: str) -> int:
    """Run the generator for one language; its exit status. Pages of zh/ are those of the Chinese run."""
    config = ROOT / "build" / f"{language}.toml"
    shutil.copyfile(DOCS / "make" / f"{language}.toml", config)
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean", "--config-file", str(config)]
    done = subprocess.run(command, check=False)
    if done.returncode:
        return done.returncode
    if language == "zh":
        built = SITE.with_name("site-zh")
        shutil.rmtree(SITE / "zh", ignore_errors=True)
        shutil.copytree(built / "zh", SITE / "zh")
        shutil.copytree(built / "assets", SITE / "assets", dirs_exist_ok=True)
        shutil.rmtree(built)
    return 0


if __name__ == "__main__":
    sys.exit(main())
