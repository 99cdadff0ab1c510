#include "cortex_m.h"

#include <stdbool.h>

#include "layout.h"

#define REGISTER(address)  (*(volatile uint32_t *)(address))
#define NVIC_ISER(word)    REGISTER(0xE000E100u + 4u * (word))
#define DEMCR              REGISTER(0xE000EDFCu)
#define DEMCR_TRCENA       (1u << 24)
#define DWT_CTRL           REGISTER(0xE0001000u)
#define DWT_CTRL_CYCCNTENA (1u << 0)
#define DWT_CYCCNT         REGISTER(0xE0001004u)

static volatile bool woken;

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
    return (uint32_t)((uintptr_t)kws_bss_end - (uintptr_t)kws_data_start);
}
