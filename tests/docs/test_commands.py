"""Every command a document shows must exist, with the options it shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from kws.cli import VERBS, build_app

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not {".venv", "build", "out", "node_modules"} & set(path.relative_to(ROOT).parts)
)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHELLS = ("", "sh", "bash", "console")
INLINE = re.compile(r"`((?:kws|make) [^`\n]+)`")


def shown_commands() -> list[tuple[str, str]]:
    found = []
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        blocks = [block for shell, block in FENCE.findall(text) if shell in SHELLS]
        lines = [line for block in blocks for line in block.replace("\\\n", " ").split("\n")]
        for line in [*lines, *INLINE.findall(text)]:
            command = line.split("&&")[-1].split(" #")[0].split("  #")[0].strip().removeprefix("$ ")
            if re.match(r"(kws|make) [a-z]", command):
                found.append((str(path.relative_to(ROOT)), command))
    return sorted(set(found))


COMMANDS = shown_commands()


def test_documents_show_commands() -> None:
    assert len(COMMANDS) > 10


@pytest.mark.parametrize(("document", "command"), [c for c in COMMANDS if c[1].startswith("make ")])
def test_make_targets_shown_exist(document: str, command: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    words = [word for word in command.split()[1:] if "=" not in word and not word.startswith("-")]
    assert words, f"{document}: {command}"
    assert words[0] in targets, f"{document}: {command}"


@pytest.mark.parametrize(("document", "command"), [c for c in COMMANDS if c[1].startswith("kws ")])
def test_verbs_and_options_shown_exist(document: str, command: str) -> None:
    words = shlex.split(command)
    verb = words[1]
    assert verb in VERBS, f"{document}: {command}"
    click_command = typer.main.get_command(build_app({verb: VERBS[verb]})).commands[verb]  # type: ignore[attr-defined]
    known = {option for parameter in click_command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    known |= {"--help"}
    for word in words[2:]:
        if re.match(r"--?[a-z]", word):
            assert word.split("=")[0] in known, f"{document}: {command}: {word}"
