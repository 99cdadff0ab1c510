# SPDX-License-Identifier: Apache-2.0
"""The house is as ARCHITECTURE.md draws it: every import and every #include goes to a room that its room may use."""

import ast
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePath

import pytest

ROOT = Path(__file__).parents[2]
SHOWN_IN_NOTEBOOKS = {("kws/heard.py", "kws/report/heard_page.py"), ("kws/harness/result.py", "kws/report/page.py")}
"""Upward, when a result is shown and not before."""
TOPS = {"kws": "kws", "kws.training": "training", "kws.datasets": "datasets"}
"""Where packages lie."""


@dataclass(frozen=True, kw_only=True)
class Room:
    """A row of the table."""

    name: str
    places: tuple[str, ...]
    may_use: frozenset[str]

    def holds(self, path: str) -> bool:
        return any(PurePath(path).match(place) or path.startswith(f"{place}/") for place in self.places)


@cache
def rooms() -> tuple[Room, ...]:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("| ") and line.count("|") == 5]
    return tuple(
        Room(
            name=name.strip(),
            places=tuple(re.findall(r"`([^`]+)`", files)),
            may_use=frozenset(part.strip() for part in may_use.split(",") if part.strip()),
        )
        for name, files, _, may_use in rows
        if "`" in files
    )


@cache
def sources(*suffixes: str) -> tuple[str, ...]:
    """Files of the house that git knows, or would."""
    folders = ["kws", "training", "datasets", "firmware"]
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *folders],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = listed.stdout.splitlines()
    return tuple(path for path in found if path.endswith(suffixes) and (ROOT / path).is_file())


@cache
def room_of(path: str) -> Room:
    (room,) = [room for room in rooms() if room.holds(path)]
    return room


@cache
def modules() -> dict[str, str]:
    """Dotted name -> file."""
    names = {}
    for package, top in TOPS.items():
        for path in sources(".py"):
            if path.startswith(f"{top}/"):
                parts = Path(path).relative_to(top).with_suffix("").parts
                names[".".join([package, *(part for part in parts if part != "__init__")])] = path
    return names


@cache
def parsed(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def types_only(tree: ast.Module) -> set[ast.stmt]:
    return {
        statement
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for statement in node.body
    }


def imported(path: str, *, at_run_time: bool) -> Iterator[str]:
    """Files of ours that a file imports, also inside functions."""
    tree = parsed(path)
    passed_over = types_only(tree) if at_run_time else set()
    for node in ast.walk(tree):
        names: list[str] = []
        if node in passed_over:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            found = modules().get(name) or modules().get(name.rpartition(".")[0])
            if found and found != path:
                yield found


@cache
def included(path: str) -> tuple[str, ...]:
    """Headers of ours that a C file includes; where two have one name, one in a room that may be used."""
    own = room_of(path)
    headers = []
    for name in re.findall(r'^\s*#\s*include\s+"([^"]+)"', (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE):
        homes = [header for header in sources(".h") if Path(header).name == Path(name).name]
        homes.sort(key=lambda home: (room_of(home) != own, room_of(home).name not in own.may_use))
        headers += homes[:1]
    return tuple(headers)


@cache
def arrows() -> tuple[tuple[str, str], ...]:
    imports = [(path, target) for path in sources(".py") for target in imported(path, at_run_time=False)]
    return (*imports, *((path, target) for path in sources(".c", ".h") for target in included(path)))


def circle_in(graph: dict[str, set[str]]) -> list[str]:
    """Some circle, or nothing."""
    done: set[str] = set()

    def visit(node: str, trail: list[str]) -> list[str]:
        if node in trail:
            return trail[trail.index(node) :]
        if node in done:
            return []
        found = next(filter(None, (visit(target, [*trail, node]) for target in sorted(graph.get(node, ())))), [])
        done.add(node)
        return found

    return next(filter(None, (visit(node, []) for node in graph)), [])


def graph_of(pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    graph: dict[str, set[str]] = {}
    for source, target in pairs:
        if source != target:
            graph.setdefault(source, set()).add(target)
    return graph


def test_every_file_is_in_one_room() -> None:
    homeless = [path for path in sources(".py", ".c", ".h") if len([room for room in rooms() if room.holds(path)]) != 1]
    assert not homeless, f"{homeless}: expected each in one row of the table in ARCHITECTURE.md; add it to its room"
    places = [Room(name="", places=(place,), may_use=frozenset()) for room in rooms() for place in room.places]
    assert all(any(place.holds(path) for path in sources(".py", ".c", ".h")) for place in places)


def test_rooms_use_rooms_above_them_only() -> None:
    names = [room.name for room in rooms()]
    assert len(names) == len(set(names)) > 20
    for number, room in enumerate(rooms()):
        assert room.may_use <= set(names[:number]), room.name


def test_every_arrow_is_allowed() -> None:
    found = set(arrows())
    stray = {
        (source, target)
        for source, target in found - SHOWN_IN_NOTEBOOKS
        if room_of(source) != room_of(target) and room_of(target).name not in room_of(source).may_use
    }
    assert not stray, f"{stray}: the rooms of ARCHITECTURE.md do not allow it; turn the arrow or move the file"
    assert found >= SHOWN_IN_NOTEBOOKS


def test_every_allowed_arrow_exists() -> None:
    used = {(room_of(source).name, room_of(target).name) for source, target in arrows()}
    idle = {(room.name, name) for room in rooms() for name in room.may_use} - used
    assert not idle


def test_what_is_shown_in_notebooks_is_imported_when_it_is_shown() -> None:
    for source, target in SHOWN_IN_NOTEBOOKS:
        at_once = [node for node in parsed(source).body if isinstance(node, ast.ImportFrom)]
        (name,) = [name for name, path in modules().items() if path == target]
        assert name not in {node.module for node in at_once}


def test_no_module_leads_back_to_itself() -> None:
    lower = set(sources(".py")) - {"kws/__init__.py"}  # looks its names up when they are used
    pairs = {(source, target) for source in lower for target in imported(source, at_run_time=True)}
    assert not circle_in(graph_of(pairs - SHOWN_IN_NOTEBOOKS))


def test_no_header_leads_back_to_itself() -> None:
    assert not circle_in(graph_of((source, target) for source in sources(".h") for target in included(source)))


@pytest.mark.parametrize(
    ("pairs", "circle"),
    [([("a", "b"), ("b", "c"), ("a", "c")], []), ([("a", "b"), ("b", "c"), ("c", "b")], ["b", "c"])],
)
def test_a_circle_would_be_found(pairs: list[tuple[str, str]], circle: list[str]) -> None:
    assert circle_in(graph_of(pairs)) == circle
