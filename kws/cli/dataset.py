# SPDX-License-Identifier: Apache-2.0
"""``kws dataset``: get Speech Commands, or look at a folder that holds it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, get_args

import typer
from rich.console import Console
from rich.table import Table


def dataset(
    action: Annotated[str, typer.Argument(help="download or show")],
    folder: Annotated[Path, typer.Argument(help="Where it is, or where it goes.")] = Path("data"),
    version: Annotated[str, typer.Option(help="Speech Commands version to download: 0.01 or 0.02.")] = "0.02",
) -> None:
    """Download Speech Commands (resumes, verifies, unpacks), or show what a folder holds."""
    from kws.datasets import speech_commands
    from kws.datasets.corpus import Split
    from kws.errors import ConfigError

    if action not in ("download", "show"):
        raise ConfigError(f"kws dataset: expected download or show, got {action!r}")
    corpus = speech_commands.fetch(version, folder) if action == "download" else speech_commands.open_folder(folder)
    counts = Counter((clip.word, clip.split) for clip in corpus.clips)
    speakers = {clip.speaker for clip in corpus.clips}
    table = Table(
        title=f"{corpus.root}: {len(corpus.clips)} clips, {len(speakers)} speakers, {len(corpus.noise)} noise files"
    )
    table.add_column("word")
    splits = get_args(Split)
    for split in splits:
        table.add_column(split, justify="right")
    for word in corpus.words():
        table.add_row(word, *(str(counts[word, split]) for split in splits))
    table.add_section()
    table.add_row("all", *(str(len(corpus.of_split(split))) for split in splits), style="bold")
    Console().print(table)
