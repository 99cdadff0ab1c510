# SPDX-License-Identifier: Apache-2.0
"""What a project would say, without making it: pronunciations to correct, near-misses to look at."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from kws.datasets.synthetic import SpeechEngine
from kws.training.wakeword import speech
from kws.training.wakeword.config import WordConfig, WordProject

_SHOWN = 40
_ACCENTS_SHOWN = 12


def show_pronunciation(words: Sequence[WordConfig], engine: SpeechEngine, console: Console) -> None:
    """Print how every spelling is read, as IPA and as the phonemes that can be edited and handed back."""
    for word in words:
        for text in word.texts:
            spoken = engine.pronounce(text)
            phonemes = f"   say it otherwise: --say {shlex.quote(f'[[{spoken.phonemes}]]')}" if spoken.phonemes else ""
            console.print(
                f"{word.label}: {spoken.ipa or text}{phonemes}", highlight=False, markup=False, soft_wrap=True
            )


def show_project(project: WordProject, console: Console | None = None) -> None:
    """Print pronunciations, accents that are taught, and the nearest near-misses."""
    console = console or Console()
    engine = speech.open_engine(project.speech)
    show_pronunciation(project.words, engine, console)
    script = speech.write_script(project.words, project.speech, engine, seed=project.seed)
    for word, ways in zip(project.words, script.accents, strict=True):
        if ways:
            some = ", ".join("".join(way) for way in ways[:_ACCENTS_SHOWN])
            more = ", ..." if len(ways) > _ACCENTS_SHOWN else ""
            console.print(
                f"{word.label}: also taught in {len(ways)} accents: {some}{more}", highlight=False, markup=False
            )
    misses = sorted(script.near_misses, key=lambda miss: miss.distance)
    table = Table("near-miss", "kind", "distance", title=f"the {_SHOWN} nearest of {len(misses)} near-misses")
    for miss in misses[:_SHOWN]:
        table.add_row(miss.text.replace("[", "\\["), miss.kind, f"{miss.distance:.2f}")
    console.print(table)
