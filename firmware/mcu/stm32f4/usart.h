/* SPDX-License-Identifier: Apache-2.0 */
/* USART1 or USART2 with a receive and a transmit ring; the interrupt moves bytes between them and the wire. */
#ifndef KWS_STM32F4_USART_H
#define KWS_STM32F4_USART_H

#include <stdint.h>

enum {
    STM32F4_USART_RECEIVE_BYTES = 512,
    STM32F4_USART_TRANSMIT_BYTES = 256
};

typedef enum {
    STM32F4_USART1,
    STM32F4_USART2
} stm32f4_usart_t;

/* 8 data bits, no parity, one stop bit. The pins are the board's business. */
void stm32f4_usart_init(stm32f4_usart_t which, uint32_t baud);

uint32_t stm32f4_usart_read(uint8_t *bytes, uint32_t max_bytes);
uint32_t stm32f4_usart_write_room(void);
void stm32f4_usart_write(const uint8_t *bytes, uint32_t num_bytes);
uint32_t stm32f4_usart_overruns(void);

/* For fault handlers: sends and waits, with interrupts off, past whatever the ring still holds. */
void stm32f4_usart_write_polled(const uint8_t *bytes, uint32_t num_bytes);

#endif
