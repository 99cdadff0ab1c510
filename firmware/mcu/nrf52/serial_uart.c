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
    PPI_SETTLED = 3,
    POLLS_PER_BYTE =
        100000, /* far longer than a byte takes; a line that does not move must not hang a fault handler */
    FLUSH_POLLS = 100 /* five bytes at most; whether the chip says so when there are none is disputed */
};

static uint8_t receive_bytes[RECEIVE_BYTES];
static uint8_t transmit_bytes[NRF52_SERIAL_TRANSMIT_BYTES];
static kws_byte_ring_t transmit_ring = {.bytes = transmit_bytes,
                                        .capacity_bytes = NRF52_SERIAL_TRANSMIT_BYTES};
static volatile uint32_t overruns;
static volatile uint32_t on_wire; /* bytes that DMA is sending */
static uint32_t num_read;         /* bytes read since the receiver started */
static uint32_t begun;            /* halves that DMA has begun since, as this driver has seen them */
static volatile bool rests;       /* the receiver is off */

static uint32_t address_of(const volatile void *memory)
{
    return (uint32_t)(uintptr_t)memory;
}

static void count_received_bytes(void)
{
    TIMER1_MODE = TIMER1_MODE_MODE_LOWPOWERCOUNTER;
    TIMER1_BITMODE = TIMER1_BITMODE_BITMODE_32BIT;
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
    PPI_CH_EEP(PPI_SETTLED) = address_of(&TIMER2_EVENTS_COMPARE(0));
    PPI_CH_TEP(PPI_SETTLED) = address_of(&TIMER1_TASKS_CAPTURE(1));
    PPI_CHENSET = 1u << PPI_QUIET | 1u << PPI_SETTLED;
    cortex_m_enable_interrupt(TIMER2_IRQ);
}

static uint32_t received(void)
{
    TIMER1_TASKS_CAPTURE(0) = 1;
    return TIMER1_CC(0);
}

/* Of those, the ones that lie in memory: a byte is counted when it has come off the line, which may be before DMA has
 * stored it. So the newest one has to wait for the one after, or until the line is quiet (PPI_SETTLED). */
static uint32_t stored(void)
{
    const uint32_t count = received();
    return count != TIMER1_CC(1) ? count - 1u : count;
}

static void start_receiver(void)
{
    rests = false;
    nrf52_clock_request_crystal(); /* it may rest too, and without it the line is off by percents */
    num_read = begun = 0;
    TIMER1_TASKS_CLEAR = 1;
    TIMER1_CC(1) = 0;
    TIMER1_TASKS_START = 1;
    UARTE0_EVENTS_RXSTARTED = 0; /* of the halves before */
    UARTE0_SHORTS = UARTE0_SHORTS_ENDRX_STARTRX;
    UARTE0_RXD_PTR = address_of(receive_bytes);
    UARTE0_RXD_MAXCNT = HALF_BYTES;
    UARTE0_TASKS_STARTRX = 1;
}

bool nrf52_serial_is_open(void)
{
    return true; /* nothing tells */
}

static void wait_for(const volatile uint32_t *event, uint32_t max_polls)
{
    for (uint32_t i = 0; i < max_polls && *event == 0u; ++i) {
    }
}

static void stop_receiver(void)
{
    UARTE0_SHORTS = 0;
    UARTE0_EVENTS_RXTO = 0;
    UARTE0_TASKS_STOPRX = 1;
    wait_for(&UARTE0_EVENTS_RXTO, POLLS_PER_BYTE); /* some bytes' time */
    UARTE0_EVENTS_ENDRX = 0;
    UARTE0_TASKS_FLUSHRX = 1; /* what came meanwhile would else come first the next time */
    wait_for(&UARTE0_EVENTS_ENDRX, FLUSH_POLLS);
}

/* What is unread can no longer be told from what is missing. */
static void begin_anew(void)
{
    overruns += received() - num_read;
    stop_receiver();
    start_receiver();
}

void nrf52_serial_rest(void)
{
    if (rests) {
        return;
    }
    const uint32_t state = cortex_m_interrupts_off(); /* ours takes the events that are waited for */
    rests = true;
    stop_receiver();
    cortex_m_interrupts_restore(state);
    TIMER1_TASKS_SHUTDOWN = 1; /* running, or stopped only, they draw current (erratum 78); PPI does not */
    TIMER2_TASKS_SHUTDOWN = 1;
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
    if (take(&UARTE0_EVENTS_RXSTARTED) && !rests) { /* the address is taken: name the next */
        ++begun;
        UARTE0_RXD_PTR = address_of(receive_bytes + begun % 2u * HALF_BYTES);
        if (received() - (begun - 1u) * HALF_BYTES >= HALF_BYTES) {
            begin_anew(); /* too late: it is full, and was begun a second time */
        }
    }
    if (take(&UARTE0_EVENTS_ENDRX)) {
        cortex_m_wake();
    }
    if (take(&UARTE0_EVENTS_ERROR)) {
        const uint32_t source = UARTE0_ERRORSRC;
        UARTE0_ERRORSRC = source;
        if ((source & UARTE0_ERRORSRC_OVERRUN) != 0u) { /* lost by the chip, counted or not */
            ++overruns;
            if (!rests) {
                begin_anew();
            }
        }
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
    uint32_t available = rests ? 0u : stored() - num_read;
    if (available > RECEIVE_BYTES) {
        overruns += available - RECEIVE_BYTES;
        num_read += available - RECEIVE_BYTES;
        available = RECEIVE_BYTES;
    }
    const uint32_t count = available < max_bytes ? available : max_bytes;
    const volatile uint8_t *ring = receive_bytes;
    for (uint32_t i = 0; i < count; ++i) {
        bytes[i] = ring[num_read++ % RECEIVE_BYTES];
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
