# SPDX-License-Identifier: Apache-2.0
# What every nRF52840 board links; the board adds its own board.c, and serial_uart.c or serial_usb.c.
set(KWS_BOARD_SOURCES
    mcu/armv7em/board_cortex_m.c
    mcu/armv7em/cortex_m.c
    mcu/armv7em/memory.c
    mcu/armv7em/startup.c
    mcu/nrf52/board_nrf52.c
    mcu/nrf52/clock.c
    mcu/nrf52/flash.c
    mcu/nrf52/microphone.c
    mcu/nrf52/pins.c
    mcu/nrf52/vectors.c
    mcu/nrf52/wake.c)
set(KWS_BOARD_INCLUDES mcu/armv7em mcu/nrf52)
set(KWS_BOARD_HAS_MICROPHONE ON)
