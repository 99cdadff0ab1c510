# SPDX-License-Identifier: Apache-2.0
"""Makes the pictures of the README from real runs: python docs/make_pictures.py (needs Chromium)."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))
from browser import Page, browser  # noqa: E402 - programs of another folder, in no package
from check_dashboard import dashboard  # noqa: E402

PICTURES = ROOT / "docs" / "pictures"
MODEL = "models/speech_commands_12.kws"
COLUMNS = 84
TERMINAL = (
    ("listen", MODEL, "examples/stream.flac"),
    ("replay", MODEL, "examples/clips"),
)
REPORT = ("replay", MODEL, "examples/clips", "--board", "netduinoplus2", "--verify", "--report", "out/report.html")


def main() -> None:
    """Run the commands and draw what they print and write."""
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115
    for command in TERMINAL:
        console.print(f"[bold green]$[/] [bold]kws {' '.join(command)}[/]", highlight=False)
        console.print(Text.from_ansi(_settled(_kws(*command)).rstrip()))
        console.print()
    svg = console.export_svg(title="kws")
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)  # nothing is fetched from elsewhere
    (PICTURES / "terminal.svg").write_text(svg, encoding="utf-8")
    _kws(*REPORT)
    with browser() as page:
        page.open((ROOT / "out/report.html").as_uri(), width=1180, height=860)
        page.wait("document.querySelector('tr.detail canvas.plot').height > 300")
        page.ask("document.querySelector('#recordings').scrollIntoView({behavior: 'instant'})")
        photograph(page, "report.png")
    with (
        tempfile.TemporaryDirectory() as folder,
        dashboard(Path(folder), "examples/stream.flac") as address,
        browser() as page,
    ):
        page.open(address, width=1180, height=860)
        page.wait("live.events.length > 1", 60)
        page.ask("tryThresholds()")
        page.ask("hold(true)")
        photograph(page, "dashboard.png")
    print(*sorted(f"{path}: {path.stat().st_size} bytes" for path in PICTURES.iterdir()), sep="\n")


def photograph(page: Page, name: str) -> None:
    """Photograph the window in 64 colours, which keeps the picture small."""
    page.photograph(PICTURES / name)
    with Image.open(PICTURES / name) as picture:
        picture.convert("RGB").quantize(64).save(PICTURES / name, optimize=True)


def _settled(output: str) -> str:
    """What a terminal shows in the end: progress bars have gone, and their lines were written over."""
    lines = [""]
    for part in re.findall(r"\x1b\[\d*A|\x1b\[2K|\x1b\[\?25[lh]|\r|\n|[^\r\n\x1b]+|\x1b\[[\d;]*m", output):
        if part.endswith("A"):
            del lines[-1]
        elif part.endswith("K"):
            lines[-1] = ""
        elif part == "\n":
            lines.append("")
        elif part != "\r" and "?25" not in part:
            lines[-1] += part
    return "\n".join(lines)


def _kws(*arguments: str) -> str:
    environment = os.environ | {"FORCE_COLOR": "1", "COLUMNS": str(COLUMNS)}
    command = [sys.executable, "-m", "kws", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True, timeout=900)
    return done.stdout.decode("utf-8")


if __name__ == "__main__":
    main()
