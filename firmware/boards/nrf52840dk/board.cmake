# SPDX-License-Identifier: Apache-2.0
# Read by firmware/CMakeLists.txt: what this board is made of.
set(KWS_BOARD_CHIP nRF52840)
set(KWS_BOARD_TOOLCHAIN mcu/armv7em/toolchain.cmake)
include(${CMAKE_CURRENT_SOURCE_DIR}/mcu/nrf52/nrf52.cmake)
list(APPEND KWS_BOARD_SOURCES boards/nrf52840dk/board.c mcu/nrf52/serial_uart.c)
set(KWS_BOARD_LINKER_SCRIPT boards/nrf52840dk/nrf52840dk.ld)
set(KWS_BOARD_EMULATOR nrf52840 --sensitivity-db -20)
set(KWS_BOARD_FLASH pyocd nrf52840)
set(KWS_BOARD_FLASH_PAGE_BYTES 4096)
