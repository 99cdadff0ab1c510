# SPDX-License-Identifier: Apache-2.0
# Read by firmware/CMakeLists.txt: what this board is made of.
set(KWS_BOARD_CHIP nRF52840)
set(KWS_BOARD_TOOLCHAIN mcu/armv7em/toolchain.cmake)
include(${CMAKE_CURRENT_SOURCE_DIR}/mcu/nrf52/nrf52.cmake)
list(APPEND KWS_BOARD_SOURCES boards/xiao_nrf52840_sense/board.c mcu/nrf52/serial_usb.c mcu/nrf52/usb_requests.c)
set(KWS_BOARD_LINKER_SCRIPT boards/xiao_nrf52840_sense/xiao_nrf52840_sense.ld)
set(KWS_BOARD_EMULATOR nrf52840 --usb --sensitivity-db -20)
set(KWS_BOARD_FLASH uf2 XIAO-SENSE 0xADA52840 2886:8045)
set(KWS_BOARD_FLASH_PAGE_BYTES 4096)
