# SPDX-License-Identifier: Apache-2.0
# Read by firmware/CMakeLists.txt: what this board is made of.
set(KWS_BOARD_CHIP STM32F405)
set(KWS_BOARD_TOOLCHAIN mcu/armv7em/toolchain.cmake)
set(KWS_BOARD_SOURCES
    boards/netduinoplus2/board.c
    mcu/armv7em/board_cortex_m.c
    mcu/armv7em/cortex_m.c
    mcu/armv7em/memory.c
    mcu/armv7em/startup.c
    mcu/stm32f4/board_stm32f4.c
    mcu/stm32f4/clock.c
    mcu/stm32f4/pins.c
    mcu/stm32f4/usart.c
    mcu/stm32f4/vectors.c)
set(KWS_BOARD_INCLUDES mcu/armv7em mcu/stm32f4)
set(KWS_BOARD_LINKER_SCRIPT mcu/stm32f4/stm32f405.ld)
set(KWS_BOARD_QEMU netduinoplus2)
