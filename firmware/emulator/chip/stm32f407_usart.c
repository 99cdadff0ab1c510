/* SPDX-License-Identifier: Apache-2.0 */
/* USART1 and USART2 of the STM32F407: whichever is enabled is the serial line. */
#include "stm32f407.h"

enum {
    SR = 0x00,
    DR = 0x04,
    BRR = 0x08,
    CR1 = 0x0C,
    CR3 = 0x14,
    ORE = 8,
    IDLE = 16,
    RXNE = 32,
    TC = 64,
    TXE = 128
};

typedef struct {
    uint32_t base;
    unsigned interrupt, bus_shift, dma, rx_stream, tx_stream;
    uint8_t received, shifting, holding;
    bool busy, holds, status_was_read, quiet_told;
    alarm_t rx_alarm, tx_alarm;
} usart_t;

static usart_t usarts[2] = {
    {.base = USART1, .interrupt = 37, .bus_shift = APB2_SHIFT, .dma = 1, .rx_stream = 2, .tx_stream = 7},
    {.base = USART2, .interrupt = 38, .bus_shift = APB1_SHIFT, .dma = 0, .rx_stream = 5, .tx_stream = 6}};

static uint64_t byte_cycles(const usart_t *self)
{
    const uint32_t bit = *reg(self->base + BRR) & 0xFFFFu;
    return bit == 0u ? CORE_HZ / 1000 : 10u * (uint64_t)bit * divider(self->bus_shift);
}

static void usart_interrupt(usart_t *self)
{
    const uint32_t status = *reg(self->base + SR);
    const uint32_t control = *reg(self->base + CR1);
    const bool high = (status & control & (IDLE | RXNE | TC | TXE)) != 0u ||
                      ((status & ORE) != 0u && (control & RXNE) != 0u);
    core_interrupt_line(self->interrupt, high && (control & (1u << 13)) != 0u);
}

static void usart_feed(usart_t *self) /* DMA fills the data register */
{
    uint32_t item = 0;
    if ((*reg(self->base + CR3) & 0x80u) != 0u && !self->holds &&
        dma_request(self->dma, self->tx_stream, 4, false, &item)) {
        soc_write(self->base + DR, item);
    }
}

static void usart_shifted(void *context)
{
    usart_t *self = context;
    outside_serial_send(self->shifting);
    self->busy = self->holds;
    if (self->holds) {
        self->holds = false;
        self->shifting = self->holding;
        *reg(self->base + SR) |= TXE;
        alarm_set(&self->tx_alarm, machine_cycles + byte_cycles(self));
        usart_feed(self);
    } else {
        *reg(self->base + SR) |= TC;
    }
    usart_interrupt(self);
}

static void usart_receive(void *context)
{
    usart_t *self = context;
    const bool listens = (*reg(self->base + CR1) & 0x2004u) == 0x2004u;
    const int byte = listens ? outside_serial_receive() : -1;
    if (byte >= 0) {
        self->quiet_told = false;
        uint32_t item = (uint32_t)byte;
        if ((*reg(self->base + SR) & RXNE) != 0u) {
            *reg(self->base + SR) |= ORE;
        } else if ((*reg(self->base + CR3) & 0x40u) == 0u ||
                   !dma_request(self->dma, self->rx_stream, 4, true, &item)) {
            self->received = (uint8_t)byte;
            *reg(self->base + SR) |= RXNE;
        }
    } else if (!self->quiet_told) {
        self->quiet_told = true;
        *reg(self->base + SR) |= IDLE;
    }
    usart_interrupt(self);
    if (listens) {
        alarm_set(&self->rx_alarm, machine_cycles + (byte >= 0 ? byte_cycles(self) : CORE_HZ / 4000));
    }
}

uint32_t usart_read(unsigned number, uint32_t offset)
{
    usart_t *self = &usarts[number];
    if (offset == SR) {
        self->status_was_read = true;
    }
    if (offset == DR) {
        *reg(self->base + SR) &= ~(RXNE | (self->status_was_read ? ORE | IDLE : 0u));
        self->status_was_read = false;
        usart_interrupt(self);
        return self->received;
    }
    return *reg(self->base + offset);
}

void usart_write(unsigned number, uint32_t offset, uint32_t old, uint32_t value)
{
    usart_t *self = &usarts[number];
    if (offset == SR) {
        *reg(self->base + SR) = old & (value | ~(uint32_t)(RXNE | TC)); /* zeros clear these two */
    } else if (offset == DR && (*reg(self->base + CR1) & 0x2008u) == 0x2008u) {
        *reg(self->base + SR) &= ~(uint32_t)TC;
        if (self->busy && self->holds) {
            outside_mistake("USART data register written while full (pc %08x)", core_pc());
        } else if (self->busy) {
            self->holds = true;
            self->holding = (uint8_t)value;
            *reg(self->base + SR) &= ~(uint32_t)TXE;
        } else {
            self->busy = true;
            self->shifting = (uint8_t)value;
            alarm_set(&self->tx_alarm, machine_cycles + byte_cycles(self));
            usart_feed(self);
        }
    } else if (offset == CR1 && (value & 0x2004u) == 0x2004u && (old & 0x2004u) != 0x2004u) {
        self->quiet_told = true;
        duty_set(&duties.receiver, true);
        alarm_set(&self->rx_alarm, machine_cycles + byte_cycles(self));
    } else if (offset == CR3) {
        usart_feed(self);
    }
    usart_interrupt(self);
}

void usart_init(void)
{
    for (unsigned i = 0; i < 2; ++i) {
        alarm_with(&usarts[i].rx_alarm, usart_receive, &usarts[i]);
        alarm_with(&usarts[i].tx_alarm, usart_shifted, &usarts[i]);
    }
}

void usart_reset(void)
{
    duty_set(&duties.receiver, false);
    for (unsigned i = 0; i < 2; ++i) {
        *reg(usarts[i].base + SR) = TXE | TC;
        usarts[i].busy = usarts[i].holds = false;
        alarm_set(&usarts[i].rx_alarm, NEVER);
        alarm_set(&usarts[i].tx_alarm, NEVER);
    }
}
