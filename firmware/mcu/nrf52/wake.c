/* SPDX-License-Identifier: Apache-2.0 */
#include "wake.h"

#include <stddef.h>

#include "cortex_m.h"
#include "nrf52840.h"
#include "pins.h"

enum {
    MAX_PINS = 2
};

static struct {
    void (*on_level)(void); /* NULL: free */
    uint8_t pin;
    bool pulled_up;
} sensed[MAX_PINS];

static uint32_t bit_of(uint8_t pin)
{
    return 1u << (pin % 32u);
}

/* Where the pin is sensed, or else could be; MAX_PINS when there is no room. */
static uint32_t slot_of(uint8_t pin)
{
    uint32_t free_slot = MAX_PINS;
    for (uint32_t i = 0; i < MAX_PINS; ++i) {
        if (sensed[i].on_level == NULL) {
            free_slot = i;
        } else if (sensed[i].pin == pin) {
            return i;
        }
    }
    return free_slot;
}

/* First of all: a level that stays would latch again. */
static void release(uint32_t slot)
{
    const uint8_t pin = sensed[slot].pin;
    nrf52_pin_input(pin, sensed[slot].pulled_up);
    P0_LATCH(pin / 32u) = bit_of(pin); /* ones clear */
    sensed[slot].on_level = NULL;
}

void nrf52_wake_on(uint8_t pin, bool high, bool pulled_up, void (*on_level)(void))
{
    const uint32_t state = cortex_m_interrupts_off();
    const uint32_t slot = slot_of(pin);
    if (slot == MAX_PINS) {
        __builtin_trap();
    }
    sensed[slot].on_level = on_level;
    sensed[slot].pin = pin;
    sensed[slot].pulled_up = pulled_up;
    P0_PIN_CNF(pin / 32u, pin % 32u) = P0_PIN_CNF_INPUT_CONNECT | (pulled_up ? P0_PIN_CNF_PULL_PULLUP : 0u) |
                                       (high ? P0_PIN_CNF_SENSE_HIGH : P0_PIN_CNF_SENSE_LOW);
    GPIOTE_INTENSET = GPIOTE_INTENSET_PORT;
    cortex_m_enable_interrupt(GPIOTE_IRQ);
    cortex_m_interrupts_restore(state);
}

void nrf52_wake_off(uint8_t pin)
{
    const uint32_t state = cortex_m_interrupts_off();
    const uint32_t slot = slot_of(pin);
    if (slot < MAX_PINS && sensed[slot].on_level != NULL) {
        release(slot);
    }
    cortex_m_interrupts_restore(state);
}

/* The level may be gone by now; the latch remembers. */
void GPIOTE_IRQHandler(void);
void GPIOTE_IRQHandler(void)
{
    GPIOTE_EVENTS_PORT = 0;
    (void)GPIOTE_EVENTS_PORT; /* the clearing has arrived before the return */
    for (uint32_t i = 0; i < MAX_PINS; ++i) {
        const uint8_t pin = sensed[i].pin;
        if (sensed[i].on_level != NULL && (P0_LATCH(pin / 32u) & bit_of(pin)) != 0u) {
            void (*const on_level)(void) = sensed[i].on_level;
            release(i);
            on_level();
            cortex_m_wake();
        }
    }
}
