# SPDX-License-Identifier: Apache-2.0
"""Suites on boards: side by side, lost and found again, from a pool, and as tests of pytest."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from random_bundles import speech_like

from kws.audio import write_wav
from kws.bundle import Bundle
from kws.device.launch import Child, start_native
from kws.errors import BoardLostError, KwsWarning, ToolMissingError
from kws.flash import Image, image, ways
from kws.harness.result import ReplayResult
from kws.suite.pool import Place, open_place
from kws.suite.run import RunOptions, run_suite
from kws.suite.suite import Suite, read_suite

SUITE = 'bundle = "random.kws"\nboard = "native"\n[[recordings]]\npaths = ["clips"]\n'
NUM_CLIPS = 6
POOL = """
[[boards]]
board = "socket://127.0.0.1:9"
name = "dead"
[[boards]]
board = "native"
count = 2
"""
pytest_plugins = ["pytester"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, streaming_bundle: Bundle) -> Path:
    folder = tmp_path_factory.mktemp("suite")
    streaming_bundle.save(folder / "random.kws")
    for number in range(NUM_CLIPS):
        word = "left" if number < NUM_CLIPS // 2 else "right"
        (folder / "clips" / word).mkdir(parents=True, exist_ok=True)
        write_wav(folder / "clips" / word / f"{number}.wav", speech_like(0.5, seed=number))
    (folder / "suite.toml").write_text(SUITE)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "suite"))


@pytest.fixture
def suite(folder: Path) -> Suite:
    return read_suite(folder / "suite.toml")


@pytest.fixture(scope="module")
def whole(made: Path) -> str:
    """What the host library hears, undisturbed."""
    return heard(run_suite(read_suite(made / "suite.toml").on(board="host"), RunOptions(log=made / "whole.jsonl")))


def heard(result: ReplayResult) -> str:
    content = result.to_json()
    return json.dumps([content["summary"], content["recordings"], content["complete"]])


def kill_boards() -> int:
    """Kill the boards that this process started; a second Child of pytest's is none."""
    killed = 0
    for task in Path("/proc/self/task").iterdir():
        for child in (task / "children").read_text().split():
            if os.readlink(f"/proc/{child}/exe").endswith("kws.elf"):
                os.kill(int(child), signal.SIGKILL)
                killed += 1
    return killed


def killing(at: int) -> Callable[[int, int], None]:
    """What kills the board once, when so many recordings are done."""
    left = [at]

    def measured(done: int, total: int) -> None:
        if left and done == left[0]:
            left.clear()
            assert kill_boards() == 1

    return measured


# -- lost boards --------------------------------------------------------------------------------------------------


def test_a_run_that_lost_its_board_is_on_disk_and_resumed_to_the_same_bytes(
    suite: Suite, folder: Path, whole: str
) -> None:
    log = folder / "log.jsonl"
    with pytest.raises(BoardLostError, match="2 of 6 recordings were replayed; --resume") as lost:
        run_suite(suite, RunOptions(log=log), on_measured=killing(2))
    assert isinstance(lost.value.partial, ReplayResult)
    assert len(lost.value.partial.outcomes) == 2
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [("entry" in line, "lost" in line) for line in lines] == [
        (False, False), (True, False), (True, False), (False, True)
    ]  # fmt: skip
    assert heard(run_suite(suite, RunOptions(log=log, resume=True))) == whole


def test_a_board_that_is_lost_once_is_opened_again_where_that_is_asked_for(
    suite: Suite, folder: Path, whole: str
) -> None:
    result = run_suite(suite, RunOptions(log=folder / "log.jsonl", retries=1), on_measured=killing(3))
    assert heard(result) == whole


def test_the_command_ends_with_3_and_leaves_every_file(folder: Path, whole: str) -> None:
    command = [sys.executable, "-m", "kws", "suite", "run", "suite.toml", "--out", "out"]
    killer = "import kws.suite.run as run, test_suite_boards as t; take = run._Run._took\n"
    killer += "def took(self, *a):\n ok = take(self, *a)\n if len(self.measured) == 2: t.kill_boards()\n return ok\n"
    killer += "run._Run._took = took\nfrom kws.cli import main; main()"
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join([str(Path(__file__).parent), *sys.path]))
    lost = subprocess.run(
        [sys.executable, "-c", killer, *command[3:]], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert lost.returncode == 3, lost.stderr + lost.stdout
    assert "2 of 6 recordings were replayed" in lost.stderr
    result = json.loads((folder / "out/result.json").read_text())
    assert (result["complete"], len(result["recordings"])) == (False, 2)
    assert 'name="board"' in (folder / "out/junit.xml").read_text()
    assert (folder / "out/summary.md").read_text().startswith("## ❌ suite")
    resumed = run_suite(read_suite(folder / "suite.toml"), RunOptions(log=folder / "out/log.jsonl", resume=True))
    assert heard(resumed) == whole


# -- many boards --------------------------------------------------------------------------------------------------


def test_boards_side_by_side_give_the_bytes_of_one_and_a_dead_one_is_left_alone(
    suite: Suite, folder: Path, whole: str
) -> None:
    (folder / "boards.toml").write_text(POOL)
    with pytest.warns(KwsWarning, match="dead is left alone from now on: cannot open"):
        result = run_suite(suite.on(boards=folder / "boards.toml"), RunOptions(log=folder / "log.jsonl"))
    assert heard(result) == whole
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert {line["board"] for line in lines if "entry" in line} == {"native-1", "native-2"}


def test_a_port_that_a_program_has_is_refused_to_a_second_at_once(suite: Suite, folder: Path, native: Child) -> None:
    place = Place(name="desk", board=native.url)
    with open_place(place, suite.bundle, operating_point=None, features=False, count_cycles=False) as listener:
        assert listener.identity.name == "native"
        command = [sys.executable, "-m", "kws", "suite", "run", "suite.toml", "--board", native.url]
        second = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    assert second.returncode == 2
    assert f"{native.url}: another kws has this board" in second.stderr
    assert len(second.stderr.strip().splitlines()) == 1


@pytest.fixture
def native(folder: Path) -> Iterator[Child]:
    child = start_native(folder / "random.kws")
    yield child
    child.stop()


def test_a_board_is_flashed_only_when_its_bundle_is_another(
    folder: Path, native: Child, window_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The port is a link to the board's, which flashing starts anew with the other bundle."""
    window_bundle.save(folder / "other.kws")
    port = folder / "port"
    port.symlink_to(native.url)
    children, flashed = [native], []

    def flash(board: str, images: Any, **_: object) -> None:
        flashed.append((board, [image.name for image in images]))
        children[-1].stop()
        children.append(start_native(folder / "other.kws"))
        port.unlink()
        port.symlink_to(children[-1].url)

    monkeypatch.setattr(ways, "flash", flash)
    monkeypatch.setattr("kws.device.build.build_firmware", lambda board, target: folder)
    monkeypatch.setattr(
        image, "model_images", lambda bundle, board, elf: [Image(name=bundle.name, address=0, data=b"")]
    )
    place = Place(name="desk", board=str(port), flash="nano33ble_sense")
    options: dict[str, Any] = {"operating_point": None, "features": False, "count_cycles": False}
    with open_place(place, folder / "random.kws", **options):
        assert flashed == []
    for _ in range(2):
        with open_place(place, folder / "other.kws", **options) as listener:
            assert listener.identity.name == "native"
    assert flashed == [("nano33ble_sense", ["other.kws"])]
    children[-1].stop()


LABGRID = '''
"""As much of labgrid as the adapter asks for, with its names: Environment, get_target, resources, NetworkSerialPort."""
import pathlib
class NetworkSerialPort:
    def __init__(self, host, port, protocol): self.host, self.port, self.protocol = host, port, protocol
class Target:
    def __init__(self, resources): self.resources = resources
    def await_resources(self, resources): assert resources is self.resources
class Environment:
    def __init__(self, path): self.port = int(pathlib.Path(path).read_text())
    def get_target(self, role):
        return Target([NetworkSerialPort("127.0.0.1", self.port, "raw")]) if role == "main" else None
    def cleanup(self): pass
'''


PROXY = """
class proxymanager:
    get_host_and_port = staticmethod(lambda resource: (resource.host, resource.port))
"""


def test_a_port_that_labgrid_knows_is_a_board(
    suite: Suite, folder: Path, native: Child, whole: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "boards.toml").write_text('[[boards]]\nlabgrid = "lab.yaml"\n')
    pool = suite.on(boards=folder / "boards.toml")
    with pytest.raises(ToolMissingError, match="pip install labgrid"):
        run_suite(pool, RunOptions(log=folder / "log.jsonl"))
    (folder / "modules" / "labgrid" / "util").mkdir(parents=True)
    (folder / "modules" / "labgrid" / "__init__.py").write_text(LABGRID)
    (folder / "modules" / "labgrid" / "util" / "__init__.py").write_text("")
    (folder / "modules" / "labgrid" / "util" / "proxy.py").write_text(PROXY)
    monkeypatch.syspath_prepend(folder / "modules")
    with socket.create_server(("127.0.0.1", 0)) as exporter:
        (folder / "lab.yaml").write_text(str(exporter.getsockname()[1]))
        threading.Thread(target=_export, args=(exporter, native.url), daemon=True).start()
        result = run_suite(pool, RunOptions(log=folder / "log.jsonl"))
    assert heard(result) == whole
    for name in ("labgrid", "labgrid.util", "labgrid.util.proxy"):
        monkeypatch.delitem(sys.modules, name)


def _export(server: socket.socket, port: str) -> None:
    """What labgrid's exporter does: the bytes of a serial port on a socket."""
    line = os.open(port, os.O_RDWR | os.O_NOCTTY)
    connection, _ = server.accept()

    def outward() -> None:
        with contextlib.suppress(OSError):  # the board is gone, and so may the line be
            while data := os.read(line, 4096):
                connection.sendall(data)

    threading.Thread(target=outward, daemon=True).start()
    with contextlib.suppress(OSError):
        while data := connection.recv(4096):
            os.write(line, data)


# -- pytest -------------------------------------------------------------------------------------------------------


RunPytest = Callable[..., tuple[int, str]]


@pytest.fixture
def run_pytest(pytester: pytest.Pytester, folder: Path, monkeypatch: pytest.MonkeyPatch) -> RunPytest:
    """Run pytest within this process, in the suite's folder."""
    monkeypatch.chdir(folder)

    def run(*arguments: str) -> tuple[int, str]:
        done = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-rA", *arguments)
        return int(done.ret), "\n".join([*done.outlines, *done.errlines])

    return run


def test_every_recording_and_every_gate_is_a_test_whose_failure_says_what_was_heard(
    folder: Path, run_pytest: RunPytest
) -> None:
    (folder / "clips/right/5.wav").write_bytes(b"RIFF, and no more")
    code, said = run_pytest("--kws-suite", ".", "--kws-board", "host", "--junitxml", "junit.xml")
    assert code == 1
    cases = list(ElementTree.parse(folder / "junit.xml").iter("testcase"))
    failed = {str(case.get("name")): str(failure.get("message")) for case in cases for failure in case.iter("failure")}
    gates = [case.get("name") for case in cases if case.get("classname") == "suite.toml.gates"]
    assert gates == ["heard", "max_dropped_samples", "no_mistakes"]
    assert failed["heard"] == "heard: expected every recording heard and got clips/right/5.wav that could not be"
    assert "not readable as audio" in failed["clips/right/5.wav"]
    assert len(cases) == NUM_CLIPS + len(gates)
    assert "suite.toml::clips/left/0.wav" in said
    for start in ("expected  ", "heard     ", "scores    ", "fails     ", "file      ", "board     host", "hear it   "):
        assert f"\n{start}" in said, start
    assert "Traceback" not in said
    assert "no_mistakes: expected every recording heard right" in said


def test_processes_share_a_pool_in_which_a_dead_board_is_left_alone(folder: Path, run_pytest: RunPytest) -> None:
    (folder / "suite.toml").write_text(SUITE + '[[known_failures]]\nrecording = "*"\nreason = "a random network"\n')
    (folder / "boards.toml").write_text(POOL)
    code, said = run_pytest("--kws-suite", ".", "--kws-boards", "boards.toml", "-n", "2", "--kws-out", "out")
    assert code == 0, said
    assert "known failure: a random network" in said
    assert "not judged" not in said
    assert "dead is left alone: cannot open" in said
    result = json.loads((folder / "out/result.json").read_text())
    assert (result["complete"], len(result["recordings"])) == (True, NUM_CLIPS)


def test_boards_serve_tests_of_your_own_and_a_gate_fails_the_session(folder: Path, run_pytest: RunPytest) -> None:
    (folder / "suite.toml").write_text(SUITE + "[gates]\nmax_false_accepts_per_hour = 1\n")
    (folder / "truth.csv").write_text("file,label,start_s,end_s\n0.wav,elephant,0.1,0.5\n")
    (folder / "test_words.py").write_text(
        "seen = []\n"
        "def test_one(replay, board):\n"
        "    seen.append(board)\n"
        "    assert replay('clips/left', verify=True).equality.value == 1.0\n"
        "def test_other(board, bundle):\n"
        "    assert seen == [board] and board.identity.name == 'native' and bundle.name == 'random.kws'\n"
        "def test_words(kws_replay):\n"
        "    result = kws_replay('clips/left/0.wav', bundle='random.kws', truth='truth.csv', other_words=True)\n"
        "    assert result.streams[0].recording.windows == ()\n"
    )
    code, said = run_pytest("--kws-suite", ".", "--kws-board", "native", "test_words.py")
    assert code == 1
    assert "1 failed, 5 passed, 6 xfailed" in said, said
    assert "no gate and no baseline forbids it" in said
    assert "max_false_accepts_per_hour: expected 1 and nothing replayed could measure it" in said
    code, said = run_pytest("--kws-suite", f"../{folder.name}/suite.toml", "--kws-board", "host", "-k", "left")
    assert code == 0
    assert "not judged: 3 of 6 recordings were heard" in said
    assert "3 skipped" in said
