# SPDX-License-Identifier: Apache-2.0
"""Shipped wake-word bundles on real recordings: misses at 10 dB SNR against false accepts per hour of other speech.

`make eval KWS_DATA=DIR`; DIR holds ``wake_words/<word>``, ``speech_commands``, ``continuous_speech`` and
``background_noise``. Half of the Speech Commands speakers, half of the sentences and three of the noises may teach
what is *not* the word (``benchmarks/make_wakeword.py``); everything here is measured on the other half, and on other
wake words. Figures go into ``benchmarks/wake_<word>.json``.

The noises are of unlike loudness, one behind the other, so what is missed depends on which take lies where: each is
heard in five places, and the mean is what counts.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

from kws.audio import read_audio
from kws.bundle import Bundle
from kws.datasets.copies import find_takes
from kws.datasets.recordings import trim
from kws.datasets.speech_commands import speaker_of
from kws.errors import DatasetError
from kws.evaluation.det import DetPoint, det_curve
from kws.evaluation.metrics import Proportion
from kws.evaluation.recordings import Recording
from kws.evaluation.run import NegativeAudio, keywords_of, score_mixture, score_negatives
from kws.evaluation.streams import StreamRecipe

TEACHING_NOISES = ("doing_the_dishes", "dude_miaowing", "pink_noise")
SNR_DB = 10.0
PLACEMENTS = (1, 2, 3, 4, 5)
"""Seeds of the streams in which every take is heard once."""
WANTED_FA_PER_HOUR = 0.5
BEST = f"best_within_{WANTED_FA_PER_HOUR:g}_per_hour"
MODELS = Path(__file__).parents[1] / "models"


@dataclass(frozen=True, kw_only=True)
class Split:
    """Who teaches and who tests."""

    teaching: tuple[Path, ...]
    """Speech and noise without the word."""
    negatives: tuple[Path, ...]
    noises: tuple[Path, ...]


def split_data(data: Path) -> Split:
    """Split the folder by speaker, by sentence and by noise."""
    commands = sorted((data / "speech_commands").glob("*/*.flac"))
    sentences = sorted((data / "continuous_speech").glob("*.flac"))
    noises = sorted((data / "background_noise").glob("*.flac"))
    if not (commands and sentences and noises):
        raise DatasetError(f"{data}: expected speech_commands, continuous_speech and background_noise")
    teach = [path for path in commands if _is_odd(speaker_of(path.name))]
    test = [path for path in commands if not _is_odd(speaker_of(path.name))]
    return Split(
        teaching=(*teach, *sentences[1::2], *[path for path in noises if path.stem in TEACHING_NOISES]),
        negatives=(*test, *sentences[0::2]),
        noises=tuple(path for path in noises if path.stem not in TEACHING_NOISES),
    )


def _is_odd(name: str) -> bool:
    return hashlib.sha256(name.encode()).digest()[0] % 2 == 1


@dataclass(frozen=True, kw_only=True)
class _At:
    """The verdict at one threshold: what was missed wherever the words lay, and what woke it."""

    placements: tuple[DetPoint, ...]
    heard: DetPoint
    """The first placement, and the negatives."""

    @property
    def missed(self) -> Proportion:
        """The mean over the placements. A take has so many chances, but is one take: the interval is that of takes."""
        counts = self.counts
        return Proportion(count=round(sum(counts) / len(counts)), total=self.placements[0].score.num_keywords)

    @property
    def counts(self) -> list[int]:
        """Missed in each placement."""
        return [point.score.false_rejects.count for point in self.placements]

    @property
    def mean_missed(self) -> float:
        """Share of the takes."""
        return sum(self.counts) / len(self.counts) / self.missed.total

    def row(self) -> dict[str, Any]:
        """The verdict as it is written down."""
        wakes, latencies_ms = self.heard.score.false_accepts, [*self._latencies_ms()]
        return {
            "threshold": self.heard.threshold,
            "missed": round(self.mean_missed, 4),
            "missed_95": [round(value, 4) for value in self.missed.interval],
            "missed_by_placement": self.counts,
            "false_accepts": wakes.count,
            "false_accepts_per_hour": round(wakes.per_hour, 3),
            "false_accepts_per_hour_95": [round(value, 3) for value in wakes.interval],
            "median_latency_ms": round(median(latencies_ms)) if latencies_ms else None,
        }

    def _latencies_ms(self) -> Iterator[float]:
        for point in self.placements:
            yield from point.score.latencies_ms


def evaluate(bundle: Bundle, word: str, clips: list[Path], others: list[Path], split: Split) -> dict[str, Any]:
    """Miss rates and false accepts of one word of a bundle."""
    curve = _curve(bundle, word, clips, others, split)
    within = [at for at in curve if at.heard.score.false_accepts.per_hour <= WANTED_FA_PER_HOUR]
    best = min(within, key=lambda at: at.mean_missed)
    return {
        "word": word,
        "snr_db": SNR_DB,
        "hours": round(best.heard.score.false_accepts.hours, 3),
        "keywords": best.missed.total,
        "placements": len(PLACEMENTS),
        BEST: best.row(),
        "operating_points": [
            next(at for at in curve if at.heard.threshold == chosen.thresholds[bundle.labels.index(word)]).row()
            for chosen in bundle.decision.operating_points
        ],
        "det": [
            [at.heard.threshold, at.heard.score.false_accepts.count, round(at.mean_missed * at.missed.total, 1)]
            for at in curve
            if at.heard.threshold % 8 == 0 or at.heard.threshold > 224
        ],
    }


def _curve(bundle: Bundle, word: str, clips: list[Path], others: list[Path], split: Split) -> list[_At]:
    keywords = [Recording(name=path.stem, path=path, expected=word) for path in clips]
    noise = NegativeAudio(name="noise", files=split.noises)
    mixtures = [
        score_mixture(bundle, keywords, noise, StreamRecipe(snr_db=SNR_DB, seed=seed)).only(word) for seed in PLACEMENTS
    ]
    negatives = score_negatives(bundle, NegativeAudio(name="speech", files=(*split.negatives, *others)))
    parts = [[mixtures[0], *(track.only(word) for track in negatives)], *([mixture] for mixture in mixtures)]
    curves = [det_curve(tracks, [word], bundle.decision.refractory_frames) for tracks in parts]
    return [_At(heard=heard, placements=tuple(placements)) for heard, *placements in zip(*curves, strict=True)]


def drawn(data: Path, word: str, count: int) -> list[Path]:
    """Choose recordings of a word that teach, by a hash of their names: the same ones in every run, and no copies."""
    return sorted(takes_of(data, word), key=lambda path: hashlib.sha256(path.name.encode()).hexdigest())[:count]


@cache
def takes_of(data: Path, word: str) -> tuple[Path, ...]:
    """Recordings of a word, of those that hold the same take (a fifth are copies) the first."""
    paths = sorted((data / "wake_words" / word).glob("*.flac"))
    originals = find_takes([trim(read_audio(path)) for path in paths]) if paths else []
    return tuple(path for number, path in enumerate(paths) if originals[number] == number)


def report(bundle: Bundle, data: Path, teaching: Sequence[Path] = ()) -> dict[str, Any]:
    """Figures of every word of a bundle that has recordings in ``DIR/wake_words``."""
    split, figures = split_data(data), []
    for word in keywords_of(bundle):
        clips = [path for path in takes_of(data, word) if path not in teaching]
        others = [
            path for path in sorted((data / "wake_words").glob("*/*.flac")) if path.parent.name not in bundle.labels
        ]
        if clips:
            figures.append(evaluate(bundle, word, clips, others, split))
    size = {"bundle_bytes": len(bundle.data), "arena_bytes": bundle.arena_bytes, "crc32": f"{bundle.crc32:08x}"}
    return size | {"words": figures}


def main() -> None:
    """Measure every shipped wake-word bundle and rewrite its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of recordings")
    data = parser.parse_args().data
    for path in sorted(MODELS.glob("wake_*.kws")):
        bundle = Bundle.load(path)
        figures = Path(__file__).with_name(f"{path.stem}.json")
        made = json.loads(figures.read_text()) if figures.exists() else {}
        count = made.get("recordings_per_word", 0)
        taught = [recording for word in keywords_of(bundle) for recording in drawn(data, word, count)]
        measured = report(bundle, data, taught)
        figures.write_text(json.dumps(made | measured, indent=1) + "\n")
        for word in measured["words"]:
            print(path.name, word["word"], json.dumps(word[BEST]))


if __name__ == "__main__":
    main()
