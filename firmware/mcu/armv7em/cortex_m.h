/* SPDX-License-Identifier: Apache-2.0 */
/* The few things of a Cortex-M core that C cannot say. */
#ifndef KWS_CORTEX_M_H
#define KWS_CORTEX_M_H

#include <stdint.h>

/* Returns the state to hand to cortex_m_interrupts_restore. Nests. */
uint32_t cortex_m_interrupts_off(void);
void cortex_m_interrupts_restore(uint32_t state);

void cortex_m_enable_interrupt(uint32_t number);
/* 0x00 comes first and is what all have from reset; chips keep the upper bits only. */
void cortex_m_set_priority(uint32_t number, uint8_t priority);

/* Waits until all writes so far have arrived. To be called after a peripheral's clock was enabled: the chip needs a few
 * bus cycles before the peripheral's registers take writes (STM32F405: ES0182, "Delay after an RCC peripheral clock
 * enabling"). */
static inline void cortex_m_barrier(void)
{
    __asm volatile("dsb" ::: "memory");
}

/* Of the whole chip, by software. */
__attribute__((noreturn)) void cortex_m_reset(void);

/* Interrupts that give the main loop work call cortex_m_wake; cortex_m_sleep returns once one has since it
 * returned last, or earlier. */
void cortex_m_wake(void);
void cortex_m_sleep(void);

/* Free-running cycle counter (DWT). */
void cortex_m_start_cycle_counter(void);
uint32_t cortex_m_cycles(void);

/* Time from SysTick, with an interrupt every 50 ms; core_hz is a multiple of 1 MHz. */
void cortex_m_start_clock(uint32_t core_hz);
uint32_t cortex_m_microseconds(void);

/* Bytes of the reserved stack that were ever used, and RAM taken by data and bss. */
uint32_t cortex_m_stack_peak_bytes(void);
uint32_t cortex_m_static_bytes(void);

#endif
