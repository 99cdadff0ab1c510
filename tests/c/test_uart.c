/* SPDX-License-Identifier: Apache-2.0 */
/* The UART of the nRF52840 (mcu/nrf52/serial_uart.c) with a chip that stores bytes late and a core that stands still.
 *
 * The driver is the one that is flashed; its registers are memory at their addresses, and what the chip does with them is
 * here: a byte is counted when it has come, and stored when the next one comes or the line is quiet. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <sys/mman.h>

#include "board_nrf52.h"
#include "clock.h"
#include "check.h"
#include "cortex_m.h"
#include "nrf52840.h"
#include "serial.h"
#include "wake.h"

void UARTE0_IRQHandler(void);
void TIMER2_IRQHandler(void);

const nrf52_board_t nrf52_board = {.name = "board"};

uint32_t cortex_m_interrupts_off(void)
{
    return 0u;
}
void cortex_m_interrupts_restore(uint32_t state)
{
    (void)state;
}
void cortex_m_enable_interrupt(uint32_t number)
{
    (void)number;
}
void cortex_m_wake(void)
{
}
void nrf52_clock_request_crystal(void)
{
}

void nrf52_pin_output(uint8_t pin, bool high)
{
    (void)pin;
    (void)high;
}
void nrf52_pin_input(uint8_t pin, bool pulled_up)
{
    (void)pin;
    (void)pulled_up;
}

static void (*on_start_bit)(void);

void nrf52_wake_on(uint8_t pin, bool high, bool pulled_up, void (*on_level)(void))
{
    (void)pin;
    (void)high;
    (void)pulled_up;
    on_start_bit = on_level;
}

/* ---- the chip ---- */

static struct {
    uint8_t *at; /* where DMA stores the next byte */
    uint32_t left;
    uint32_t counted; /* TIMER1 */
    bool holds;       /* a byte that has come, but is not stored */
    uint8_t held;
    bool core_stands;
} chip;

static bool take(volatile uint32_t *task)
{
    const bool begun = *task != 0u;
    *task = 0u;
    return begun;
}

static void begin_half(void)
{
    chip.at = (uint8_t *)(uintptr_t)UARTE0_RXD_PTR;
    chip.left = UARTE0_RXD_MAXCNT;
    UARTE0_EVENTS_RXSTARTED = 1u;
}

static void interrupt(void)
{
    while (!chip.core_stands &&
           (UARTE0_EVENTS_RXSTARTED != 0u || UARTE0_EVENTS_ENDRX != 0u || UARTE0_EVENTS_ERROR != 0u)) {
        UARTE0_IRQHandler();
        if (take(&TIMER1_TASKS_CLEAR)) {
            TIMER1_CC(0) = chip.counted = 0u;
        }
        if (take(&UARTE0_TASKS_STOPRX)) {
            chip.holds = false; /* flushed */
        }
        if (take(&UARTE0_TASKS_STARTRX)) {
            begin_half();
        }
    }
}

static void store(void)
{
    if (!chip.holds) {
        return;
    }
    chip.holds = false;
    *chip.at++ = chip.held;
    if (--chip.left == 0u) {
        UARTE0_EVENTS_ENDRX = 1u;
        CHECK_EQUAL(UARTE0_SHORTS, UARTE0_SHORTS_ENDRX_STARTRX);
        begin_half();
        interrupt();
    }
}

static void come(uint8_t byte)
{
    store();
    chip.holds = true;
    chip.held = byte;
    TIMER1_CC(0) = ++chip.counted;
}

static void fall_quiet(void)
{
    store();
    TIMER1_CC(1) = chip.counted; /* PPI */
    TIMER2_EVENTS_COMPARE(0) = 1u;
    TIMER2_IRQHandler();
}

/* ---- what was sent is what is read ---- */

static uint32_t num_sent, num_read; /* also what the next byte is, so a lost one is seen */

static uint8_t byte_of(uint32_t number)
{
    return (uint8_t)(number * 37u + number / 251u);
}

static void send(uint32_t num_bytes)
{
    for (uint32_t i = 0u; i < num_bytes; ++i) {
        come(byte_of(num_sent++));
    }
}

static uint32_t read_all(void)
{
    uint8_t bytes[100];
    uint32_t before = num_read, count;
    while ((count = nrf52_serial_read(bytes, sizeof bytes)) > 0u) {
        for (uint32_t i = 0u; i < count; ++i) {
            CHECK_EQUAL(bytes[i], byte_of(num_read++));
        }
    }
    return num_read - before;
}

static void bytes_come_once_and_when_they_are_stored(uint32_t num_bytes)
{
    const uint32_t lost = nrf52_serial_overruns();
    for (uint32_t i = 0u; i < num_bytes; ++i) {
        send(1u);
        CHECK_EQUAL(read_all(), i == 0u ? 0u : 1u); /* the newest one has to wait */
    }
    fall_quiet();
    CHECK_EQUAL(read_all(), 1u);
    CHECK_EQUAL(num_read, num_sent);
    CHECK_EQUAL(nrf52_serial_overruns(), lost);
}

static void stand_still(uint32_t num_bytes)
{
    chip.core_stands = true;
    send(num_bytes);
    chip.core_stands = false;
    interrupt();
    fall_quiet();
}

/* Up to half a ring, wherever in it the core stops. */
static void nothing_is_lost_while_the_core_stands(void)
{
    for (uint32_t i = 0u; i < 200u; ++i) {
        bytes_come_once_and_when_they_are_stored(1u + i % 23u);
        stand_still(NRF52_SERIAL_RECEIVE_BYTES / 2u);
        CHECK_EQUAL(read_all(), NRF52_SERIAL_RECEIVE_BYTES / 2u);
        CHECK_EQUAL(nrf52_serial_overruns(), 0u);
    }
}

/* More than that is lost and counted, and what comes then is right again. */
static void what_is_lost_is_counted(uint32_t num_bytes)
{
    const uint32_t before = nrf52_serial_overruns();
    stand_still(num_bytes);
    const uint32_t count = read_all();
    CHECK_EQUAL(count + nrf52_serial_overruns() - before, num_bytes);
    num_read = num_sent;
    bytes_come_once_and_when_they_are_stored(5000u);
}

static void a_main_loop_that_does_not_read_loses_what_came_first(void)
{
    const uint32_t before = nrf52_serial_overruns();
    send(5000u);
    fall_quiet();
    num_read = num_sent - NRF52_SERIAL_RECEIVE_BYTES;
    CHECK_EQUAL(read_all(), NRF52_SERIAL_RECEIVE_BYTES);
    CHECK_EQUAL(nrf52_serial_overruns() - before, 5000u - NRF52_SERIAL_RECEIVE_BYTES);
}

static void a_byte_that_the_chip_lost_is_counted(void)
{
    const uint32_t before = nrf52_serial_overruns();
    UARTE0_ERRORSRC = UARTE0_ERRORSRC_OVERRUN;
    UARTE0_EVENTS_ERROR = 1u;
    interrupt();
    CHECK_EQUAL(nrf52_serial_overruns() - before, 1u);
    bytes_come_once_and_when_they_are_stored(3000u);
}

static void it_rests_and_begins_anew_with_a_start_bit(void)
{
    nrf52_serial_rest();
    CHECK(take(&UARTE0_TASKS_STOPRX));
    CHECK(take(&TIMER1_TASKS_SHUTDOWN));
    CHECK(take(&TIMER2_TASKS_SHUTDOWN));
    TIMER1_CC(0) = 0u; /* whatever a timer that is off says */
    UARTE0_EVENTS_RXSTARTED = 1u;
    interrupt();
    CHECK_EQUAL(read_all(), 0u);
    CHECK_EQUAL(UARTE0_TASKS_STARTRX, 0u);
    TIMER1_TASKS_START = 0u;
    on_start_bit();
    CHECK_EQUAL(TIMER1_TASKS_START, 1u);
    UARTE0_EVENTS_RXSTARTED = 1u;
    interrupt();
    bytes_come_once_and_when_they_are_stored(3000u);
}

int main(void)
{
    const uintptr_t registers = 0x40000000u, num_bytes = 0x20000u;
    CHECK(mmap((void *)registers, num_bytes, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == (void *)registers);
    nrf52_serial_init(921600u);
    UARTE0_EVENTS_RXSTARTED = 1u;
    interrupt();
    bytes_come_once_and_when_they_are_stored(5000u);
    nothing_is_lost_while_the_core_stands();
    for (uint32_t i = 1u; i < 100u; ++i) {
        what_is_lost_is_counted(NRF52_SERIAL_RECEIVE_BYTES / 2u + 53u * i);
    }
    a_main_loop_that_does_not_read_loses_what_came_first();
    a_byte_that_the_chip_lost_is_counted();
    it_rests_and_begins_anew_with_a_start_bit();
    return 0;
}
