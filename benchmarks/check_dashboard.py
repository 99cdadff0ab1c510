# SPDX-License-Identifier: Apache-2.0
"""`kws dashboard` used in a headless Chromium, fed by a recording and by an emulated board's microphone.

    make check-dashboard

The page must show sound, scores and events as they come, tell what other thresholds would have done and what they mean
on a suite, save a moment that a replay reads, and write a bundle that listens with the new thresholds. Nobody without
the token is answered.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from browser import Page, browser

import kws
from kws.bundle import Bundle

ROOT = Path(__file__).resolve().parents[1]
MODEL = "models/speech_commands_12.kws"
SOUND = ROOT / "examples/stream.flac"
SIZES = ((1280, 900), (390, 844))


@contextmanager
def dashboard(folder: Path, *arguments: str) -> Iterator[str]:
    """Run the command; yields the address it prints."""
    command = [sys.executable, "-m", "kws", "dashboard", MODEL, *arguments, "--port", "0"]
    command += ["--suite", str(ROOT / "examples/suite.toml"), "--save", str(folder / "moments")]
    command += ["--out", str(folder / "tuned.kws")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as running:
        try:
            assert running.stdout is not None
            found = None
            while found is None:
                line = running.stdout.readline()
                assert line, "kws dashboard ended"
                found = re.search(r"http://\S+", line)
            yield found[0]
        finally:
            running.terminate()
            running.wait(20)


def check(page: Page, address: str, folder: Path, pictures: Path | None, name: str) -> dict[str, float]:
    """Do with the page what a person does."""
    loaded_s = page.open(address)
    page.wait("plot.data && live.rows.length > 60", 300)  # firmware may have to be built first
    page.wait("live.events.length > 0", 60)
    page.ask("(() => { const s = document.querySelector('#sliders input[data-label=stop]'); s.value = 255; "
             "s.dispatchEvent(new Event('input')); })()")  # fmt: skip
    page.wait("document.getElementById('effect').textContent.includes('% missed')", 60)
    heard_s, tried_s = (
        page.ask(f"(({events}).find((e) => e[0] === 'stop') || [])[1]")
        for events in ("live.events", "recording.before.events")
    )
    assert tried_s is None or tried_s > heard_s, f"a higher threshold is reached later, not at {tried_s} ({heard_s}) s"
    started_s = time.perf_counter()
    page.ask("tryThresholds()")
    answer_s = time.perf_counter() - started_s
    page.click("#hold")
    page.ask("document.getElementById('label').value = 'stop'")
    page.click("#save")
    page.wait("document.getElementById('said').value.startsWith('wrote')", 60)
    page.click("#write")
    page.wait("document.getElementById('wrote').value.startsWith('wrote')", 60)
    for dark in (False, True):
        for width, height in SIZES:
            page.resize(width, height)
            page.call("Emulation.setEmulatedMedia",
                      features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])  # fmt: skip
            time.sleep(0.5)
            assert page.ask("document.documentElement.scrollWidth") <= width, f"wider than {width} pixels"
            if pictures is not None:
                page.photograph(pictures / f"dashboard-{name}-{width}-{'dark' if dark else 'light'}.png", whole=True)
    assert not page.errors, page.errors
    return {"loaded_s": round(loaded_s, 2), "answer_ms": round(1000 * answer_s, 1)}


def check_files(folder: Path) -> None:
    """What the page wrote must be what it says."""
    saved = kws.run_replay(kws.ReplayRequest(paths=folder / "moments", bundle=ROOT / MODEL))
    assert [outcome.recording.expected for outcome in saved.outcomes] == ["stop"]
    decision, before = Bundle.load(folder / "tuned.kws").decision, Bundle.load(ROOT / MODEL).decision
    assert set(before.operating_points) < set(decision.operating_points)
    thresholds = decision.operating_points[decision.default_operating_point].thresholds
    assert thresholds[kws.load(ROOT / MODEL).labels.index("stop")] == 255
    before_s, tuned_s = (
        [word.time_s for word in kws.load(bundle).listen(SOUND) if word.label == "stop"]
        for bundle in (ROOT / MODEL, folder / "tuned.kws")
    )
    assert not tuned_s or tuned_s[0] > before_s[0]


def check_door(address: str) -> None:
    """Without the token, with another, or by another name, nothing is told."""
    wrong = {
        "no token": re.sub(r"\?token=.*", "", address),
        "another token": address + "x",
        "another host": urllib.request.Request(address, headers={"Host": "elsewhere.example:80"}),
    }
    for what, request in wrong.items():
        assert status_of(request) == 403, f"{what}: expected to be refused and was answered"
    assert status_of(address) == 200


def status_of(request: str | urllib.request.Request) -> int:
    """Status that a request is answered with."""
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def main() -> None:
    """Check both sources."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, help="also write screenshots into this folder")
    pictures = parser.parse_args().pictures
    rows = {}
    with browser() as page, tempfile.TemporaryDirectory(prefix="kws-dashboard-") as name:
        sound = Path(name) / "sound.wav"  # the first half second of a microphone is not heard
        kws.write_wav(sound, np.concatenate([np.zeros(8000, np.int16), *3 * [kws.read_audio(SOUND)]]))
        sources = {"a recording": (str(SOUND),), "nrf52840dk": ("--board", "nrf52840dk", "--sound", str(sound))}
        for source, arguments in sources.items():
            folder = Path(name) / source.replace(" ", "_")
            folder.mkdir()
            with dashboard(folder, *arguments) as address:
                check_door(address)
                rows[source] = check(page, address, folder, pictures, source.split()[-1])
            check_files(folder)
    print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
