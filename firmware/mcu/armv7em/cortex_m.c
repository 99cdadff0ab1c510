/* SPDX-License-Identifier: Apache-2.0 */
#include "cortex_m.h"

#include <stdbool.h>

#include "layout.h"
#include "startup.h"

#define REGISTER(address)      (*(volatile uint32_t *)(address))
#define NVIC_IPR(number)       (*(volatile uint8_t *)(0xE000E400u + (number)))
#define NVIC_ISER(word)        REGISTER(0xE000E100u + 4u * (word))
#define SYST_CSR               REGISTER(0xE000E010u)
#define SYST_CSR_RUN           (7u) /* processor clock, interrupt, enable */
#define SYST_RVR               REGISTER(0xE000E014u)
#define SYST_CVR               REGISTER(0xE000E018u)
#define SCB_ICSR               REGISTER(0xE000ED04u)
#define SCB_ICSR_PENDSTSET     (1u << 26)
#define SCB_AIRCR              REGISTER(0xE000ED0Cu)
#define SCB_AIRCR_SYSTEM_RESET (0x05FA0004u)
#define DEMCR                  REGISTER(0xE000EDFCu)
#define DEMCR_TRCENA           (1u << 24)
#define DWT_CTRL               REGISTER(0xE0001000u)
#define DWT_CTRL_CYCCNTENA     (1u << 0)
#define DWT_CYCCNT             REGISTER(0xE0001004u)

enum {
    CLOCK_PERIOD_US = 50000, /* SysTick has 24 bits: right up to 335 MHz */
    US_PER_S = 1000000
};

static volatile bool woken;
static volatile uint32_t clock_periods;
static uint32_t cycles_per_us;

uint32_t cortex_m_interrupts_off(void)
{
    uint32_t state;
    __asm volatile("mrs %0, primask\n\tcpsid i" : "=r"(state)::"memory");
    return state;
}

void cortex_m_interrupts_restore(uint32_t state)
{
    __asm volatile("msr primask, %0" ::"r"(state) : "memory");
}

void cortex_m_enable_interrupt(uint32_t number)
{
    NVIC_ISER(number / 32u) = 1u << (number % 32u);
}

void cortex_m_set_priority(uint32_t number, uint8_t priority)
{
    NVIC_IPR(number) = priority;
}

void cortex_m_reset(void)
{
    SCB_AIRCR = SCB_AIRCR_SYSTEM_RESET;
    __asm volatile("dsb" ::: "memory");
    for (;;) {
    }
}

void cortex_m_wake(void)
{
    woken = true;
}

void cortex_m_sleep(void)
{
    /* Between the look at the flag and WFI no interrupt may slip in unseen: masked ones still end WFI. */
    const uint32_t state = cortex_m_interrupts_off();
    if (!woken) {
        __asm volatile("dsb\n\twfi" ::: "memory");
    }
    woken = false;
    cortex_m_interrupts_restore(state);
}

void cortex_m_start_cycle_counter(void)
{
    DEMCR |= DEMCR_TRCENA;
    DWT_CYCCNT = 0u;
    DWT_CTRL |= DWT_CTRL_CYCCNTENA;
}

uint32_t cortex_m_cycles(void)
{
    return DWT_CYCCNT;
}

void cortex_m_start_clock(uint32_t core_hz)
{
    cycles_per_us = core_hz / US_PER_S;
    SYST_RVR = cycles_per_us * CLOCK_PERIOD_US - 1u;
    SYST_CVR = 0u;
    SYST_CSR = SYST_CSR_RUN;
}

void SysTick_Handler(void)
{
    ++clock_periods;
}

uint32_t cortex_m_microseconds(void)
{
    const uint32_t state = cortex_m_interrupts_off();
    uint32_t left = SYST_CVR; /* counts down */
    uint32_t periods = clock_periods;
    if ((SCB_ICSR & SCB_ICSR_PENDSTSET) != 0u) { /* began anew while interrupts were off */
        left = SYST_CVR;
        ++periods;
    }
    cortex_m_interrupts_restore(state);
    return periods * CLOCK_PERIOD_US + (SYST_RVR - left) / cycles_per_us;
}

uint32_t cortex_m_stack_peak_bytes(void)
{
    const uint32_t *untouched = kws_stack_start;
    while (untouched < kws_stack_end && *untouched == KWS_STACK_PAINT) {
        ++untouched;
    }
    return (uint32_t)((uintptr_t)kws_stack_end - (uintptr_t)untouched);
}

uint32_t cortex_m_static_bytes(void)
{
    return (uint32_t)((uintptr_t)kws_noinit_end - (uintptr_t)kws_data_start);
}
