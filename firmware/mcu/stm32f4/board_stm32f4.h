/* SPDX-License-Identifier: Apache-2.0 */
/* What one STM32F405 or F407 board is beside another; the rest of board.h is the same for all of them (board_stm32f4.c). */
#ifndef KWS_BOARD_STM32F4_H
#define KWS_BOARD_STM32F4_H

#include <stdint.h>

#include "pins.h"
#include "usart.h"

typedef struct {
    const char *name;
    uint32_t crystal_mhz; /* 0: the internal oscillator is used */
    stm32f4_usart_t usart;
    uint8_t usart_tx_pin, usart_rx_pin;
    uint8_t lamp_pin; /* high while an event is shown; STM32F4_NO_PIN without */
} stm32f4_board_t;

/* Defined by the board's folder. */
extern const stm32f4_board_t stm32f4_board;

#endif
