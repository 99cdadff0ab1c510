/* SPDX-License-Identifier: Apache-2.0 */
/* What one nRF52840 board is beside another: pins. The rest of board.h is the same for all of them (board_nrf52.c). */
#ifndef KWS_BOARD_NRF52_H
#define KWS_BOARD_NRF52_H

#include <stdbool.h>
#include <stdint.h>

#include "microphone.h"
#include "pins.h"

typedef struct {
    const char *name;
    uint8_t uart_tx_pin, uart_rx_pin; /* of serial_uart.c */
    uint16_t usb_vendor, usb_product; /* of serial_usb.c */
    uint8_t bootloader_magic;         /* in GPREGRET over a reset: stay in the bootloader; 0 without one */
    uint8_t lamp_pin;
    bool lamp_on_high;
    uint8_t event_pin; /* high while an event is shown: for another processor */
    uint8_t wake_pin;  /* high: the microphone, without a clock, has heard something; NRF52_NO_PIN without */
    bool has_dcdc;     /* the coil of the DC/DC converter is fitted */
    nrf52_microphone_t microphone;
} nrf52_board_t;

/* Defined by the board's folder. */
extern const nrf52_board_t nrf52_board;

#endif
