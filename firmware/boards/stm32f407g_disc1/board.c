/* SPDX-License-Identifier: Apache-2.0 */
/* ST's STM32F407 Discovery (STM32F407G-DISC1, MB997). */
#include "board_stm32f4.h"

const stm32f4_board_t stm32f4_board = {
    .name = "stm32f407g_disc1",
    .crystal_mhz = 8,
    .usart = STM32F4_USART2, /* no pin of it goes to the ST-LINK */
    .usart_tx_pin = STM32F4_PIN(A, 2),
    .usart_rx_pin = STM32F4_PIN(A, 3),
    .lamp_pin = STM32F4_PIN(D, 12), /* green */
};
