/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks of the nRF52840, and the clock on the wall: TIMER0, which goes on while the core sleeps. */
#ifndef KWS_NRF52_CLOCK_H
#define KWS_NRF52_CLOCK_H

#include <stdint.h>

/* The 32 MHz crystal; returns when it runs. Microphone, USB and fast serial lines need it. */
void nrf52_clock_start_crystal(void);
void nrf52_clock_stop_crystal(void);

/* The same without waiting for it: for interrupts. */
void nrf52_clock_request_crystal(void);

/* Microseconds that wrap at 2^32; an interrupt a second wakes the core, so that the main loop turns now and then. */
void nrf52_clock_start(void);
uint32_t nrf52_clock_microseconds(void);

/* Crystal and clock off, for as long as nothing needs them: the oscillator of the watchdog wakes the core every two seconds
 * instead; microseconds count on, two seconds at a time. */
void nrf52_clock_rest(void);
void nrf52_clock_resume(void);

#endif
