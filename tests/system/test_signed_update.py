# SPDX-License-Identifier: Apache-2.0
"""Firmware that was built with a public key takes bundles over its line only when signed, and never an older one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from random_bundles import random_bundle

from kws.core import lib
from kws.device.about import ask_about
from kws.device.boards import open_port
from kws.device.build import build_firmware
from kws.device.launch import start_native
from kws.device.link import Link
from kws.device.protocol import pack
from kws.device.signature import Signature, load_signature, new_key, sign_bundle, signature_path
from kws.device.update import UpdateSteps, update_board
from kws.errors import BoardRefusedError, BundleError, ConfigError

OLD, NEW, NEXT = (random_bundle(seed=seed) for seed in (1, 3, 4))


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the board's pair of keys and somebody else's."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("update", "other"):
        assert new_key(folder / f"{name}.key") == folder / f"{name}.pub"
    return folder


@pytest.fixture(scope="module")
def program(keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    build = tmp_path_factory.mktemp("signed")
    return build_firmware("native", target="kws", folder=build, update_key=keys / "update.pub") / "kws.elf"


@pytest.fixture
def board(program: Path, tmp_path: Path) -> Iterator[Link]:
    OLD.save(tmp_path / "old.kws")
    child = start_native(tmp_path / "old.kws", program=program)
    try:
        link = Link(open_port(child.url, 921600, 10.0), "native", 10.0)
        yield link
        link.port.close()
    finally:
        child.stop()


def running(link: Link) -> int:
    link.begin_session(pack("reset", operating_point=-1, wanted=0))  # gives up an update that was refused
    return int(link.greet().bundle_crc32)


def test_a_key_that_takes_the_place_of_another_is_built_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its file may be older than the firmware that was built with the other."""
    monkeypatch.setattr("kws.places.build_folder", lambda: tmp_path / "build")
    for name in ("first", "second"):
        public = new_key(tmp_path / f"{name}.key")
        os.utime(public, (1e9, 1e9))
        public.rename(tmp_path / "update.pub")
        build = build_firmware("native", target="kws", update_key=tmp_path / "update.pub")
        assert bytes.fromhex((tmp_path / "update.pub").read_text()) in (build / "kws.elf").read_bytes(), name


def test_a_board_says_that_it_wants_signatures(board: Link) -> None:
    about = ask_about(board)
    assert about.wants_signatures
    assert dict(about.lines())["updates"].endswith(", signed ones only ('kws sign')")


def test_signed_bundles_are_taken_and_none_of_a_lower_version_afterwards(board: Link, keys: Path) -> None:
    for bundle, version in ((NEW, 7), (NEXT, 7), (OLD, 4_000_000_000), (NEW, 0xFFFFFFFE)):
        signature = sign_bundle(bundle, keys / "update.key", version)
        assert update_board(board, bundle, signature=signature).bundle_crc32 == bundle.crc32
        with pytest.raises(BoardRefusedError, match="lower than that of the bundle it has confirmed"):
            update_board(board, OLD, signature=sign_bundle(OLD, keys / "update.key", version - 1))
        assert running(board) == bundle.crc32


def test_what_the_owner_of_the_key_did_not_sign_is_refused(board: Link, keys: Path) -> None:
    good = sign_bundle(NEW, keys / "update.key", 2)
    flipped = bytearray(good.signature)
    flipped[40] ^= 4
    wrong = {
        "unsigned": (None, "it takes signed bundles only"),
        "another key": (sign_bundle(NEW, keys / "other.key", 2), "not one of its key for this bundle and version"),
        "flipped bit": (replace(good, signature=bytes(flipped)), "not one of its key"),
        "another version": (replace(good, version=3), "not one of its key"),
        "another bundle": (sign_bundle(NEXT, keys / "update.key", 2), "not one of its key"),
    }
    for name, (signature, words) in wrong.items():
        with pytest.raises(BoardRefusedError, match=words):
            update_board(board, NEW, signature=signature)
        assert running(board) == OLD.crc32, name
    steps = UpdateSteps(board)
    begin = pack("update_begin", total_bytes=len(NEW.data), bundle_crc32=NEW.crc32)
    steps.step(lib.KWS_MESSAGE_UPDATE_BEGIN, begin, "beginning")
    with pytest.raises(BoardRefusedError, match="only 0 bytes have come"):
        steps.step(lib.KWS_MESSAGE_UPDATE_FINISH, good.message(), "finishing")
    assert running(board) == OLD.crc32


def test_a_bundle_on_trial_does_not_bar_the_way_back(board: Link, keys: Path) -> None:
    steps = UpdateSteps(board)
    board.greet()
    for bundle, version in ((NEW, 9), (NEXT, 5)):  # the first is not confirmed
        signature = sign_bundle(bundle, keys / "update.key", version)
        steps.transfer(bytes(bundle.data), bundle.crc32, lambda done, total: None, signature)
        started = steps.step(lib.KWS_MESSAGE_UPDATE_START, b"", "starting")
        assert (started.running_crc32, started.on_trial) == (bundle.crc32, 1)
    steps.step(lib.KWS_MESSAGE_UPDATE_CONFIRM, b"", "confirming")
    assert running(board) == NEXT.crc32


def test_the_first_bundle_of_such_a_board_comes_by_a_programmer(program: Path, keys: Path) -> None:
    child = start_native(None, program=program)
    try:
        link = Link(open_port(child.url, 921600, 10.0), "native", 10.0)
        with pytest.raises(BoardRefusedError, match="none before its first bundle is flashed"):
            update_board(link, NEW, signature=sign_bundle(NEW, keys / "update.key", 1))
        link.port.close()
    finally:
        child.stop()


def test_the_commands_make_keys_and_a_signature_that_an_update_finds(keys: Path, board: Link, tmp_path: Path) -> None:
    NEW.save(tmp_path / "new.kws")
    command = [sys.executable, "-m", "kws", "sign", "bundle", tmp_path / "new.kws", "--key", keys / "update.key"]
    done = subprocess.run([*command, "--version", "3"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    signature = load_signature(tmp_path / "new.kws")
    assert signature == sign_bundle(NEW, keys / "update.key", 3)
    assert (tmp_path / "new.kws").read_bytes() == bytes(NEW.data), "the bundle keeps its bytes"
    command = [sys.executable, "-m", "kws", "update", tmp_path / "new.kws", "--board", board.port.port]
    board.port.close()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"(CRC {NEW.crc32:08x}), confirmed" in " ".join(done.stdout.split())


def test_keys_and_signatures_that_are_none_are_refused_by_name(keys: Path, tmp_path: Path) -> None:
    assert load_signature(tmp_path / "none.kws") is None
    signature_path(tmp_path / "bad.kws").write_text("version 0\nsignature 00\n", encoding="ascii")
    with pytest.raises(BundleError, match=r"bad.kws.sig: expected the two lines that 'kws sign bundle' writes"):
        load_signature(tmp_path / "bad.kws")
    with pytest.raises(ConfigError, match=r"update.key is there, and keys are not overwritten"):
        new_key(keys / "update.key")
    with pytest.raises(ConfigError, match="expected a secret Ed25519 key in PEM"):
        sign_bundle(OLD, keys / "update.pub", 1)
    with pytest.raises(ConfigError, match=r"nowhere.key: No such file or directory"):
        sign_bundle(OLD, tmp_path / "nowhere.key", 1)
    with pytest.raises(ConfigError, match=r"--version: expected 1 to 4294967294, got 0"):
        sign_bundle(OLD, keys / "update.key", 0)
    with pytest.raises(ConfigError, match=r"update.key: expected a public key, a line of 64 hexadecimal digits"):
        build_firmware("native", update_key=keys / "update.key")
    with pytest.raises(ConfigError, match="netduinoplus2 takes no bundles over its serial line"):
        build_firmware("netduinoplus2", update_key=keys / "update.pub")
    assert (keys / "update.key").stat().st_mode & 0o077 == 0, "only its owner may read it"
    assert isinstance(sign_bundle(OLD, keys / "update.key", 1), Signature)


@pytest.mark.parametrize("name", ["update.pub", "update.PUB"])
def test_the_public_key_never_takes_the_place_of_the_secret_one(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"{name}: expected the name of the secret key, .*update.key for example"):
        new_key(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_signature_that_cannot_be_written_or_read_is_said_in_words(keys: Path, tmp_path: Path) -> None:
    path = signature_path(tmp_path / "new.kws")
    path.mkdir()
    with pytest.raises(ConfigError, match=r"new.kws.sig: cannot be written \(Is a directory\)"):
        sign_bundle(NEW, keys / "update.key", 1).save(path)
    with pytest.raises(BundleError, match=r"new.kws.sig: cannot be read \(Is a directory\)"):
        load_signature(tmp_path / "new.kws")
    assert list(tmp_path.iterdir()) == [path], "nothing is left of what was not written"
