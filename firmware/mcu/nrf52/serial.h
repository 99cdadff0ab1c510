/* SPDX-License-Identifier: Apache-2.0 */
/* The serial line of an nRF52840 board: a UART (serial_uart.c) or its own USB (serial_usb.c), whichever the board links.
 * As the functions of the same names in board.h. */
#ifndef KWS_NRF52_SERIAL_H
#define KWS_NRF52_SERIAL_H

#include <stdbool.h>
#include <stdint.h>

enum {
    NRF52_SERIAL_RECEIVE_BYTES = 1024, /* a power of two */
    NRF52_SERIAL_TRANSMIT_BYTES = 512  /* a power of two */
};

void nrf52_serial_init(uint32_t baud);
uint32_t nrf52_serial_read(uint8_t *bytes, uint32_t max_bytes);
uint32_t nrf52_serial_write_room(void);
void nrf52_serial_write(const uint8_t *bytes, uint32_t num_bytes);
uint32_t nrf52_serial_overruns(void);
bool nrf52_serial_is_open(void);
void nrf52_serial_rest(void);
void nrf52_serial_write_polled(const uint8_t *bytes, uint32_t num_bytes);

#endif
