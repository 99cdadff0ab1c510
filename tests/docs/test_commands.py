# SPDX-License-Identifier: Apache-2.0
"""Every command a document shows must exist, with the options it shows; and every verb must be documented."""

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
    if not {".venv", ".mirror", "build", "out", "site", "node_modules"} & set(path.relative_to(ROOT).parts)
)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^(?: {4}|\t)(.*)$", re.MULTILINE)
SHELLS = ("", "sh", "bash", "console")
INLINE = re.compile(r"`((?:kws|make) [^`\n]+)`")
STEPS = re.compile(r"&&|;|\|")


def commands_in(text: str) -> list[str]:
    """Commands of kws and make in fences, in indented blocks and between back ticks."""
    blocks = [block for shell, block in FENCE.findall(text) if shell in SHELLS]
    prose = FENCE.sub("", text).replace("\\\n", " ")
    lines = [line for block in blocks for line in block.replace("\\\n", " ").split("\n")]
    found = []
    for line in [*lines, *INDENTED.findall(prose), *INLINE.findall(prose)]:
        for step in STEPS.split(line.split(" #")[0]):
            command = step.strip().removeprefix("$ ")
            if re.match(r"(kws|make) [a-z]", command):
                found.append(command)
    return found


COMMANDS = sorted(
    {
        (str(path.relative_to(ROOT)), command)
        for path in DOCUMENTS
        for command in commands_in(path.read_text(encoding="utf-8"))
    }
)


def test_documents_show_commands_in_fences_indented_blocks_and_prose() -> None:
    assert commands_in("```sh\ncd x && kws a  # c\n```\n\n    $ kws b --c\n\nsay `make d`") == [
        "kws a",
        "kws b --c",
        "make d",
    ]
    assert len(COMMANDS) > 60


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_shown_in_the_readme(verb: str) -> None:
    shown = commands_in((ROOT / "README.md").read_text(encoding="utf-8"))
    assert any(command.split()[:2] == ["kws", verb] for command in shown) or (verb == "demo" and "make demo" in shown)


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
    if hasattr(click_command, "commands") and len(words) > 2:  # verbs below a verb
        assert words[2] in click_command.commands, f"{document}: {command}"
        click_command = click_command.commands[words[2]]
    known = {option for parameter in click_command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    known |= {"--help"}
    for word in words[2:]:
        if re.match(r"--?[a-z]", word):
            assert word.split("=")[0] in known, f"{document}: {command}: {word}"


@pytest.mark.parametrize("name", re.findall(r"(?:models|examples|training)/[\w./]+", (ROOT / "README.md").read_text()))
def test_files_the_readme_names_exist(name: str) -> None:
    assert (ROOT / name.rstrip(".")).exists()
