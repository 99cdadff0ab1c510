/* SPDX-License-Identifier: Apache-2.0 */
#include "uart.h"

#include <stdbool.h>

#include "cortex_m.h"
#include "kws_byte_ring.h"
#include "nrf51822.h"

enum {
    POLLS_AT_MOST = 100000 /* a byte takes 11 us at 921600 baud; a poll about 500 ns */
};

static uint8_t receive_bytes[NRF51_UART_RECEIVE_BYTES];
static uint8_t transmit_bytes[NRF51_UART_TRANSMIT_BYTES];
static kws_byte_ring_t receive_ring = {.bytes = receive_bytes, .capacity_bytes = NRF51_UART_RECEIVE_BYTES};
static kws_byte_ring_t transmit_ring = {.bytes = transmit_bytes, .capacity_bytes = NRF51_UART_TRANSMIT_BYTES};
static volatile uint32_t overruns;
static volatile bool is_sending; /* a byte is on its way: TXDRDY will come */

void nrf51_uart_init(uint32_t pin_tx, uint32_t pin_rx, uint32_t baud)
{
    GPIO_OUTSET = 1u << pin_tx; /* a line idles high */
    GPIO_DIRSET = 1u << pin_tx;
    GPIO_PIN_CNF(pin_rx) = GPIO_PULL_UP;
    UART_PSELTXD = pin_tx;
    UART_PSELRXD = pin_rx;
    UART_BAUDRATE = (baud == 921600u) ? UART_BAUDRATE_921600 : UART_BAUDRATE_115200;
    UART_ENABLE = UART_ENABLE_ENABLED;
    UART_INTENSET = UART_INT_RXDRDY | UART_INT_TXDRDY | UART_INT_ERROR;
    UART_TASKS_STARTRX = 1u;
    UART_TASKS_STARTTX = 1u;
    cortex_m_enable_interrupt(UART_IRQ_NUMBER);
}

static void send_next(void)
{
    uint8_t byte;
    is_sending = kws_byte_ring_read(&transmit_ring, &byte, 1u) == 1u;
    if (is_sending) {
        UART_TXD = byte;
    }
}

void UART0_IRQHandler(void);
void UART0_IRQHandler(void)
{
    while (UART_EVENTS_RXDRDY != 0u) {
        UART_EVENTS_RXDRDY = 0u;
        const uint8_t byte = (uint8_t)UART_RXD; /* may set the event again: the chip holds up to six bytes */
        overruns += kws_byte_ring_write(&receive_ring, &byte, 1u) == 0u;
    }
    if (UART_EVENTS_ERROR != 0u) {
        UART_EVENTS_ERROR = 0u;
        overruns += (UART_ERRORSRC & UART_ERRORSRC_OVERRUN) != 0u;
        UART_ERRORSRC = UART_ERRORSRC; /* writing its ones clears them */
    }
    if (UART_EVENTS_TXDRDY != 0u) {
        UART_EVENTS_TXDRDY = 0u;
        send_next();
    }
    cortex_m_wake();
}

uint32_t nrf51_uart_read(uint8_t *bytes, uint32_t max_bytes)
{
    return kws_byte_ring_read(&receive_ring, bytes, max_bytes);
}

uint32_t nrf51_uart_write_room(void)
{
    return kws_byte_ring_room(&transmit_ring);
}

void nrf51_uart_write(const uint8_t *bytes, uint32_t num_bytes)
{
    kws_byte_ring_write(&transmit_ring, bytes, num_bytes);
    const uint32_t state = cortex_m_interrupts_off(); /* send_next runs here and in the interrupt */
    if (!is_sending) {
        send_next();
    }
    cortex_m_interrupts_restore(state);
}

uint32_t nrf51_uart_overruns(void)
{
    return overruns;
}

void nrf51_uart_write_polled(const uint8_t *bytes, uint32_t num_bytes)
{
    for (uint32_t i = 0; i < num_bytes; ++i) {
        UART_EVENTS_TXDRDY = 0u;
        UART_TXD = bytes[i];
        uint32_t patience =
            POLLS_AT_MOST; /* a UART that nobody started is never ready: the board must still restart */
        while (UART_EVENTS_TXDRDY == 0u && --patience > 0u) {
        }
        if (patience == 0u) {
            return;
        }
    }
}
