# SPDX-License-Identifier: Apache-2.0
"""``kws dataset``: get recordings, or look at a folder that holds some."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from kws.datasets.corpus import Corpus
    from kws.datasets.negatives import Negatives


def dataset(
    action: Annotated[str, typer.Argument(help="download or show")],
    what: Annotated[str, typer.Argument(help="download: speech_commands or negatives; show: a folder.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder; default: data/speech_commands, or where negatives are looked for.")
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(help="Of negatives: debian (the default where apt-get is), librispeech (1 GB), musan (11 GB)."),
    ] = None,
    version: Annotated[
        str | None, typer.Option(help="Speech Commands version to download: 0.01 or 0.02.", show_default="0.02")
    ] = None,
) -> None:
    """Download Speech Commands or hours of negatives (resumes, verifies, unpacks), or show what a folder holds."""
    from kws import extras
    from kws.datasets import negatives, speech_commands
    from kws.datasets.negative_packages import default_source
    from kws.datasets.negative_pieces import MANIFEST
    from kws.errors import ConfigError

    console = Console()
    _refuse_useless(action, what, {"--out": out, "--source": source, "--version": version})
    if action == "show":
        folder = Path(what)
        if any(folder.glob(f"*/*/{MANIFEST}")):
            console.print(_negatives_table(negatives.open_folder(folder)))
        else:
            console.print(_corpus_table(speech_commands.open_folder(folder)))
    elif (action, what) == ("download", "negatives"):
        extras.require("decoding negatives", "negatives")
        folder = out or negatives.default_folder()
        _fetch_negatives(folder, source or [default_source()], console)
        console.print(_negatives_table(negatives.open_folder(folder)))
    elif (action, what) == ("download", "speech_commands"):
        console.print(_corpus_table(speech_commands.fetch(version or "0.02", out or Path("data") / "speech_commands")))
    else:
        raise ConfigError(
            "kws dataset: expected `download speech_commands`, `download negatives` or `show FOLDER`, got "
            f"`{action} {what}`"
        )


def _refuse_useless(action: str, what: str, given: Mapping[str, object]) -> None:
    """Refuse options that this action does nothing with."""
    from kws.errors import ConfigError

    used = {"speech_commands": {"--out", "--version"}, "negatives": {"--out", "--source"}}
    useful = used.get(what, set()) if action == "download" else set()
    useless = [option for option, value in given.items() if value is not None and option not in useful]
    if useless and (action == "show" or what in used):
        raise ConfigError(f"kws dataset {action} {what}: {useless[0]} does nothing here; leave it out")


def _fetch_negatives(folder: Path, sources: Sequence[str], console: Console) -> None:
    from kws.datasets.negative_corpora import CORPORA, fetch_corpora
    from kws.datasets.negative_packages import DEBIAN, fetch_packages
    from kws.errors import ConfigError

    known = (DEBIAN, *CORPORA)
    for source in sources:
        if source not in known:
            raise ConfigError(f"--source: expected one of {', '.join(known)}, got {source}")

    def tell(name: str) -> None:
        console.print(f"fetching {name} ...", highlight=False)

    for source in sources:
        if source == DEBIAN:
            fetch_packages(folder, on_part=tell)
        else:
            fetch_corpora(folder, corpora=CORPORA[source], on_part=tell)


def _corpus_table(corpus: Corpus) -> Table:
    from kws.datasets.corpus import Split

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
    return table


def _negatives_table(negatives: Negatives) -> Table:
    table = Table("side", "kind", "recordings", title=str(negatives))
    for side, kinds in negatives.files.items():
        for kind, files in kinds.items():
            table.add_row(side, kind, str(len(files)))
    return table
