/* SPDX-License-Identifier: Apache-2.0 */
/* Levels at pins that wake the core while everything else is off: sensing takes next to no current. */
#ifndef KWS_NRF52_WAKE_H
#define KWS_NRF52_WAKE_H

#include <stdbool.h>
#include <stdint.h>

/* Once the pin is high (or low): on_level is called, by the interrupt; the core wakes, and the pin is no longer sensed. At
 * most two pins at a time, a third is a fault; one that is sensed already is sensed anew. pulled_up: while it waits, and
 * afterwards. */
void nrf52_wake_on(uint8_t pin, bool high, bool pulled_up, void (*on_level)(void));

/* The pin is no longer sensed; harmless when it is not. */
void nrf52_wake_off(uint8_t pin);

#endif
