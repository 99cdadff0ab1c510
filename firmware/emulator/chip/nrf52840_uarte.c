/* SPDX-License-Identifier: Apache-2.0 */
/* UARTE0 of the nRF52840: the serial line by DMA. */
#include <string.h>

#include "nrf52840.h"

peripheral_t uarte0;

enum {
    RXDRDY = 0x108,
    ENDRX = 0x110,
    TXDRDY = 0x11C,
    ENDTX = 0x120,
    UART_ERROR = 0x124,
    RXTO = 0x144,
    RXSTARTED = 0x14C,
    TXSTARTED = 0x150,
    TXSTOPPED = 0x158,
    ERRORSRC = 0x480,
    UART_ENABLE = 0x500,
    PSEL_TXD = 0x50C,
    PSEL_RXD = 0x514,
    BAUDRATE = 0x524,
    RXD_PTR = 0x534,
    RXD_MAXCNT = 0x538,
    RXD_AMOUNT = 0x53C,
    TXD_PTR = 0x544,
    TXD_MAXCNT = 0x548,
    TXD_AMOUNT = 0x54C,
    SHORT_ENDRX_STARTRX = 5,
    SHORT_ENDRX_STOPRX = 6,
    RX_FIFO_BYTES = 5,
    STORE_US =
        5 /* from RXDRDY to the byte in RAM: how long, no document says; less than the next byte takes */
};

static struct {
    bool receiving, transmitting;
    bool off; /* stopped for good: a byte moves the pin and nothing else */
    uint32_t rx_at, rx_left, rx_done;
    uint32_t tx_at, tx_left, tx_done;
    uint8_t fifo[RX_FIFO_BYTES];
    unsigned in_fifo;
    alarm_t rx_alarm, store_alarm, tx_alarm;
} uart;

static uint64_t byte_cycles(peripheral_t *self)
{
    const uint64_t rate = (uint64_t)*reg(self, BAUDRATE) * 16000000u >> 32;
    return rate == 0 ? CORE_HZ / 100 : 10u * (uint64_t)CORE_HZ / rate;
}

static void uart_end_receive(peripheral_t *self)
{
    *reg(self, RXD_AMOUNT) = uart.rx_done;
    uart.receiving = false;
    event(self, ENDRX);
    if (shorted(self, SHORT_ENDRX_STARTRX)) {
        run_task(self, 0x000);
    } else if (shorted(self, SHORT_ENDRX_STOPRX)) {
        run_task(self, 0x004);
    }
}

static void uart_drain_fifo(peripheral_t *self)
{
    while (uart.receiving && uart.in_fifo > 0) {
        if (uart.rx_left > 0) {
            memory_write(uart.rx_at++, uart.fifo, 1);
            memmove(uart.fifo, uart.fifo + 1, --uart.in_fifo);
            ++uart.rx_done;
            --uart.rx_left;
        }
        if (uart.rx_left == 0) {
            uart_end_receive(self);
        }
    }
}

static void uart_store(void *context)
{
    uart_drain_fifo(context);
}

static void uart_receive(void *context)
{
    peripheral_t *self = context;
    const bool listens = *reg(self, UART_ENABLE) == 8u;
    const int byte = listens && !outside_has_usb() ? outside_serial_receive() : -1;
    if (listens && !outside_has_usb()) {
        soc_drive_pin(*reg(self, PSEL_RXD) & 63u, byte < 0); /* its start bit */
    }
    if (byte >= 0 && uart.off) {
    } else if (byte >= 0 && uart.in_fifo == RX_FIFO_BYTES) {
        *reg(self, ERRORSRC) |= 1;
        event(self, UART_ERROR);
    } else if (byte >= 0) {
        uart.fifo[uart.in_fifo++] = (uint8_t)byte;
        event(self, RXDRDY);
        alarm_set(&uart.store_alarm, machine_cycles + STORE_US * (uint64_t)CYCLES_PER_US);
    }
    if (listens) { /* a quiet line is looked at less often */
        alarm_set(&uart.rx_alarm, machine_cycles + (byte >= 0 ? byte_cycles(self) : CORE_HZ / 4000));
    }
}

static void uart_transmit(void *context)
{
    peripheral_t *self = context;
    if (!uart.transmitting) {
        return;
    }
    uint8_t byte = 0;
    memory_read(uart.tx_at++, &byte, 1); /* late, as DMA does: changing the buffer too early shows */
    if (!outside_has_usb()) {
        outside_serial_send(byte);
    }
    ++uart.tx_done;
    --uart.tx_left;
    event(self, TXDRDY);
    if (uart.tx_left == 0) {
        uart.transmitting = false;
        *reg(self, TXD_AMOUNT) = uart.tx_done;
        event(self, ENDTX);
    } else {
        alarm_set(&uart.tx_alarm, machine_cycles + byte_cycles(self));
    }
}

static void uart_task(peripheral_t *self, uint32_t offset)
{
    if (*reg(self, UART_ENABLE) != 8u) {
        outside_mistake("UARTE task %03x while disabled (pc %08x)", offset, core_pc());
        return;
    }
    switch (offset) {
    case 0x000: /* STARTRX */
        need_pin(self, PSEL_RXD, "RXD", false);
        if (!dma_ok(self, *reg(self, RXD_PTR), *reg(self, RXD_MAXCNT))) {
            return;
        }
        uart.receiving = true;
        uart.off = false;
        duty_set(&duties.receiver, true);
        uart.rx_at = *reg(self, RXD_PTR);
        uart.rx_left = *reg(self, RXD_MAXCNT);
        uart.rx_done = 0;
        event(self, RXSTARTED);
        uart_drain_fifo(self);
        break;
    case 0x004: /* STOPRX */
        if (uart.receiving) {
            uart.receiving = false;
            *reg(self, RXD_AMOUNT) = uart.rx_done;
            event(self, ENDRX);
        }
        uart.off = !uart.receiving; /* a shortcut may have begun the next buffer */
        duty_set(&duties.receiver, !uart.off);
        event(self, RXTO);
        break;
    case 0x008: /* STARTTX */
        need_pin(self, PSEL_TXD, "TXD", true);
        if (uart.transmitting) {
            outside_mistake("UARTE: STARTTX while transmitting (pc %08x)", core_pc());
        }
        if (!dma_ok(self, *reg(self, TXD_PTR), *reg(self, TXD_MAXCNT))) {
            return;
        }
        uart.tx_at = *reg(self, TXD_PTR);
        uart.tx_left = *reg(self, TXD_MAXCNT);
        uart.tx_done = 0;
        uart.transmitting = uart.tx_left > 0;
        event(self, TXSTARTED);
        if (uart.transmitting) {
            alarm_set(&uart.tx_alarm, machine_cycles + byte_cycles(self));
        } else {
            event(self, ENDTX);
        }
        break;
    case 0x00C: /* STOPTX */
        if (uart.transmitting) {
            uart.transmitting = false;
            *reg(self, TXD_AMOUNT) = uart.tx_done;
            event(self, ENDTX);
        }
        event(self, TXSTOPPED);
        break;
    case 0x02C: /* FLUSHRX: what is left in the FIFO goes to the buffer last set */
        uart.rx_at = *reg(self, RXD_PTR);
        uart.rx_left = *reg(self, RXD_MAXCNT);
        uart.rx_done = 0;
        uart.receiving = true;
        uart_drain_fifo(self);
        if (uart.receiving) {
            uart_end_receive(self);
        }
        break;
    default: break;
    }
}

static void uart_write(peripheral_t *self, uint32_t offset, uint32_t value)
{
    if (offset == UART_ENABLE && value == 8u) {
        alarm_set(&uart.rx_alarm, machine_cycles + byte_cycles(self));
    } else if (offset == UART_ENABLE) {
        alarm_set(&uart.rx_alarm, NEVER);
        uart.receiving = uart.transmitting = false;
        uart.in_fifo = 0;
        duty_set(&duties.receiver, false);
    } else if (offset == ERRORSRC) {
        *reg(self, ERRORSRC) = 0; /* ones clear; the firmware always writes back what it read */
    }
}

void uarte_init(void)
{
    alarm_with(&uart.rx_alarm, uart_receive, &uarte0);
    alarm_with(&uart.store_alarm, uart_store, &uarte0);
    alarm_with(&uart.tx_alarm, uart_transmit, &uarte0);
}

void uarte_reset(void)
{
    define(&uarte0, 0x40002000u, 2, "UARTE0", uart_task, uart_write);
    *reg(&uarte0, BAUDRATE) = 0x04000000u;
    *reg(&uarte0, PSEL_TXD) = *reg(&uarte0, PSEL_RXD) = 0xFFFFFFFFu;
    *reg(&uarte0, 0x508) = *reg(&uarte0, 0x510) = 0xFFFFFFFFu;
    alarm_set(&uart.rx_alarm, NEVER);
    alarm_set(&uart.store_alarm, NEVER);
    alarm_set(&uart.tx_alarm, NEVER);
    uart.receiving = uart.transmitting = uart.off = false;
    duty_set(&duties.receiver, false);
    uart.in_fifo = 0;
}
