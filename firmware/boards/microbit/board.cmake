# SPDX-License-Identifier: Apache-2.0
# Read by firmware/CMakeLists.txt: what this board is made of.
set(KWS_BOARD_CHIP nRF51822)
set(KWS_BOARD_TOOLCHAIN mcu/armv6m/toolchain.cmake)
set(KWS_BOARD_SOURCES
    boards/microbit/board.c
    mcu/armv7em/board_cortex_m.c
    mcu/armv7em/cortex_m.c
    mcu/armv7em/startup.c
    mcu/nrf51/uart.c
    mcu/nrf51/vectors.c)
set(KWS_BOARD_INCLUDES mcu/armv7em mcu/nrf51)
set(KWS_BOARD_LINKER_SCRIPT mcu/nrf51/nrf51822.ld)
set(KWS_BOARD_QEMU microbit)
