# SPDX-License-Identifier: Apache-2.0
"""What a board says about itself before anything is asked of it: ``kws board info``."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from kws import places
from kws.core import ffi, lib, status_text
from kws.device.board import RESETS
from kws.device.link import Link, describe_fault
from kws.device.protocol import Packet

_CRC_OFFSET = 12
"""Of a bundle's checksum in its header."""


@dataclass(frozen=True, kw_only=True)
class AboutBoard:
    """A board, whatever the state of its bundle."""

    board: str
    """Its name, as in ``firmware/boards``."""
    firmware_version: str
    """Of the package that its firmware was built from."""
    protocol_version: int
    """Of its firmware."""
    uptime_s: int
    """Since it started."""
    clock_hz: int
    bundle_status: int
    """``kws_status_t``: negative when there is nothing that it can run."""
    bundle_crc32: int
    num_labels: int
    arena_bytes: int
    """Memory it has for a pipeline."""
    arena_needed_bytes: int
    """Memory its bundle needs."""
    static_bytes: int
    """RAM of data and buffers, without stack and arena; 0 = unknown."""
    slot_bytes: int
    """The largest bundle that an update may bring; 0: it takes none over its line."""
    wants_signatures: bool
    """It takes such a bundle only when signed with the key that its firmware was built with (``kws sign``)."""
    on_trial: bool
    """Its bundle came by an update that was not confirmed: it runs this once."""
    started_by: str
    last_fault: str
    """The fault that ended the run before; empty when it ended otherwise."""

    def lines(self) -> list[tuple[str, str]]:
        """Return what a person wants to know, each with a name."""
        ram = f"arena {self.arena_needed_bytes:,} of {self.arena_bytes:,} bytes"
        if self.static_bytes:
            ram += f", data and buffers {self.static_bytes:,} bytes"
        updates = f"two slots, bundles of up to {self.slot_bytes:,} bytes ('kws update')"
        if self.wants_signatures:
            updates += ", signed ones only ('kws sign')"
        return [
            ("board", f"{self.board}, {self.clock_hz / 1e6:g} MHz"),
            ("firmware", f"{self.firmware_version}, protocol {self.protocol_version}, that of this computer"),
            ("bundle", self._bundle()),
            ("RAM", ram),
            ("updates", updates if self.slot_bytes else "none over its serial line ('kws flash')"),
            ("running", _duration(self.uptime_s)),
            ("started by", self.started_by),
            ("last fault", self.last_fault or "none"),
        ]

    def _bundle(self) -> str:
        if self.bundle_status < 0:
            return f"none that it can run: {status_text(self.bundle_status)}"
        name = shipped_name(self.bundle_crc32)
        called = f"{name}, " if name else ""
        trial = ", on trial: not confirmed, the next start goes back to the one before" if self.on_trial else ""
        return f"{called}CRC {self.bundle_crc32:08x}, {self.num_labels} labels{trial}"


def _duration(seconds: int) -> str:
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes == 0:
        return f"{seconds} s"
    if hours == 0:
        return f"{minutes} min {seconds % 60} s"
    return f"{hours} h {minutes % 60} min" if days == 0 else f"{days} d {hours % 24} h"


def ask_about(link: Link) -> AboutBoard:
    """Ask a board what it is.

    Raises
    ------
    BoardTimeoutError, ProtocolError, DeviceError
        If it does not answer, speaks another version, or the line fails.
    """
    info = link.greet()
    link.state = lambda: "asking for its slots"
    request = lib.KWS_MESSAGE_UPDATE_START  # does nothing while no update is going on

    def is_its_own(packet: Packet) -> bool:
        return bool(packet.read("update_result").request == request)

    slots = link.ask(request, b"", lib.KWS_MESSAGE_UPDATE_RESULT, is_its_own).read("update_result")
    return AboutBoard(
        board=ffi.string(info.board).decode(errors="replace"),
        firmware_version=ffi.string(info.firmware).decode(errors="replace"),
        protocol_version=int(info.version),
        uptime_s=int(info.uptime_s),
        clock_hz=int(info.clock_hz),
        bundle_status=int(info.bundle_status),
        bundle_crc32=int(info.bundle_crc32),
        num_labels=int(info.num_labels),
        arena_bytes=int(info.arena_bytes),
        arena_needed_bytes=int(info.arena_needed_bytes),
        static_bytes=int(info.static_bytes),
        slot_bytes=int(slots.room_bytes),
        wants_signatures=bool(info.features & lib.KWS_BOARD_WANTS_SIGNATURES),
        on_trial=bool(slots.on_trial) and int(info.bundle_status) >= 0,
        started_by=RESETS[info.reset] if info.reset < len(RESETS) else "unknown",
        last_fault=describe_fault(info.fault) if info.fault.exception else "",
    )


def shipped_name(crc32: int) -> str | None:
    """Return the name of the shipped bundle with this checksum, or None."""
    for path in sorted(places.models().glob("*.kws")):
        with path.open("rb") as file:
            head = file.read(_CRC_OFFSET + 4)
        if len(head) == _CRC_OFFSET + 4 and struct.unpack_from("<I", head, _CRC_OFFSET)[0] == crc32:
            return path.stem
    return None
