# SPDX-License-Identifier: Apache-2.0
"""Boards that hear through their microphones, on emulated chips: `make eval KWS_DATA=DIR`.

200 validation keywords in a quiet room are played to the microphone of every emulated board, two of them with a core
that other work keeps busy; what the board captured is fed to the host's pipeline. The first minute is also played to
boards that nobody talks to, and the words themselves are replayed to one over its serial line. Writes
benchmarks/microphones.json: samples lost, events and scores that differ from the host's, keywords found through the
microphone and over the line, cycles, share of the time awake. Over USB also: a megabyte each way, and a cable that
is pulled in the middle. What is not asked for by --only stays as it was measured before. Fails when a sample is lost or
a bit differs.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from kws.audio import SAMPLE_RATE_HZ, Samples, read_audio, write_wav
from kws.bundle import Bundle
from kws.datasets.speech_commands import open_folder
from kws.device import Board, open_board
from kws.device.boards import DEFAULT_BAUD, open_port
from kws.device.chips import ChipReport, run_chip, start_chip
from kws.device.link import Link
from kws.device.microphone import MicrophoneResult
from kws.device.monitor import SETTLING_S
from kws.endpoints import speech_bounds
from kws.errors import KwsError
from kws.evaluation.events import match_events
from kws.evaluation.run import keywords_of
from kws.evaluation.streams import Stream, StreamRecipe, Word, mix_stream
from kws.evaluation.truth import Truth, Window
from kws.pipeline import Detection, Pipeline
from kws.progress import Progress

BUNDLE = Path(__file__).parents[1] / "models" / "speech_commands_12.kws"
SERIAL_BOARD, USB_BOARD = "nrf52840dk", "xiao_nrf52840_sense"
NUM_CLIPS = 200
QUIET_ROOM_STEPS, SNR_DB = 3.0, 54.0
GAPS_S = {"min_gap_s": 1.0, "max_gap_s": 1.1}
OTHER_WORK_PERCENT = {"nrf52840dk": 84, "xiao_nrf52840_sense": 0, "stm32f407g_disc1": 83}
"""Of the core's time, taken in pieces of a millisecond's length; with the board's own work it is busy 90 %, or more."""
ALONE_S = 60.0
ALONE = {f"{board}_alone": board for board in OTHER_WORK_PERCENT}
PARTS = (*OTHER_WORK_PERCENT, *ALONE, "serial", "usb")
Row = dict[str, float | str]
MEGABYTE = 1_000_000
TIMEOUT_S = 60.0


def keywords(data: Path, bundle: Bundle) -> Stream:
    """Return the keywords, drawn once and for all, in a quiet room."""
    corpus = open_folder(data)
    rows = [corpus.clips[i] for i in corpus.of_split("validation")]
    clips = [clip for clip in rows if clip.word in keywords_of(bundle)]
    order = np.random.default_rng(0).permutation(len(clips))
    words = [Word(samples=read_audio(clips[i].path), label=clips[i].word) for i in order[: 2 * NUM_CLIPS]]
    words = [word for word in words if speech_bounds(word.samples) is not None][:NUM_CLIPS]
    room = np.random.default_rng(1).normal(0.0, QUIET_ROOM_STEPS, 60 * SAMPLE_RATE_HZ)
    return mix_stream(words, np.rint(room).astype(np.int16), StreamRecipe(snr_db=SNR_DB, **GAPS_S))


def hear(board: str, sound: Samples, folder: Path, *, percent: int) -> tuple[MicrophoneResult, ChipReport]:
    """Play a sound to a board's microphone; returns what it heard, and what the chip counted."""
    path = folder / "sound.wav"
    write_wav(path, sound)
    child = start_chip(board, BUNDLE, sound=path, options=("--busy", str(percent)))
    link = Link(open_port(child.url, DEFAULT_BAUD, TIMEOUT_S), board, TIMEOUT_S)
    with Board(link, child.stop) as opened:
        result = opened.listen(sound.size - round(SETTLING_S * SAMPLE_RATE_HZ), features=True)
    assert child.report is not None
    return result, child.report


def found(events: list[Detection], truth: Truth) -> int:
    """Return how many keywords have an event."""
    return len(match_events(events, truth).hits)


def later(truth: Truth, samples: int) -> Truth:
    """Return the truth of a stream whose first samples nobody heard."""
    windows = tuple(
        Window(label=w.label, start_sample=w.start_sample - samples, end_sample=w.end_sample - samples)
        for w in truth.windows
        if w.start_sample >= samples
    )
    return Truth(windows=windows, num_samples=truth.num_samples - samples, sample_rate_hz=truth.sample_rate_hz)


def alone(board: str, sound: Samples, folder: Path) -> Row:
    """What the product costs that nobody talks to, drivers and decimation included."""
    write_wav(folder / "alone.wav", sound[: round(ALONE_S * SAMPLE_RATE_HZ)])
    report = run_chip(board, BUNDLE, sound=folder / "alone.wav")
    seconds = report.cycles / report.clock_hz
    return {
        "board": board,
        "cycles_per_second": round((report.cycles - report.sleep_cycles) / seconds),
        "awake_percent": round(100 * report.awake_share, 2),
        "worst_latency_us": round(1e6 * report.worst_latency_cycles / report.clock_hz, 1),
    }


def heard(board: str, stream: Stream, folder: Path) -> Row:
    """Return what a board made of the sound at its microphone, beside what the host makes of the same samples."""
    percent = OTHER_WORK_PERCENT[board]
    result, report = hear(board, stream.samples, folder, percent=percent)
    host = Pipeline(Bundle.load(BUNDLE))
    expected = host.feed(result.sound)
    truth = later(stream.truth, round(SETTLING_S * SAMPLE_RATE_HZ))
    scores = zip(result.scores.posteriors.ravel().tolist(), host.scores.posteriors.ravel().tolist(), strict=True)
    return {
        "board": board,
        "other_work_percent": percent,
        "awake_percent": round(100 * report.awake_share, 1),
        "seconds_of_sound": round(result.sound.size / SAMPLE_RATE_HZ, 1),
        "lost_samples": result.lost_samples,
        "events": len(result.detections),
        "events_that_differ": len(set(result.detections) ^ set(expected)),
        "scores_that_differ": sum(a != b for a, b in scores),
        "features_that_differ": int(np.count_nonzero(result.frames != host.frames)),
        "keywords": len(truth.windows),
        "found": found(result.detections, truth),
    }


def over_serial(stream: Stream) -> Row:
    """Replay the stream as every replay does, over the serial line."""
    settled = round(SETTLING_S * SAMPLE_RATE_HZ)
    samples, truth = stream.samples[settled:], later(stream.truth, settled)
    with open_board(SERIAL_BOARD, bundle=BUNDLE) as board:
        result = board.stream(samples)
    expected = Pipeline(Bundle.load(BUNDLE)).feed(samples)
    return {
        "board": SERIAL_BOARD,
        "lost_samples": result.dropped_samples,
        "events": len(result.detections),
        "events_that_differ": len(set(result.detections) ^ set(expected)),
        "keywords": len(truth.windows),
        "found": found(result.detections, truth),
    }


def over_usb(sound: Samples) -> Row:
    """Replay over USB, a megabyte each way, with the cable pulled for a second in the middle; compare with the host."""
    samples = sound[: MEGABYTE // 2]
    child = start_chip(USB_BOARD, BUNDLE, options=("--unplug", f"{MEGABYTE // 2},1.0"))
    with Board(Link(open_port(child.url, DEFAULT_BAUD, TIMEOUT_S), USB_BOARD, TIMEOUT_S), child.stop) as board:
        board.reset(features=True)
        replayed = board.stream(samples)
        pulled = "USB cable pulled" in child.words()
        listened = board.listen(samples.size)
    host = Pipeline(Bundle.load(BUNDLE))
    expected = host.feed(samples)
    return {
        "board": USB_BOARD,
        "bytes_to_board": 2 * replayed.samples,
        "bytes_of_sound_to_host": 2 * listened.sound.size,
        "lost_samples": replayed.dropped_samples + listened.lost_samples,
        "cable_pulled": int(pulled),
        "events_that_differ": len(set(replayed.detections) ^ set(expected)),
        "scores_that_differ": int(np.count_nonzero(replayed.scores.posteriors != host.scores.posteriors)),
        "features_that_differ": int(np.count_nonzero(replayed.frames != host.frames)),
    }


def measure(part: str, stream: Stream, folder: Path) -> Row:
    """Return one part of the result."""
    if part in ALONE:
        return alone(ALONE[part], stream.samples, folder)
    if part == "usb":
        return over_usb(stream.samples)
    return over_serial(stream) if part == "serial" else heard(part, stream, folder)


def main() -> None:
    """Measure, print, write, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a folder with Speech Commands")
    parser.add_argument("--only", choices=PARTS, nargs="*", default=PARTS)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("microphones.json"))
    arguments = parser.parse_args()
    parts: dict[str, Row] = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    try:
        stream = keywords(arguments.data, Bundle.load(BUNDLE))
        with tempfile.TemporaryDirectory() as folder, Progress() as progress:
            for part in progress.track(arguments.only, description="parts"):
                parts[part] = measure(part, stream, Path(folder))
                print(json.dumps(parts[part]), flush=True)
                arguments.out.write_text(json.dumps(parts, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    except KwsError as error:
        sys.exit(f"eval_microphones: {error}")
    wrong = ("lost_samples", "events_that_differ", "scores_that_differ", "features_that_differ")
    if any(row.get(name, 0) for row in parts.values() for name in wrong):
        sys.exit("eval_microphones: samples were lost, or bits differ from the host's")


if __name__ == "__main__":
    main()
