# SPDX-License-Identifier: Apache-2.0
"""Flashing: firmware and model onto a board in one command, whatever its way is.

A board says its way in its ``board.cmake``: ``set(KWS_BOARD_FLASH uf2 XIAO-SENSE ...)``; the words behind the way are
its arguments (see `kws.flash.ways`).
"""

from kws.flash.image import Image, firmware_image
from kws.flash.ways import Way, way_of

__all__ = ["Image", "Way", "firmware_image", "way_of"]
