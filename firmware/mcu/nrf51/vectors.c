/* SPDX-License-Identifier: Apache-2.0 */
/* Vector table of the nRF51822: the core's sixteen entries, then one per interrupt up to the last one used. */
#include "layout.h"
#include "nrf51822.h"
#include "startup.h"

enum {
    CORE_VECTORS = 16,
    SYSTICK = 15,
    UART_IRQ = UART_IRQ_NUMBER
};

void UART0_IRQHandler(void);

typedef union {
    void (*handler)(void);
    const void *initial_stack;
} vector_t;

__attribute__((section(".vectors"), used)) static const vector_t vectors[CORE_VECTORS + UART_IRQ + 1] = {
    [0] = {.initial_stack = kws_stack_end},
    [1] = {.handler = Reset_Handler},
    [2 ... SYSTICK - 1] = {.handler = Fault_Handler},
    [SYSTICK] = {.handler = SysTick_Handler},
    [SYSTICK + 1 ... CORE_VECTORS + UART_IRQ - 1] = {.handler = Fault_Handler},
    [CORE_VECTORS + UART_IRQ] = {.handler = UART0_IRQHandler},
};
