/* SPDX-License-Identifier: Apache-2.0 */
/* UART0 with a receive and a transmit ring; the interrupt moves bytes between them and the wire. */
#ifndef KWS_NRF51_UART_H
#define KWS_NRF51_UART_H

#include <stdint.h>

enum {
    NRF51_UART_RECEIVE_BYTES = 512,
    NRF51_UART_TRANSMIT_BYTES = 256
};

/* 8 data bits, no parity, one stop bit. baud: 921600 or 115200. */
void nrf51_uart_init(uint32_t pin_tx, uint32_t pin_rx, uint32_t baud);

uint32_t nrf51_uart_read(uint8_t *bytes, uint32_t max_bytes);
uint32_t nrf51_uart_write_room(void);
void nrf51_uart_write(const uint8_t *bytes, uint32_t num_bytes);
uint32_t nrf51_uart_overruns(void);

/* For fault handlers: sends and waits, with interrupts off, past whatever the ring still holds. */
void nrf51_uart_write_polled(const uint8_t *bytes, uint32_t num_bytes);

#endif
