# SPDX-License-Identifier: Apache-2.0
"""pytest plug-in, there as soon as kws is installed: recordings as tests, and boards for tests of your own.

Every recording of a suite is a test, on any board, in as many processes as there are boards::

    pytest --kws-suite words/suite.toml --kws-board native
    pytest --kws-suite words/suite.toml --kws-boards boards.toml -n 4

A recording fails where `kws suite run` fails it. Known failures, and mistakes that no gate and no baseline forbids, are
expected failures (``pytest -rx`` lists them). Gates are judged once every recording was heard: each is a test
of its own, ``suite.toml::gates::min_accuracy``, which stands in JUnit like all others.

In tests of your own, the board stays open for the session::

    def test_the_door_opens_when_asked(replay):
        assert replay("recordings/open").accuracy.value > 0.95

with ``pytest --kws-bundle door.kws --kws-board /dev/ttyACM0``, or with a fixture ``bundle`` of your own.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from kws.harness.listener import Listener
    from kws.harness.result import ReplayResult
    from kws.harness.verdict import Verdict
    from kws.suite.collected import SuiteFile
    from kws.suite.suite import Suite

_HEARD = "kws_heard"
"""Attribute of a test's report: what was heard, on its way to the process that judges."""


class Replay(Protocol):
    """What the ``replay`` fixture gives."""

    def __call__(
        self, *paths: Path | str, truth: Path | str | None = None, other_words: bool = False, verify: bool = False
    ) -> ReplayResult:
        """Replay recordings to the session's board; the arguments are those of `kws.harness.run.ReplayRequest`."""


class ReplayBundle(Protocol):
    """What the ``kws_replay`` fixture gives."""

    def __call__(
        self,
        *paths: Path | str,
        bundle: Path | str,
        truth: Path | str | None = None,
        other_words: bool = False,
        verify: bool = False,
    ) -> ReplayResult:
        """Replay recordings to a board with this bundle; the arguments are those of `kws.harness.run.ReplayRequest`."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("kws", "keyword spotting on a board")
    board = "host, native, netduinoplus2, a serial port or a pyserial URL; when omitted the suite's, or host"
    group.addoption("--kws-board", help=board)
    group.addoption("--kws-boards", type=Path, help="a pool of boards (boards.toml)")
    group.addoption("--kws-bundle", type=Path, help="bundle of the fixtures board and replay")
    suite = "a suite, or the folder of a suite.toml: each of its recordings is a test"
    group.addoption("--kws-suite", type=Path, action="append", default=[], help=suite)
    group.addoption("--kws-out", type=Path, help="folder for the suite's result, as of kws suite run --out")
    group.addoption("--kws-retries", type=int, default=1, help="how often a lost board is opened again (1)")


# -- suites -------------------------------------------------------------------------------------------------------


def pytest_configure(config: pytest.Config) -> None:
    """Have the suites collected: they alone, if nothing else was named."""
    suites = _suites(config)
    if not suites:
        return
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args.clear()
    named = {str(argument).split("::")[0] for argument in config.args}
    config.args.extend(str(suite) for suite in suites if str(suite) not in named)
    config.pluginmanager.register(_Session(config), "kws-session")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> SuiteFile | None:
    """Collect a suite that was asked for."""
    if file_path not in _suites(parent.config):
        return None
    from kws.suite.collected import SuiteFile

    return SuiteFile.from_parent(parent, path=file_path)


def _suites(config: pytest.Config) -> list[Path]:
    asked = [Path(os.path.abspath(path)) for path in config.getoption("--kws-suite")]  # as pytest names what it finds
    return [path / "suite.toml" if path.is_dir() else path for path in asked]


class _Session:
    """Lends boards to the tests of this process; where tests run in others, gathers what those heard; judges it."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._worker: dict[str, Any] | None = getattr(config, "workerinput", None)
        self._heard: dict[str, list[dict[str, Any]]] = {}
        self._nodes: dict[str, str] = {}
        self._verdicts: dict[str, tuple[Verdict, str | None]] = {}
        self._lost: dict[str, str] = {}
        self._folders: set[str] = set()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Prepare the boards of the suites that have tests."""
        from kws.suite.collected import SHARED, RecordingItem

        files = {item.path: item.file for item in items if isinstance(item, RecordingItem)}
        self._config.stash[SHARED] = {path: self._boards(file) for path, file in files.items()}

    def _boards(self, file: SuiteFile) -> Any:
        from kws.suite.run import places_of
        from kws.suite.shared import SharedBoards

        suite = file.suite
        num_processes = 1 if self._worker is None else int(self._worker["workercount"])
        is_port = suite.boards is None and not places_of(suite, 1)[0].is_program
        return SharedBoards(
            places=places_of(suite, 1 if is_port or suite.boards is not None else num_processes),
            session=uuid.uuid4().hex if self._worker is None else str(self._worker["testrunuid"]),
            task=file.plan.task(count_cycles=False),
            retries=self._config.getoption("--kws-retries"),
            alone=self._worker is None,
        )

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Put what was heard into the report, which xdist carries to the process that judges."""
        report = yield
        heard = getattr(item, "heard", None)
        if report.when == "call" and heard is not None:
            setattr(report, _HEARD, [str(item.path), heard])
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Gather what was heard."""
        path, heard = getattr(report, _HEARD, (None, None))
        if path is not None and heard is not None:
            self._heard.setdefault(path, []).append(heard)
            self._nodes[path] = report.nodeid.split("::")[0]

    @pytest.hookimpl(tryfirst=True)  # before JUnit is written
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Give the boards back, and judge the gates."""
        from kws.suite.collected import SHARED, gate_reports

        for boards in self._config.stash.get(SHARED, {}).values():
            self._lost |= boards.lost()
            self._folders.add(str(boards.folder))
            boards.close()
        if self._worker is not None:
            output: dict[str, Any] = self._config.workeroutput  # type: ignore[attr-defined]
            output["kws"] = {"lost": self._lost, "folders": sorted(self._folders)}
            return
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)
        for path, heard in self._heard.items():
            verdict, not_judged = self._verdicts[path] = self._judge(Path(path), heard)
            session.testscollected += len(verdict.gates)
            if terminal := self._config.pluginmanager.get_plugin("terminalreporter"):
                terminal.ensure_newline()
            for report in gate_reports(self._nodes[path], verdict, not_judged):
                self._config.hook.pytest_runtest_logreport(report=report)
            if not_judged is None and not verdict.passed and session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what a process of xdist says at its end."""
        told = getattr(node, "workeroutput", {}).get("kws", {})
        self._lost |= told.get("lost", {})
        self._folders |= set(told.get("folders", ()))

    def _judge(self, path: Path, heard: list[dict[str, Any]]) -> tuple[Verdict, str | None]:
        """The verdict, and why it means nothing: recordings are missing."""
        from kws.suite.baseline import Files
        from kws.suite.judge import judge_suite
        from kws.suite.log import Measurement
        from kws.suite.run import Plan, result_of

        plan = Plan.of(self._suite(path))
        measured = [Measurement(**one) for one in heard if "entry" in one]
        result = result_of(plan, measured, unheard={one["name"]: one["why"] for one in heard if "why" in one})
        if out := self._config.getoption("--kws-out"):
            out.mkdir(parents=True, exist_ok=True)
            Files(folder=out).write(result)
        done, total = len(result.outcomes) + len(result.unheard), len(plan.recordings)
        not_judged = f"{done} of {total} recordings were heard" if done < total else None
        return judge_suite(plan.suite, result), not_judged

    def _suite(self, path: Path) -> Suite:
        from kws.suite.suite import read_suite

        option = self._config.getoption
        return read_suite(path).on(board=option("--kws-board"), boards=option("--kws-boards"))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell which gates hold, and which boards were lost."""
        for name, why in self._lost.items():
            terminalreporter.line(f"{name} is left alone: {why}", red=True)
        for path, (verdict, not_judged) in self._verdicts.items():
            terminalreporter.section(f"gates of {path}")
            if not_judged is not None:
                terminalreporter.line(f"not judged: {not_judged}")
                continue
            for gate in verdict.gates:
                style = {"green": True} if gate.problem is None else {"red": True}
                terminalreporter.line(f"{gate.name}: {gate.problem or 'holds'}", **style)
            if verdict.comparison is not None:
                terminalreporter.line(verdict.comparison.headline)


# -- tests of your own --------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def kws_board(pytestconfig: pytest.Config) -> str:
    """Board given on the command line."""
    return str(pytestconfig.getoption("--kws-board") or "host")


@pytest.fixture(scope="session")
def bundle(pytestconfig: pytest.Config) -> Path:
    """Bundle given on the command line, or the suite's; a fixture of this name in your own conftest.py goes first."""
    given: Path | None = pytestconfig.getoption("--kws-bundle")
    if given is None and len(suites := _suites(pytestconfig)) == 1:
        from kws.suite.suite import read_suite

        given = read_suite(suites[0]).bundle
    if given is None:
        raise pytest.UsageError("the fixture bundle: give --kws-bundle NAME.kws, or a fixture bundle of your own")
    return given


@pytest.fixture(scope="session")
def board(pytestconfig: pytest.Config, bundle: Path, kws_board: str) -> Iterator[Listener]:
    """The board with the bundle on it, open for the whole session; of a pool, each process of xdist has its own."""
    from kws.suite.pool import Place, open_place, read_pool

    pool: Path | None = pytestconfig.getoption("--kws-boards")
    places = [Place(name=kws_board, board=kws_board)] if pool is None else read_pool(pool)
    worker = str(getattr(pytestconfig, "workerinput", {}).get("workerid", "gw0"))
    place = places[int(worker.removeprefix("gw")) % len(places)]
    with open_place(place, Path(bundle), operating_point=None, features=True, count_cycles=False) as listener:
        yield listener


@pytest.fixture
def replay(board: Listener, bundle: Path) -> Replay:
    """Replay recordings to the session's board and return the result."""
    from kws.harness.run import ReplayRequest, replay_to

    def run(
        *paths: Path | str, truth: Path | str | None = None, other_words: bool = False, verify: bool = False
    ) -> ReplayResult:
        return replay_to(
            board, ReplayRequest(paths=paths, bundle=bundle, truth=truth, other_words=other_words, verify=verify)
        )

    return run


@pytest.fixture
def kws_replay(kws_board: str) -> ReplayBundle:
    """Replay recordings to a board that is opened for them, and return the result."""
    from kws.harness.run import ReplayRequest, run_replay

    def run(
        *paths: Path | str,
        bundle: Path | str,
        truth: Path | str | None = None,
        other_words: bool = False,
        verify: bool = False,
    ) -> ReplayResult:
        return run_replay(
            ReplayRequest(
                paths=paths, bundle=bundle, board=kws_board, truth=truth, other_words=other_words, verify=verify
            )
        )

    return run
