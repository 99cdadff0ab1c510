# SPDX-License-Identifier: Apache-2.0
"""Where a board keeps bundles: all of the flash set aside, or two slots of it (``firmware/core/kws_update.h``)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kws.core import lib
from kws.device.build import board_setting
from kws.device.sizes import linker_symbols


@dataclass(frozen=True, kw_only=True)
class BundleFlash:
    """The flash of a board that holds bundles."""

    address: int
    """Of the first bundle, which is what a programmer writes."""
    room_bytes: int
    """The largest bundle."""
    slot_ends: tuple[int, ...]
    """Addresses behind the slots; none on boards that cannot write their flash. What lies in front of them says which
    bundle runs; erased, it is the first."""


def bundle_flash(board: str, elf: Path) -> BundleFlash:
    """Return where bundles go.

    Parameters
    ----------
    board : str
        Its ``board.cmake`` says the size of its pages (``KWS_BOARD_FLASH_PAGE_BYTES``) when it can write them.
    elf : path
        Its firmware, for the symbols of its linker script.
    """
    symbols = linker_symbols(elf)
    start, end = symbols["kws_bundle_start"], symbols["kws_bundle_end"]
    page_bytes = board_setting(board, "KWS_BOARD_FLASH_PAGE_BYTES")
    if page_bytes is None:
        return BundleFlash(address=start, room_bytes=end - start, slot_ends=())
    room = int(lib.kws_update_room_bytes(end - start, int(page_bytes)))
    slot = room + int(lib.KWS_UPDATE_TRAILER_BYTES)
    ends = tuple(start + slot * (index + 1) for index in range(int(lib.KWS_UPDATE_NUM_SLOTS)))
    return BundleFlash(address=start, room_bytes=room, slot_ends=ends)
