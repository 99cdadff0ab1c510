/* SPDX-License-Identifier: Apache-2.0 */
#include "clock.h"

#include "cortex_m.h"
#include "nrf52840.h"

enum {
    US_PER_S = 1000000,
    PRESCALER_1_MHZ = 4 /* 16 MHz / 2^4 */
};

void nrf52_clock_start_crystal(void)
{
    const uint32_t runs = CLOCK_HFCLKSTAT_SRC_XTAL | CLOCK_HFCLKSTAT_STATE_RUNNING;
    CLOCK_TASKS_HFCLKSTART = 1;
    while ((CLOCK_HFCLKSTAT & runs) != runs) {
    }
}

void nrf52_clock_start(void)
{
    TIMER0_BITMODE = TIMER0_BITMODE_BITMODE_32BIT;
    TIMER0_PRESCALER = PRESCALER_1_MHZ;
    TIMER0_CC(1) = US_PER_S;
    TIMER0_INTENSET = TIMER0_INTENSET_COMPARE1;
    cortex_m_enable_interrupt(TIMER0_IRQ);
    TIMER0_TASKS_START = 1;
}

void TIMER0_IRQHandler(void);
void TIMER0_IRQHandler(void)
{
    TIMER0_EVENTS_COMPARE(1) = 0;
    TIMER0_CC(1) += US_PER_S;
    (void)TIMER0_EVENTS_COMPARE(1); /* the clearing has arrived before the return */
    cortex_m_wake();
}

uint32_t nrf52_clock_microseconds(void)
{
    TIMER0_TASKS_CAPTURE(0) = 1;
    return TIMER0_CC(0);
}
