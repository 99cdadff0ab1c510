/* SPDX-License-Identifier: Apache-2.0 */
#include "clock.h"

#include "cortex_m.h"
#include "nrf52840.h"

enum {
    US_PER_S = 1000000,
    PRESCALER_1_MHZ = 4,   /* 16 MHz / 2^4 */
    PRESCALER_8_HZ = 4095, /* 32768 Hz / 2^12 */
    REST_TICKS = 16,       /* 2 s */
    US_PER_TICK = 125000
};

static volatile uint32_t before_us; /* what had gone by when TIMER0 started, and since while it is off */

void nrf52_clock_request_crystal(void)
{
    CLOCK_TASKS_HFCLKSTART = 1;
}

void nrf52_clock_stop_crystal(void)
{
    CLOCK_TASKS_HFCLKSTOP = 1;
}

void nrf52_clock_start_crystal(void)
{
    const uint32_t runs = CLOCK_HFCLKSTAT_SRC_XTAL | CLOCK_HFCLKSTAT_STATE_RUNNING;
    nrf52_clock_request_crystal();
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

void nrf52_clock_rest(void)
{
    CLOCK_LFCLKSRC = CLOCK_LFCLKSRC_SRC_RC; /* there on every board */
    CLOCK_TASKS_LFCLKSTART = 1;
    while ((CLOCK_LFCLKSTAT & CLOCK_LFCLKSTAT_STATE_RUNNING) == 0u) {
    }
    RTC0_PRESCALER = PRESCALER_8_HZ;
    RTC0_CC(0) = REST_TICKS;
    RTC0_INTENSET = RTC0_INTENSET_COMPARE0;
    RTC0_TASKS_CLEAR = 1;
    RTC0_TASKS_START = 1;
    cortex_m_enable_interrupt(RTC0_IRQ);
    before_us = nrf52_clock_microseconds();
    TIMER0_TASKS_SHUTDOWN = 1; /* after a mere STOP it goes on to draw current (erratum 78) */
    TIMER0_TASKS_CLEAR = 1;
    nrf52_clock_stop_crystal();
}

void nrf52_clock_resume(void)
{
    RTC0_TASKS_STOP = 1;
    before_us += RTC0_COUNTER * US_PER_TICK;
    nrf52_clock_start();
}

void RTC0_IRQHandler(void);
void RTC0_IRQHandler(void)
{
    RTC0_EVENTS_COMPARE(0) = 0;
    RTC0_TASKS_CLEAR = 1;
    before_us += REST_TICKS * US_PER_TICK;
    (void)RTC0_EVENTS_COMPARE(0); /* the clearing has arrived before the return */
    cortex_m_wake();
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
    return before_us + TIMER0_CC(0);
}
