/* SPDX-License-Identifier: Apache-2.0 */
/* Vector table of the STM32F405 and F407: the core's sixteen entries, then one per interrupt up to the last one used. */
#include <stdint.h>

#include "layout.h"
#include "startup.h"
#include "stm32f4.h"

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

HANDLER(DMA1_Stream3_IRQHandler)
HANDLER(USART1_IRQHandler)
HANDLER(USART2_IRQHandler)

typedef union {
    void (*handler)(void);
    const void *initial_stack;
} vector_t;

__attribute__((section(".vectors"), used)) static const vector_t vectors[CORE_VECTORS + USART2_IRQ + 1] = {
    [0] = {.initial_stack = kws_stack_end},
    [1] = {.handler = Reset_Handler},
    [2 ... SYSTICK - 1] = {.handler = Fault_Handler},
    [SYSTICK] = {.handler = SysTick_Handler},
    [CORE_VECTORS... CORE_VECTORS + DMA1_Stream3_IRQ - 1] = {.handler = Fault_Handler},
    [CORE_VECTORS + DMA1_Stream3_IRQ] = {.handler = DMA1_Stream3_IRQHandler},
    [CORE_VECTORS + DMA1_Stream3_IRQ + 1 ... CORE_VECTORS + USART1_IRQ - 1] = {.handler = Fault_Handler},
    [CORE_VECTORS + USART1_IRQ] = {.handler = USART1_IRQHandler},
    [CORE_VECTORS + USART2_IRQ] = {.handler = USART2_IRQHandler},
};
