/* SPDX-License-Identifier: Apache-2.0 */
/* Vector table of the nRF52840: the core's sixteen entries, then one per interrupt. */
#include <stdint.h>

#include "layout.h"
#include "nrf52840.h"
#include "startup.h"

enum {
    CORE_VECTORS = 16,
    SYSTICK = 15
};

/* Handlers that a board's drivers define; those it does not link are faults. */
#define HANDLER(name)                                                                                        \
    void name(void);                                                                                         \
    __attribute__((weak, naked)) void name(void)                                                             \
    {                                                                                                        \
        __asm volatile("b Fault_Handler");                                                                   \
    }

HANDLER(UARTE0_IRQHandler)
HANDLER(GPIOTE_IRQHandler)
HANDLER(TIMER0_IRQHandler)
HANDLER(TIMER2_IRQHandler)
HANDLER(RTC0_IRQHandler)
HANDLER(PDM_IRQHandler)
HANDLER(USBD_IRQHandler)

typedef union {
    void (*handler)(void);
    const void *initial_stack;
} vector_t;

#define FAULT_HANDLERS(first, last)                                                                          \
    [CORE_VECTORS + (first)... CORE_VECTORS + (last)] = {.handler = Fault_Handler}
#define IRQ_HANDLER(name) [CORE_VECTORS + name##_IRQ] = {.handler = name##_IRQHandler}

__attribute__((section(".vectors"),
               used)) static const vector_t vectors[CORE_VECTORS + NRF52_NUM_INTERRUPTS] = {
    [0] = {.initial_stack = kws_stack_end},
    [1] = {.handler = Reset_Handler},
    [2 ... SYSTICK - 1] = {.handler = Fault_Handler},
    [SYSTICK] = {.handler = SysTick_Handler},
    FAULT_HANDLERS(0, UARTE0_IRQ - 1),
    IRQ_HANDLER(UARTE0),
    FAULT_HANDLERS(UARTE0_IRQ + 1, GPIOTE_IRQ - 1),
    IRQ_HANDLER(GPIOTE),
    FAULT_HANDLERS(GPIOTE_IRQ + 1, TIMER0_IRQ - 1),
    IRQ_HANDLER(TIMER0),
    FAULT_HANDLERS(TIMER0_IRQ + 1, TIMER2_IRQ - 1),
    IRQ_HANDLER(TIMER2),
    IRQ_HANDLER(RTC0),
    FAULT_HANDLERS(RTC0_IRQ + 1, PDM_IRQ - 1),
    IRQ_HANDLER(PDM),
    FAULT_HANDLERS(PDM_IRQ + 1, USBD_IRQ - 1),
    IRQ_HANDLER(USBD),
    FAULT_HANDLERS(USBD_IRQ + 1, NRF52_NUM_INTERRUPTS - 1),
};
