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

void nrf52_wake_on(uint8_t pin, bool high, bool pulled_up, void (*on_level)(void))
{
    const uint32_t state = cortex_m_interrupts_off();
    const uint32_t slot = sensed[0].on_level == NULL ? 0u : 1u;
    sensed[slot].on_level = on_level;
    sensed[slot].pin = pin;
    sensed[slot].pulled_up = pulled_up;
    P0_PIN_CNF(pin / 32u, pin % 32u) = P0_PIN_CNF_INPUT_CONNECT | (pulled_up ? P0_PIN_CNF_PULL_PULLUP : 0u) |
                                       (high ? P0_PIN_CNF_SENSE_HIGH : P0_PIN_CNF_SENSE_LOW);
    GPIOTE_INTENSET = GPIOTE_INTENSET_PORT;
    cortex_m_enable_interrupt(GPIOTE_IRQ);
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
            nrf52_pin_input(pin, sensed[i].pulled_up); /* first: a level that stays would latch again */
            P0_LATCH(pin / 32u) = bit_of(pin);         /* ones clear */
            void (*const on_level)(void) = sensed[i].on_level;
            sensed[i].on_level = NULL;
            on_level();
            cortex_m_wake();
        }
    }
}
