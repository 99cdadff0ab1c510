/* SPDX-License-Identifier: Apache-2.0 */
#include "usart.h"

#include "cortex_m.h"
#include "kws_byte_ring.h"
#include "stm32f405.h"

enum {
    POLLS_AT_MOST = 1000000 /* a byte takes 11 us at 921600 baud, 1 ms at 9600; a poll about 50 ns */
};

static uint8_t receive_bytes[STM32F4_USART_RECEIVE_BYTES];
static uint8_t transmit_bytes[STM32F4_USART_TRANSMIT_BYTES];
static kws_byte_ring_t receive_ring = {.bytes = receive_bytes, .capacity_bytes = STM32F4_USART_RECEIVE_BYTES};
static kws_byte_ring_t transmit_ring = {.bytes = transmit_bytes,
                                        .capacity_bytes = STM32F4_USART_TRANSMIT_BYTES};
static volatile uint32_t overruns;

void stm32f4_usart_init(uint32_t peripheral_hz, uint32_t baud)
{
    RCC_APB2ENR |= RCC_APB2ENR_USART1EN;
    cortex_m_barrier();
    USART1_BRR = (peripheral_hz + baud / 2u) / baud; /* 16 times oversampling: the divider in 1/16 */
    USART1_CR1 = USART_CR1_UE | USART_CR1_TE | USART_CR1_RE | USART_CR1_RXNEIE;
    cortex_m_enable_interrupt(USART1_IRQ_NUMBER);
}

static void receive_pending(void)
{
    uint32_t status = USART1_SR;
    while ((status & (USART_SR_RXNE | USART_SR_ORE)) != 0u) {
        const uint8_t byte = (uint8_t)USART1_DR; /* reading SR, then DR, clears both flags */
        const uint32_t stored =
            (status & USART_SR_RXNE) != 0u ? kws_byte_ring_write(&receive_ring, &byte, 1) : 1u;
        overruns += (status & USART_SR_ORE) != 0u || stored == 0u;
        status = USART1_SR;
    }
}

static void transmit_pending(void)
{
    uint8_t byte;
    while ((USART1_SR & USART_SR_TXE) != 0u && kws_byte_ring_read(&transmit_ring, &byte, 1) == 1u) {
        USART1_DR = byte;
    }
    if (kws_byte_ring_available(&transmit_ring) > 0u) {
        USART1_CR1 |= USART_CR1_TXEIE;
    } else {
        USART1_CR1 &= ~USART_CR1_TXEIE;
    }
}

void USART1_IRQHandler(void);
void USART1_IRQHandler(void)
{
    receive_pending();
    if ((USART1_CR1 & USART_CR1_TXEIE) != 0u) {
        transmit_pending();
    }
    cortex_m_wake();
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
        while ((USART1_SR & USART_SR_TXE) == 0u && --patience > 0u) {
        }
        if (patience == 0u) {
            return;
        }
        USART1_DR = bytes[i];
    }
}
