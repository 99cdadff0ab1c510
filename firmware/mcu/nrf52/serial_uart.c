/* SPDX-License-Identifier: Apache-2.0 */
/* UARTE0. DMA fills the two halves of the receive ring in turn. TIMER1 counts received bytes over PPI, so that they can
 * be read before a half is full; TIMER2, cleared by every byte, wakes the main loop when the line falls quiet. */
#include <stdbool.h>

#include "board_nrf52.h"
#include "clock.h"
#include "cortex_m.h"
#include "kws_byte_ring.h"
#include "nrf52840.h"
#include "pins.h"
#include "serial.h"
#include "wake.h"

enum {
    RECEIVE_BYTES = NRF52_SERIAL_RECEIVE_BYTES,
    HALF_BYTES = RECEIVE_BYTES / 2,
    QUIET_US = 40, /* four bytes at 921600 baud */
    PRESCALER_1_MHZ = 4,
    PPI_COUNT = 0,
    PPI_QUIET = 1,
    POLLS_PER_BYTE =
        100000 /* far longer than a byte takes; a line that does not move must not hang a fault handler */
};

static uint8_t receive_bytes[RECEIVE_BYTES];
static uint8_t transmit_bytes[NRF52_SERIAL_TRANSMIT_BYTES];
static kws_byte_ring_t transmit_ring = {.bytes = transmit_bytes,
                                        .capacity_bytes = NRF52_SERIAL_TRANSMIT_BYTES};
static volatile uint32_t overruns;
static volatile uint32_t on_wire; /* bytes that DMA is sending */
static uint32_t num_read;         /* bytes ever read */
static uint32_t next_half;
static volatile bool rests; /* the receiver is off */

static uint32_t address_of(const volatile void *memory)
{
    return (uint32_t)(uintptr_t)memory;
}

static void count_received_bytes(void)
{
    TIMER1_MODE = TIMER1_MODE_MODE_LOWPOWERCOUNTER;
    TIMER1_BITMODE = TIMER1_BITMODE_BITMODE_32BIT;
    TIMER1_TASKS_START = 1;
    PPI_CH_EEP(PPI_COUNT) = address_of(&UARTE0_EVENTS_RXDRDY);
    PPI_CH_TEP(PPI_COUNT) = address_of(&TIMER1_TASKS_COUNT);
    PPI_FORK_TEP(PPI_COUNT) = address_of(&TIMER2_TASKS_CLEAR);
    PPI_CHENSET = 1u << PPI_COUNT;
}

static void watch_for_quiet(void)
{
    TIMER2_BITMODE = TIMER2_BITMODE_BITMODE_32BIT;
    TIMER2_PRESCALER = PRESCALER_1_MHZ;
    TIMER2_CC(0) = QUIET_US;
    TIMER2_SHORTS = TIMER2_SHORTS_COMPARE0_CLEAR | TIMER2_SHORTS_COMPARE0_STOP;
    TIMER2_INTENSET = TIMER2_INTENSET_COMPARE0;
    PPI_CH_EEP(PPI_QUIET) = address_of(&UARTE0_EVENTS_RXDRDY);
    PPI_CH_TEP(PPI_QUIET) = address_of(&TIMER2_TASKS_START);
    PPI_CHENSET = 1u << PPI_QUIET;
    cortex_m_enable_interrupt(TIMER2_IRQ);
}

static void start_receiver(void)
{
    rests = false;
    nrf52_clock_request_crystal(); /* it may rest too, and without it the line is off by percents */
    num_read = next_half = 0;
    TIMER1_TASKS_CLEAR = 1;
    UARTE0_SHORTS = UARTE0_SHORTS_ENDRX_STARTRX;
    UARTE0_RXD_PTR = address_of(receive_bytes);
    UARTE0_RXD_MAXCNT = HALF_BYTES;
    UARTE0_TASKS_STARTRX = 1;
}

bool nrf52_serial_is_open(void)
{
    return true; /* nothing tells */
}

void nrf52_serial_rest(void)
{
    if (rests) {
        return;
    }
    rests = true;
    UARTE0_SHORTS = 0;
    UARTE0_EVENTS_RXTO = 0;
    UARTE0_TASKS_STOPRX = 1;
    for (uint32_t i = 0; i < POLLS_PER_BYTE && UARTE0_EVENTS_RXTO == 0u; ++i) { /* some bytes' time */
    }
    UARTE0_TASKS_FLUSHRX = 1;  /* what came meanwhile would else come first the next time */
    TIMER2_TASKS_SHUTDOWN = 1; /* stopped only, it draws current (erratum 78) */
    if (on_wire == 0u) {
        UARTE0_TASKS_STOPTX = 1; /* else when it has been sent */
    }
    nrf52_wake_on(nrf52_board.uart_rx_pin, false, true, start_receiver); /* a start bit */
}

void nrf52_serial_init(uint32_t baud)
{
    (void)baud; /* of the protocol, the one that the register's constant stands for */
    nrf52_pin_output(nrf52_board.uart_tx_pin, true);
    nrf52_pin_input(nrf52_board.uart_rx_pin, true); /* an open line idles high instead of receiving noise */
    UARTE0_PSEL_TXD = nrf52_board.uart_tx_pin;
    UARTE0_PSEL_RXD = nrf52_board.uart_rx_pin;
    UARTE0_BAUDRATE = UARTE0_BAUDRATE_BAUDRATE_BAUD921600;
    UARTE0_ENABLE = UARTE0_ENABLE_ENABLE_ENABLED;
    UARTE0_INTENSET =
        UARTE0_INTENSET_ENDRX | UARTE0_INTENSET_ENDTX | UARTE0_INTENSET_ERROR | UARTE0_INTENSET_RXSTARTED;
    count_received_bytes();
    watch_for_quiet();
    start_receiver();
    cortex_m_enable_interrupt(UARTE0_IRQ);
}

/* With interrupts off, or from the interrupt. */
static void transmit_more(void)
{
    const uint32_t available = kws_byte_ring_available(&transmit_ring);
    if (on_wire == 0u && available > 0u) {
        const uint32_t at = transmit_ring.read % NRF52_SERIAL_TRANSMIT_BYTES;
        const uint32_t to_end = NRF52_SERIAL_TRANSMIT_BYTES - at;
        on_wire = available < to_end ? available : to_end;
        __asm volatile("" ::: "memory"); /* the compiler knows of no reader of the buffer: DMA is one */
        UARTE0_TXD_PTR = address_of(transmit_bytes + at);
        UARTE0_TXD_MAXCNT = on_wire;
        UARTE0_TASKS_STARTTX = 1;
    }
}

static bool take(volatile uint32_t *event)
{
    const bool there = *event != 0u;
    *event = 0;
    (void)*event; /* the clearing has arrived before the return */
    return there;
}

void UARTE0_IRQHandler(void);
void UARTE0_IRQHandler(void)
{
    if (take(&UARTE0_EVENTS_RXSTARTED)) { /* the address is taken: name the next */
        next_half ^= 1u;
        UARTE0_RXD_PTR = address_of(receive_bytes + next_half * HALF_BYTES);
    }
    if (take(&UARTE0_EVENTS_ENDRX)) {
        cortex_m_wake();
    }
    if (take(&UARTE0_EVENTS_ERROR)) {
        const uint32_t source = UARTE0_ERRORSRC;
        UARTE0_ERRORSRC = source;
        overruns += (source & UARTE0_ERRORSRC_OVERRUN) != 0u;
    }
    if (take(&UARTE0_EVENTS_ENDTX)) {
        transmit_ring.read += on_wire;
        on_wire = 0;
        transmit_more();
        if (rests && on_wire == 0u) {
            UARTE0_TASKS_STOPTX = 1;
        }
        cortex_m_wake();
    }
}

void TIMER2_IRQHandler(void);
void TIMER2_IRQHandler(void)
{
    (void)take(&TIMER2_EVENTS_COMPARE(0));
    cortex_m_wake();
}

uint32_t nrf52_serial_read(uint8_t *bytes, uint32_t max_bytes)
{
    const uint32_t state = cortex_m_interrupts_off(); /* start_receiver counts anew */
    TIMER1_TASKS_CAPTURE(0) = 1;
    uint32_t available = TIMER1_CC(0) - num_read;
    if (available > RECEIVE_BYTES) {
        overruns += available - RECEIVE_BYTES;
        num_read += available - RECEIVE_BYTES;
        available = RECEIVE_BYTES;
    }
    const uint32_t count = available < max_bytes ? available : max_bytes;
    const volatile uint8_t *received = receive_bytes;
    for (uint32_t i = 0; i < count; ++i) {
        bytes[i] = received[num_read++ % RECEIVE_BYTES];
    }
    cortex_m_interrupts_restore(state);
    return count;
}

uint32_t nrf52_serial_write_room(void)
{
    return kws_byte_ring_room(&transmit_ring);
}

void nrf52_serial_write(const uint8_t *bytes, uint32_t num_bytes)
{
    kws_byte_ring_write(&transmit_ring, bytes, num_bytes);
    const uint32_t state = cortex_m_interrupts_off();
    transmit_more();
    cortex_m_interrupts_restore(state);
}

uint32_t nrf52_serial_overruns(void)
{
    return overruns;
}

static void wait_for_end(void)
{
    for (uint32_t i = 0; i < POLLS_PER_BYTE && on_wire != 0u && UARTE0_EVENTS_ENDTX == 0u; ++i) {
    }
}

void nrf52_serial_write_polled(const uint8_t *bytes, uint32_t num_bytes)
{
    static uint8_t byte;
    for (uint32_t i = 0; i < num_bytes; ++i) {
        wait_for_end();
        byte = bytes[i];
        on_wire = 1;
        __asm volatile("" ::: "memory");
        UARTE0_EVENTS_ENDTX = 0;
        UARTE0_TXD_PTR = address_of(&byte);
        UARTE0_TXD_MAXCNT = 1;
        UARTE0_TASKS_STARTTX = 1;
    }
    wait_for_end();
}
