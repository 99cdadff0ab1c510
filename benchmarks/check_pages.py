# SPDX-License-Identifier: Apache-2.0
"""Reports of 60, 500 and 2,000 clips and of a stream of half an hour, opened and used in a headless Chromium.

    make check-pages KWS_DATA=DIR        # a folder with Speech Commands; writes benchmarks/pages.json

Every page must load without an error in its console, be no wider than its window, find, filter and sort, list the clips
of a cell of the confusion matrix, and play the sound of a mistake with the playhead in step.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from browser import Page, browser

from kws.audio import SAMPLE_RATE_HZ, read_audio, write_wav
from kws.audio_files import find_audio
from kws.harness.baseline import compare
from kws.harness.result import ReplayResult
from kws.harness.run import ReplayRequest, run_replay
from kws.report.page import replay_page

ROOT = Path(__file__).resolve().parents[1]
MODEL = ROOT / "models/speech_commands_12.kws"
COUNTS = (60, 500, 2000)
STREAM_S = 1800
SIZES = ((1280, 900), (390, 844))
KEYWORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")


def main() -> None:
    """Make the pages, use them, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--pictures", type=Path, help="also write screenshots into this folder")
    options = parser.parse_args()
    rows = {}
    with browser() as page, tempfile.TemporaryDirectory(prefix="kws-pages-") as folder:
        for count in COUNTS:
            result = run_replay(
                ReplayRequest(paths=choose(options.data, count, Path(folder) / str(count)), bundle=MODEL)
            )
            before = json.loads(json.dumps(result.to_json()))
            before["recordings"][0]["predicted"] = "go"
            rows[f"{count} clips"] = use(page, f"{count}-clips", result, before, Path(folder), options.pictures)
        stream, truth = make_stream(options.data, Path(folder))
        result = run_replay(ReplayRequest(paths=stream, bundle=MODEL, truth=truth))
        rows[f"a stream of {STREAM_S // 60} min"] = use(page, "stream", result, None, Path(folder), options.pictures)
    for name, row in rows.items():
        print(name, row)
    Path(__file__).with_name("pages.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def choose(data: Path, count: int, folder: Path) -> Path:
    """Link clips, evenly over words and speakers, into a folder."""
    clips = [clip for clip in find_audio([data]) if clip.parent.name in KEYWORDS or clip.parent.name in ("bed", "tree")]
    for index in np.linspace(0, len(clips) - 1, count, dtype=int):
        link = folder / clips[index].parent.name / clips[index].name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(clips[index].resolve())
    return folder


def make_stream(data: Path, folder: Path) -> tuple[Path, Path]:
    """Half an hour of words, one every two seconds over faint noise; one in nine is a keyword with its window."""
    random = np.random.default_rng(1)
    clips = find_audio([data])
    samples = random.normal(0.0, 30.0, STREAM_S * SAMPLE_RATE_HZ)
    lines = ["file,label,start_s,end_s"]
    for start_s in range(2, STREAM_S - 3, 2):
        wants_keyword = start_s % 18 == 0
        clip = clips[int(random.integers(len(clips)))]
        while (clip.parent.name in KEYWORDS) != wants_keyword:
            clip = clips[int(random.integers(len(clips)))]
        sound = read_audio(clip)
        samples[start_s * SAMPLE_RATE_HZ :][: sound.size] += sound
        if wants_keyword:
            lines.append(f"stream.wav,{clip.parent.name},{start_s},{start_s + sound.size / SAMPLE_RATE_HZ:.3f}")
    write_wav(folder / "stream.wav", np.clip(samples, -32768, 32767).astype(np.int16))
    (folder / "truth.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "stream.wav", folder / "truth.csv"


def use(
    page: Page, name: str, result: ReplayResult, before: dict[str, Any] | None, folder: Path, pictures: Path | None
) -> dict[str, Any]:
    """Write a page and do with it what a reader does."""
    path = folder / f"{name}.html"
    started_s = time.perf_counter()
    comparison = None if before is None else compare(result, before)
    path.write_text(replay_page(result, comparison=comparison, baseline=before), encoding="utf-8")
    made_s = time.perf_counter() - started_s
    loads = []
    for dark in (False, True):
        for width, height in SIZES:
            loads.append(page.open(path.as_uri(), width=width, height=height, dark=dark))
            page.wait("document.querySelector('tr.detail canvas.plot').height > 300")
            assert page.ask("document.documentElement.scrollWidth") <= width, f"{name} is wider than {width} pixels"
            if pictures is not None:
                time.sleep(0.5)
                page.photograph(pictures / f"{name}-{width}-{'dark' if dark else 'light'}.png", whole=True)
    page.open(path.as_uri())
    found = {
        "bytes": path.stat().st_size,
        "written_s": round(made_s, 2),
        "loads_s": round(max(loads), 2),
        "nodes": page.ask("document.getElementsByTagName('*').length"),
        "mistakes": check_mistakes(page),
        "search_ms": check_list(page, result),
        "console_errors": len(page.errors),
    }
    check_player(page, is_long=result.audio_s > STREAM_S and len(result.outcomes) == 1)
    if result.clips:
        check_confusion(page, result)
    assert not page.errors, page.errors
    return found


def check_mistakes(page: Page) -> int:
    """Every mistake must have a sound, a plot and a truth; returns how many there are."""
    mistakes = "data.recordings.filter((r) => r.isWrong)"
    assert page.ask(f"{mistakes}.every((r) => r.pieces.length && r.plot.packed && (r.expected || r.windows.length))")
    covered = "r.pieces.some((p) => m[1] === null || m[1] >= p.start_s - 0.05)"
    assert page.ask(f"{mistakes}.every((r) => r.mistakes.every((m) => {covered}))")
    return int(page.ask(f"{mistakes}.reduce((n, r) => n + r.mistakes.length, 0)"))


def check_list(page: Page, result: ReplayResult) -> float:
    """Search, sort and filter; returns the milliseconds one letter of a search takes."""
    rows = "document.querySelectorAll('tr.row')"
    total = len(result.outcomes)
    page.ask("document.querySelector('[data-only=all]').click()")
    assert page.ask(f"{rows}.length") == min(total, 200)
    name = result.outcomes[-1].recording.name
    took_ms = page.ask(
        f"(() => {{ const box = document.getElementById('search'); box.value = {json.dumps(name)}; "
        "const t = performance.now(); box.dispatchEvent(new Event('input')); document.body.offsetHeight; "
        "return performance.now() - t; })()"
    )
    assert page.ask(f"{rows}.length") == 1
    assert page.ask(f"{rows}[0].textContent").startswith(name)
    page.ask("document.querySelector('#filters .plain').click()")
    page.ask("document.querySelectorAll('#head button')[0].click()")
    names = page.ask(f"[...{rows}].map((r) => r.querySelector('code').textContent)")
    page.ask("document.querySelectorAll('#head button')[0].click()")
    last = page.ask(f"{rows}[0].querySelector('code').textContent")
    assert total == 1 or (
        names[0] != last
        and names == page.ask(f"{json.dumps(names)}.sort(new Intl.Collator(undefined, {{numeric: true}}).compare)")
    )
    return round(float(took_ms), 1)


def check_player(page: Page, *, is_long: bool) -> None:
    """Play a mistake: the sound moves, the time shown is the sound's, and the playhead stands where the time says."""
    page.ask("document.querySelector('[data-only=mistakes]').click()")
    page.click("tr.row")
    page.wait("document.querySelector('tr.detail canvas.plot').height > 300")
    page.click(".moments button" if is_long else ".controls .main")
    page.wait("player.owner && player.element.currentTime > 0.15 && document.querySelector('.controls output').value")
    shown, sound = page.ask(
        "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done("
        "[parseFloat(document.querySelector('.controls output').value.split(':').pop()), "
        "(player.offset_s + player.element.currentTime) % 60]))))"
    )
    assert abs(shown - sound) < 0.15, (shown, sound)
    if is_long:
        page.ask("player.stop()")
    page.wait("player.owner === null")
    assert page.ask("document.querySelector('.controls .main').textContent") == "▶ play"
    if not is_long:  # once over, it plays again from its beginning
        page.click(".controls .main")
        now = "player.element.currentTime"
        page.wait(f"player.owner && {now} > 0.02 && {now} < 0.8 * player.element.duration")
        page.ask("player.stop()")


def check_confusion(page: Page, result: ReplayResult) -> None:
    """A click on a cell lists exactly its clips."""
    wrong = next(outcome for outcome in result.clips if not outcome.correct)
    expected, heard = str(wrong.recording.expected), str(wrong.predicted)
    page.click(f'button[data-expected="{expected}"][data-heard="{heard}"]')
    listed = page.ask("[...document.querySelectorAll('tr.row code')].map((c) => c.textContent)")
    clips = [o.recording.name for o in result.clips if (o.recording.expected, o.predicted) == (expected, heard)]
    assert sorted(listed) == sorted(clips), (listed, clips)


if __name__ == "__main__":
    main()
