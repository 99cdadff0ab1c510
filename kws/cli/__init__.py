# SPDX-License-Identifier: Apache-2.0
"""The command line: one file per verb, which parses and calls; nothing else lives here.

Any :class:`kws.errors.KwsError` ends as one line on stderr and exit code 2, or 3 when a board was lost in the middle of
its work; anything else that escapes is a defect of ours, and ends with exit code 70 and what a report needs
(`kws.cli.defects`).
"""

from __future__ import annotations

import importlib
import logging
import sys
import warnings
from importlib.metadata import version
from typing import Annotated, TextIO

import typer

from kws.cli import defects
from kws.cli.arguments import Command
from kws.cli.stdout import whole_stdout
from kws.errors import BoardLostError, KwsError, KwsWarning

_INTERRUPTED = 130

VERBS = {
    "bench": "kws.cli.bench",
    "board": "kws.cli.board",
    "calibrate": "kws.cli.calibrate",
    "dashboard": "kws.cli.dashboard",
    "dataset": "kws.cli.dataset",
    "demo": "kws.cli.demo",
    "import": "kws.cli.import_",
    "evaluate": "kws.cli.evaluate",
    "export": "kws.cli.export",
    "flash": "kws.cli.flash",
    "inspect": "kws.cli.inspect",
    "listen": "kws.cli.listen",
    "machine": "kws.cli.machine",
    "monitor": "kws.cli.monitor",
    "power": "kws.cli.power",
    "record": "kws.cli.record",
    "replay": "kws.cli.replay",
    "sign": "kws.cli.sign",
    "suite": "kws.cli.suite",
    "sweep": "kws.cli.sweep",
    "train": "kws.cli.train",
    "update": "kws.cli.update",
    "wakeword": "kws.cli.wakeword",
}
"""Verb -> module with a function of the same name (an underscore behind a name that is a Python keyword), or with an
``app`` of verbs below it."""


def build_app(verbs: dict[str, str] | None = None) -> typer.Typer:
    """Return the typer application with the given verbs (all of them by default)."""
    app = typer.Typer(
        name="kws",
        help="Keyword spotting for microcontrollers: train, quantise, flash, and prove it by replaying audio.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )

    @app.callback()
    def _root(
        version: Annotated[
            bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
        ] = False,
        traceback: Annotated[
            bool, typer.Option(defects.OPTION, help="Show where in the code a defect of kws happened.")
        ] = False,
    ) -> None:
        """Keep verbs as subcommands even while only one is registered."""

    for verb, module_name in (VERBS if verbs is None else verbs).items():
        module = importlib.import_module(module_name)
        name = verb.replace("-", "_")
        if isinstance(group := getattr(module, "app", None), typer.Typer):
            for below in group.registered_commands:
                below.cls = Command
            app.add_typer(group, name=verb)
        else:
            app.command(verb, cls=Command)(getattr(module, name, None) or getattr(module, f"{name}_"))
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"kws {version('kws')}")
        raise typer.Exit


class _Screen(logging.Handler):
    """Shows what the package is busy with, above whatever bar is on the screen."""

    def emit(self, record: logging.LogRecord) -> None:
        typer.secho(record.getMessage(), dim=True, err=True)


def show_notes() -> None:
    """Print every `KwsWarning` as one line on stderr, each text once; other warnings stay as they are."""
    told: set[str] = set()
    show_others = warnings.showwarning

    def show(
        message: Warning | str, category: type[Warning], filename: str, lineno: int,
        file: TextIO | None = None, line: str | None = None,
    ) -> None:  # fmt: skip
        if not issubclass(category, KwsWarning):
            show_others(message, category, filename, lineno, file, line)
        elif str(message) not in told:
            told.add(str(message))
            typer.secho(f"kws: note: {message}", fg=typer.colors.YELLOW, err=True)

    warnings.simplefilter("always", KwsWarning)
    warnings.showwarning = show


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; exits the process."""
    logger = logging.getLogger("kws")
    logger.setLevel(logging.INFO)
    logger.handlers = [_Screen()]
    logger.propagate = False  # TensorFlow gives the root a handler that would say everything twice
    asked = sys.argv[1:] if arguments is None else arguments
    given = [argument for argument in asked if argument != defects.OPTION]
    wanted = {given[0]: VERBS[given[0]]} if given and given[0] in VERBS else VERBS
    show_notes()
    try:
        with whole_stdout():
            build_app(wanted)(given)
    except KwsError as error:
        typer.secho(f"kws: {error}", fg=typer.colors.RED, err=True)
        raise SystemExit(3 if isinstance(error, BoardLostError) else 2) from None
    except KeyboardInterrupt:
        typer.secho("kws: interrupted", err=True)
        raise SystemExit(_INTERRUPTED) from None
    except SystemExit as ended:  # typer's, of a command that was interrupted
        if ended.code == _INTERRUPTED:
            typer.secho("kws: interrupted", err=True)
        raise
    except Exception as error:
        if defects.wants_traceback(asked):
            raise
        if defects.is_older_core(error):
            told = "kws: the compiled core is older than this code; run 'make core', or 'pip install -e .' again"
            typer.secho(told, fg=typer.colors.RED, err=True)
            raise SystemExit(2) from None
        defects.tell(error, given)
        raise SystemExit(defects.EXIT_CODE) from None
