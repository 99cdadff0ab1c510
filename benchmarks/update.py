# SPDX-License-Identifier: Apache-2.0
"""Updates over the serial line: the supply cut at every operation of the flash, and malformed updates.

    python benchmarks/update.py                # a small bundle: minutes
    python benchmarks/update.py --bundle models/speech_commands_12.kws   # every cut of a real one: longer

Writes ``benchmarks/update.json``. On the emulated chips the very image that is flashed goes through one update; at
every erasure and every word that is written a copy of the chip loses its supply in the middle of it (bits half written,
memory noise), starts again and is asked which bundle it runs. That must be the old one until the new one is complete,
and one of the two from then on. The first board goes through it once more with firmware that takes signed bundles only,
and what that costs is measured: flash, memory, stack, and cycles of checking one signature.
"""

from __future__ import annotations

import argparse
import json
import struct
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from random_bundles import random_bundle  # noqa: E402

import kws.device.link  # noqa: E402
from kws.bundle import Bundle  # noqa: E402
from kws.core import lib  # noqa: E402
from kws.device.boards import open_link, open_port  # noqa: E402
from kws.device.build import build_firmware  # noqa: E402
from kws.device.chips import start_chip  # noqa: E402
from kws.device.link import Link  # noqa: E402
from kws.device.protocol import PacketReader, encode, pack  # noqa: E402
from kws.device.signature import Signature, new_key, sign_bundle  # noqa: E402
from kws.device.sizes import firmware_sizes  # noqa: E402
from kws.device.statistics import read_statistics  # noqa: E402
from kws.device.update import CHUNK_BYTES, UpdateSteps, reason, update_board  # noqa: E402
from kws.errors import BoardRefusedError  # noqa: E402
from kws.files import prepare_output  # noqa: E402

BOARDS = ("nrf52840dk", "stm32f407g_disc1")
TRAILER_OPERATIONS = 7
"""The last ones of an update: five words of the record, tried, confirmed."""


def cut_everywhere(board: str, old: Path, new: Path, keys: Path | None = None) -> dict[str, Any]:
    """Cut the supply at every flash operation of one update; return what the cut boards ran."""
    program = None if keys is None else signed_program(board, keys)
    signature = None if keys is None else sign_bundle(Bundle.load(new), keys / "update.key", 1)
    said = encode(lib.KWS_MESSAGE_HELLO, pack("hello", version=lib.KWS_PROTOCOL_VERSION))
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kws-cuts-") as folder:
        cuts = Path(folder) / "cuts"
        options = ["--cut-always", str(cuts), "--and-say", said.hex()]
        child = start_chip(board, old, program=program, options=options)
        try:
            link = Link(open_port(child.url, 921600, 600.0), board, 600.0)
            bundle = Bundle.load(new)
            update_board(link, bundle, signature=signature, on_progress=lambda done, total: show(board, done, total))
            link.port.close()
        finally:
            child.stop()
        lines = [line.split(" ") for line in cuts.read_text().splitlines()]
    assert child.report is not None
    complete = child.report.flash_operations - TRAILER_OPERATIONS
    old_crc, new_crc = Bundle.load(old).crc32, Bundle.load(new).crc32
    found: Counter[str] = Counter()
    for number, mistakes, answer in lines:
        crc = running(bytes.fromhex(answer))
        allowed = {old_crc} if int(number) <= complete else {old_crc, new_crc}
        kind = "dead" if crc is None else "wrong" if crc not in allowed else "old" if crc == old_crc else "new"
        found[kind] += 1
        found["mistakes"] += int(mistakes)
    assert len(lines) == child.report.flash_operations, "every operation was cut"
    return {
        "board": board,
        "signed": keys is not None,
        "bundle_bytes": len(Bundle.load(new).data),
        "cuts": len(lines),
        "dead_boards": found["dead"],
        "wrong_models": found["wrong"],
        "ran_the_old_model": found["old"],
        "ran_the_new_model": found["new"],
        "mistakes_of_the_firmware": found["mistakes"],
        "seconds": round(time.monotonic() - started, 1),
    }


def running(answer: bytes) -> int | None:
    """Return the CRC of the bundle that runs, from a board's INFO; None: it said nothing, or has no bundle."""
    for packet in PacketReader().feed(answer):
        if packet.type == lib.KWS_MESSAGE_INFO:
            info = packet.read("info")
            return int(info.bundle_crc32) if info.bundle_status == 0 else None
    return None


def show(what: str, done: int, total: int) -> None:
    """Show how far it has come."""
    print(f"\r{what} {100 * done // total} %", end="\n" if done == total else "", file=sys.stderr, flush=True)


# ---- signatures ----


def signed_program(board: str, keys: Path) -> Path:
    """Build firmware for a board that takes signed bundles only."""
    if not (keys / "update.key").exists():
        new_key(keys / "update.key")
    folder = keys / board
    return build_firmware(board, target="kws", folder=folder, update_key=keys / "update.pub") / "kws.elf"


def cost_of_signatures(board: str, old: Path, new: Path, keys: Path) -> dict[str, Any]:
    """Measure what a key in the firmware costs: its sizes, and an update refused with and without a look at it."""
    with_key = signed_program(board, keys)
    signed = firmware_sizes(with_key)
    plain = firmware_sizes(build_firmware(board, target="kws") / "kws.elf")
    other = keys / f"other_than_{new.stem}.key"
    new_key(other)
    wrong = sign_bundle(Bundle.load(new), other, 1)  # refused when all has been computed
    checked, stack = refused_cycles(board, old, new, with_key, wrong)
    unchecked, stack_before = refused_cycles(board, old, new, with_key, None)
    return {
        "board": board,
        "bundle_bytes": len(Bundle.load(new).data),
        "flash_bytes": signed.flash_bytes - plain.flash_bytes,
        "ram_bytes": signed.static_bytes - plain.static_bytes,
        "cycles_of_a_check": checked - unchecked,
        "stack_peak_bytes": stack,
        "stack_peak_bytes_before": stack_before,
    }


def refused_cycles(board: str, old: Path, new: Path, program: Path, signature: Signature | None) -> tuple[int, int]:
    """Return the cycles awake of a board that refuses an update, and how deep its stack has been."""
    child = start_chip(board, old, program=program)
    try:
        link = Link(open_port(child.url, 921600, 600.0), board, 600.0)
        try:
            update_board(link, Bundle.load(new), signature=signature)
            raise AssertionError("it must be refused")
        except BoardRefusedError:
            pass
        report = link.ask(lib.KWS_MESSAGE_STATISTICS, b"", lib.KWS_MESSAGE_STATISTICS_REPORT)
        stack = read_statistics(report).stack_peak_bytes
        link.port.close()
    finally:
        child.stop()
    assert child.report is not None
    return child.report.cycles - child.report.sleep_cycles, stack


# ---- malformed updates ----


@dataclass(frozen=True, kw_only=True)
class Case:
    """Requests, all of them good but the last, and why that is refused."""

    name: str
    requests: list[tuple[int, bytes]]
    error: int
    status: int = 0


def begin(total_bytes: int, crc32: int) -> tuple[int, bytes]:
    """Return the request that announces a bundle."""
    return lib.KWS_MESSAGE_UPDATE_BEGIN, pack("update_begin", total_bytes=total_bytes, bundle_crc32=crc32)


def chunk(offset: int, data: bytes, crc32: int | None = None) -> tuple[int, bytes]:
    """Return the request that carries a piece of it."""
    crc32 = zlib.crc32(data) if crc32 is None else crc32
    return lib.KWS_MESSAGE_UPDATE_CHUNK, pack("update_chunk", offset=offset, crc32=crc32) + data


def whole(data: bytes, crc32: int | None = None) -> list[tuple[int, bytes]]:
    """Return the requests for all of a file, announced with the checksum in its header."""
    announced = struct.unpack_from("<I", data, 12)[0] if crc32 is None else crc32
    chunks = [chunk(at, data[at : at + CHUNK_BYTES]) for at in range(0, len(data), CHUNK_BYTES)]
    return [begin(len(data), announced), *chunks, (lib.KWS_MESSAGE_UPDATE_FINISH, b"")]


def with_crc(data: bytearray) -> bytes:
    """Return an altered bundle with its checksum made right."""
    struct.pack_into("<I", data, 12, zlib.crc32(data[16:]))
    return bytes(data)


def altered(data: bytes, offset: int, layout: str, value: int) -> bytes:
    """Return a bundle with one number changed and a checksum that fits."""
    copy = bytearray(data)
    struct.pack_into(layout, copy, offset, value)
    return with_crc(copy)


def cases(good: bytes, room: int, rng: np.random.Generator) -> Iterator[Case]:
    """Yield malformed updates without end, kind after kind."""
    crc = int(struct.unpack_from("<I", good, 12)[0])
    while True:
        at = int(rng.integers(0, (len(good) - 16) // 16)) * 16
        piece, start = good[:16], begin(len(good), crc)
        flip = bytearray(good)
        flip[int(rng.integers(16, len(good)))] ^= 1 << int(rng.integers(0, 8))
        odd = 16 * int(rng.integers(2, 1000)) + int(rng.integers(1, 16))
        section = 32 + 16 * int(rng.integers(0, 4))
        yield Case(name="size", requests=[begin(odd, crc)], error=lib.KWS_UPDATE_SIZE)
        yield Case(name="too large", requests=[begin(room + 16 + 16 * at, crc)], error=lib.KWS_UPDATE_TOO_LARGE)
        yield Case(name="not begun", requests=[chunk(at, piece)], error=lib.KWS_UPDATE_NOT_BEGUN)
        yield Case(
            name="nothing to finish", requests=[(lib.KWS_MESSAGE_UPDATE_FINISH, b"")], error=lib.KWS_UPDATE_NOT_BEGUN
        )
        length = int(rng.choice([1, 2, 3, 15, 225, 228, 239, 240]))
        yield Case(name="chunk size", requests=[start, chunk(0, good[:length])], error=lib.KWS_UPDATE_CHUNK_SIZE)
        beyond = len(good) - 8 + 16 * int(rng.integers(0, 1000))
        yield Case(name="chunk beyond", requests=[start, chunk(beyond, piece)], error=lib.KWS_UPDATE_CHUNK_SIZE)
        wrong = zlib.crc32(piece) ^ 1 << int(rng.integers(0, 32))
        yield Case(name="chunk CRC", requests=[start, chunk(0, piece, wrong)], error=lib.KWS_UPDATE_CHUNK_CRC)
        yield Case(name="gap", requests=[start, chunk(16 + at, piece)], error=lib.KWS_UPDATE_ORDER)
        other = bytes(byte ^ 0x55 for byte in piece)
        yield Case(name="chunk changed", requests=[start, chunk(0, piece), chunk(0, other)], error=lib.KWS_UPDATE_ORDER)
        yield Case(
            name="cut short",
            requests=[start, chunk(0, piece), (lib.KWS_MESSAGE_UPDATE_FINISH, b"")],
            error=lib.KWS_UPDATE_INCOMPLETE,
        )
        yield Case(
            name="confirmed in between",
            requests=[start, (lib.KWS_MESSAGE_UPDATE_CONFIRM, b"")],
            error=lib.KWS_UPDATE_NO_TRIAL,
        )
        for name, data, status in (
            ("flipped bit", bytes(flip), lib.KWS_ERROR_CRC),
            ("other magic", altered(good, 0, "<I", int(rng.integers(0, 2**32))), lib.KWS_ERROR_MAGIC),
            ("other version", altered(good, 4, "<H", int(rng.integers(3, 2**16))), lib.KWS_ERROR_VERSION),
            ("other size", altered(good, 8, "<I", len(good) + 16 * (1 + at)), lib.KWS_ERROR_TRUNCATED),
            ("section renamed", altered(good, section, "<I", 0x58585858 + at), lib.KWS_ERROR_MISSING),
            ("section outside", altered(good, section + 4, "<I", len(good) + 16 * at), lib.KWS_ERROR_BOUNDS),
        ):
            yield Case(name=name, requests=whole(data), error=lib.KWS_UPDATE_BUNDLE, status=status)
        yield Case(name="not announced", requests=whole(good, crc ^ (1 + at)), error=lib.KWS_UPDATE_OTHER)


def refuse(board: str, old: Path, new: Path, count: int) -> dict[str, Any]:
    """Try malformed updates on a board; return how many it refused for the right reason, by kind."""
    refused: Counter[str] = Counter()
    failures: list[str] = []
    with open_link(board, bundle=old) as link:
        link.greet()
        steps, old_crc = UpdateSteps(link), Bundle.load(old).crc32
        room = int(ask(link, *begin(16, 0)).room_bytes)
        made = cases(bytes(Bundle.load(new).data), room, np.random.default_rng(11))
        for number in range(count):
            case = next(made)
            link.begin_session(pack("reset", operating_point=-1, wanted=0))
            for kind, payload in case.requests[:-1]:
                steps.step(kind, payload, case.name)
            answer = ask(link, *case.requests[-1])
            right = (int(answer.error), int(answer.bundle_status)) == (case.error, case.status)
            said = "does not know" not in reason(answer)
            link.begin_session(pack("reset", operating_point=-1, wanted=0))
            kept = int(link.greet().bundle_crc32) == old_crc
            refused[case.name] += right and said and kept
            if not (right and said and kept):
                failures.append(f"{case.name}: error {answer.error}, status {answer.bundle_status}, kept {kept}")
            show(f"malformed updates, {board}", number + 1, count)
    return {
        "board": board,
        "malformed_updates": count,
        "refused_with_the_right_reason": sum(refused.values()),
        "by_kind": dict(sorted(refused.items())),
        "failures": failures,
    }


def ask(link: Link, kind: int, payload: bytes) -> Any:
    """Return the board's answer to a request of an update."""
    link.state = lambda: "a malformed update"
    return link.ask(
        kind, payload, lib.KWS_MESSAGE_UPDATE_RESULT, lambda packet: packet.read("update_result").request == kind
    ).read("update_result")


def main() -> int:
    """Run everything and write the figures."""
    kws.device.link.RETRY_S = kws.device.link.MAX_RETRY_S = 60.0  # a board whose copies are being cut is slow
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "update.json")
    parser.add_argument("--bundle", type=Path, help="that the boards are updated to; a small random one when omitted")
    parser.add_argument("--boards", default=",".join(BOARDS))
    parser.add_argument("--malformed", type=int, default=1000)
    options = parser.parse_args()
    prepare_output(options.out, "--out")
    with tempfile.TemporaryDirectory(prefix="kws-update-") as folder:
        old, new = Path(folder) / "old.kws", options.bundle or Path(folder) / "new.kws"
        random_bundle(seed=1).save(old)
        if options.bundle is None:
            random_bundle(seed=3).save(new)
        boards = [board for board in options.boards.split(",") if board]
        figures: dict[str, Any] = {
            "supply_cut_at_every_flash_operation": [cut_everywhere(board, old, new) for board in boards],
            "malformed": refuse("native", old, new, options.malformed),
        }
        if boards:
            keys = Path(folder)
            figures["supply_cut_at_every_flash_operation"].append(cut_everywhere(boards[0], old, new, keys))
            figures["signatures"] = [
                cost_of_signatures(boards[0], old, bundle, keys)
                for bundle in (new, ROOT / "models" / "speech_commands_12.kws")
            ]
    options.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=1))
    bad = [row for row in figures["supply_cut_at_every_flash_operation"] if row["dead_boards"] or row["wrong_models"]]
    return 1 if bad or figures["malformed"]["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
