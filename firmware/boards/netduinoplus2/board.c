/* SPDX-License-Identifier: Apache-2.0 */
/* Netduino Plus 2 (STM32F405RG). QEMU emulates this board. */
#include "board_stm32f4.h"

const stm32f4_board_t stm32f4_board = {
    .name = "netduinoplus2",
    .crystal_mhz = 0,
    .usart = STM32F4_USART1,
    .usart_tx_pin = STM32F4_PIN(B, 6),
    .usart_rx_pin = STM32F4_PIN(B, 7),
    .lamp_pin = STM32F4_NO_PIN,
};
