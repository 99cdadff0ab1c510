/* SPDX-License-Identifier: Apache-2.0 */
#include "pins.h"

#include "nrf52840.h"

void nrf52_pin_set(uint8_t pin, bool high)
{
    if (high) {
        P0_OUTSET(pin / 32u) = 1u << (pin % 32u);
    } else {
        P0_OUTCLR(pin / 32u) = 1u << (pin % 32u);
    }
}

/* The level first: no pulse while the pin becomes an output. */
static void output(uint8_t pin, bool high, uint32_t drive)
{
    nrf52_pin_set(pin, high);
    P0_PIN_CNF(pin / 32u, pin % 32u) = P0_PIN_CNF_DIR_OUTPUT | P0_PIN_CNF_INPUT_DISCONNECT | drive;
}

void nrf52_pin_output(uint8_t pin, bool high)
{
    output(pin, high, 0u);
}

void nrf52_pin_strong_output(uint8_t pin, bool high)
{
    output(pin, high, P0_PIN_CNF_DRIVE_H0H1);
}

void nrf52_pin_input(uint8_t pin, bool pulled_up)
{
    P0_PIN_CNF(pin / 32u, pin % 32u) = P0_PIN_CNF_INPUT_CONNECT | (pulled_up ? P0_PIN_CNF_PULL_PULLUP : 0u);
}
