/* SPDX-License-Identifier: Apache-2.0 */
/* Pins of the nRF52 by number: port and pin in one, as the PSEL registers have them. */
#ifndef KWS_NRF52_PINS_H
#define KWS_NRF52_PINS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    NRF52_NO_PIN = 0xFF
};

#define NRF52_PIN(port, pin) (32u * (port) + (pin))

/* high: the level it begins with. */
void nrf52_pin_output(uint8_t pin, bool high);
void nrf52_pin_strong_output(uint8_t pin, bool high); /* where it feeds a part */
void nrf52_pin_input(uint8_t pin, bool pulled_up);
void nrf52_pin_set(uint8_t pin, bool high);

#endif
