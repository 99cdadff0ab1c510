/* SPDX-License-Identifier: Apache-2.0 */
/* Vector table of the STM32F405: the core's sixteen entries, then one per interrupt up to the last one used. */
#include <stdint.h>

#include "layout.h"
#include "startup.h"
#include "stm32f405.h"

enum {
    CORE_VECTORS = 16,
    SYSTICK = 15,
    USART1_IRQ = USART1_IRQ_NUMBER
};

void USART1_IRQHandler(void);

typedef union {
    void (*handler)(void);
    const void *initial_stack;
} vector_t;

__attribute__((section(".vectors"), used)) static const vector_t vectors[CORE_VECTORS + USART1_IRQ + 1] = {
    [0] = {.initial_stack = kws_stack_end},
    [1] = {.handler = Reset_Handler},
    [2 ... SYSTICK - 1] = {.handler = Fault_Handler},
    [SYSTICK] = {.handler = SysTick_Handler},
    [SYSTICK + 1 ... CORE_VECTORS + USART1_IRQ - 1] = {.handler = Fault_Handler},
    [CORE_VECTORS + USART1_IRQ] = {.handler = USART1_IRQHandler},
};
