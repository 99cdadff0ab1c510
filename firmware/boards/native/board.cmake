# SPDX-License-Identifier: Apache-2.0
# Read by firmware/CMakeLists.txt: what this board is made of.
set(KWS_BOARD_SOURCES boards/native/board.c)
set(KWS_BOARD_FLASH_PAGE_BYTES 4096)
