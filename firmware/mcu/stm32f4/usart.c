/* SPDX-License-Identifier: Apache-2.0 */
#include "usart.h"

#include <stdbool.h>

#include "clock.h"
#include "cortex_m.h"
#include "kws_byte_ring.h"
#include "stm32f4.h"

/* Registers by words from the first. */
enum {
    SR = 0,
    DR = 1,
    BRR = 2,
    CR1 = 3
};

enum {
    POLLS_AT_MOST = 1000000 /* a byte takes 11 us at 921600 baud, 1 ms at 9600; a poll about 50 ns */
};

static volatile uint32_t *usart = &USART1_SR;
static uint8_t receive_bytes[STM32F4_USART_RECEIVE_BYTES];
static uint8_t transmit_bytes[STM32F4_USART_TRANSMIT_BYTES];
static kws_byte_ring_t receive_ring = {.bytes = receive_bytes, .capacity_bytes = STM32F4_USART_RECEIVE_BYTES};
static kws_byte_ring_t transmit_ring = {.bytes = transmit_bytes,
                                        .capacity_bytes = STM32F4_USART_TRANSMIT_BYTES};
static volatile uint32_t overruns;

void stm32f4_usart_init(stm32f4_usart_t which, uint32_t baud)
{
    const bool first = which == STM32F4_USART1;
    const uint32_t peripheral_hz = first ? STM32F4_APB2_HZ : STM32F4_APB1_HZ;
    usart = first ? &USART1_SR : &USART2_SR;
    stm32f4_clock_enable(first ? &RCC_APB2ENR : &RCC_APB1ENR,
                         first ? RCC_APB2ENR_USART1EN : RCC_APB1ENR_USART2EN);
    usart[BRR] = (peripheral_hz + baud / 2u) / baud; /* 16 times oversampling: the divider in 1/16 */
    usart[CR1] = USART1_CR1_UE | USART1_CR1_TE | USART1_CR1_RE | USART1_CR1_RXNEIE;
    cortex_m_enable_interrupt(first ? USART1_IRQ : USART2_IRQ);
}

static bool receive_pending(void)
{
    uint32_t status = usart[SR];
    const bool received = (status & (USART1_SR_RXNE | USART1_SR_ORE)) != 0u;
    while ((status & (USART1_SR_RXNE | USART1_SR_ORE)) != 0u) {
        const uint8_t byte = (uint8_t)usart[DR]; /* reading SR, then DR, clears both flags */
        const uint32_t stored =
            (status & USART1_SR_RXNE) != 0u ? kws_byte_ring_write(&receive_ring, &byte, 1) : 1u;
        overruns += (status & USART1_SR_ORE) != 0u || stored == 0u;
        status = usart[SR];
    }
    return received;
}

static void transmit_pending(void)
{
    uint8_t byte;
    while ((usart[SR] & USART1_SR_TXE) != 0u && kws_byte_ring_read(&transmit_ring, &byte, 1) == 1u) {
        usart[DR] = byte;
    }
    if (kws_byte_ring_available(&transmit_ring) > 0u) {
        usart[CR1] |= USART1_CR1_TXEIE;
    } else {
        usart[CR1] &= ~USART1_CR1_TXEIE;
    }
}

void USART1_IRQHandler(void);
void USART2_IRQHandler(void);

static void serve(void)
{
    bool wakes = receive_pending();
    if ((usart[CR1] & USART1_CR1_TXEIE) != 0u) {
        transmit_pending();
        const uint32_t left = kws_byte_ring_available(&transmit_ring);
        wakes = wakes || left == 0u ||
                left == STM32F4_USART_TRANSMIT_BYTES / 2u; /* room for more: not for every byte */
    }
    if (wakes) {
        cortex_m_wake();
    }
}

void USART1_IRQHandler(void)
{
    serve();
}

void USART2_IRQHandler(void)
{
    serve();
}

uint32_t stm32f4_usart_read(uint8_t *bytes, uint32_t max_bytes)
{
    return kws_byte_ring_read(&receive_ring, bytes, max_bytes);
}

uint32_t stm32f4_usart_write_room(void)
{
    return kws_byte_ring_room(&transmit_ring);
}

void stm32f4_usart_write(const uint8_t *bytes, uint32_t num_bytes)
{
    kws_byte_ring_write(&transmit_ring, bytes, num_bytes);
    const uint32_t state =
        cortex_m_interrupts_off(); /* both sides of transmit_pending: here and the interrupt */
    transmit_pending();
    cortex_m_interrupts_restore(state);
}

uint32_t stm32f4_usart_overruns(void)
{
    return overruns;
}

void stm32f4_usart_write_polled(const uint8_t *bytes, uint32_t num_bytes)
{
    for (uint32_t i = 0; i < num_bytes; ++i) {
        /* A USART without a clock, as in a fault before board_init, is never ready: then the report is lost, and the
         * board must still restart. */
        uint32_t patience = POLLS_AT_MOST;
        while ((usart[SR] & USART1_SR_TXE) == 0u && --patience > 0u) {
        }
        if (patience == 0u) {
            return;
        }
        usart[DR] = bytes[i];
    }
}
