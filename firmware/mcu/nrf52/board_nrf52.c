/* SPDX-License-Identifier: Apache-2.0 */
/* board.h and board_audio.h for every nRF52840 board; its pins are in nrf52_board. */
#include "board_nrf52.h"

#include "board.h"
#include "board_audio.h"
#include "clock.h"
#include "cortex_m.h"
#include "nrf52840.h"
#include "serial.h"
#include "wake.h"

enum {
    WATCHDOG_HZ = 32768,
    MS_PER_S = 1000
};

void board_init(uint32_t serial_baud, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    /* Newer chips lock their debug port at every reset unless the program opens it as the UICR says; else nobody could
     * flash it again without erasing everything. */
    NRF52_APPROTECT_DISABLE = NRF52_UICR_APPROTECT;
    CLOCK_TRACECONFIG = 0; /* a debugger's trace would keep P1.00, somebody's microphone clock */
    /* Off after a reset; the figures of `kws power` are those with it (Product Specification, NVMC, "Cache"). It keeps
     * instructions only, so flash.c need not tell it of a bundle that is written. */
    NVMC_ICACHECNF = NVMC_ICACHECNF_CACHEEN;
    if (nrf52_board.has_dcdc) {
        POWER_DCDCEN = POWER_DCDCEN_DCDCEN;
    }
    nrf52_pin_output(nrf52_board.lamp_pin, !nrf52_board.lamp_on_high);
    nrf52_pin_output(nrf52_board.event_pin, false);
    nrf52_clock_start_crystal();
    cortex_m_start_cycle_counter();
    nrf52_clock_start();
    nrf52_serial_init(serial_baud);
}

const char *board_name(void)
{
    return nrf52_board.name;
}

uint32_t board_clock_hz(void)
{
    return NRF52_CORE_HZ;
}

uint32_t board_cycles(void)
{
    return cortex_m_cycles();
}

void board_start_clock(void)
{
    /* runs from board_init on: it is what wakes the main loop for the watchdog */
}

uint32_t board_microseconds(void)
{
    return nrf52_clock_microseconds();
}

uint32_t board_serial_read(uint8_t *bytes, uint32_t max_bytes)
{
    return nrf52_serial_read(bytes, max_bytes);
}

uint32_t board_serial_write_room(void)
{
    return nrf52_serial_write_room();
}

void board_serial_write(const uint8_t *bytes, uint32_t num_bytes)
{
    nrf52_serial_write(bytes, num_bytes);
}

uint32_t board_serial_receive_bytes(void)
{
    return NRF52_SERIAL_RECEIVE_BYTES;
}

uint32_t board_serial_overruns(void)
{
    return nrf52_serial_overruns();
}

void board_serial_write_polled(const uint8_t *bytes, uint32_t num_bytes)
{
    nrf52_serial_write_polled(bytes, num_bytes);
}

board_reset_t board_take_reset_reason(void)
{
    const uint32_t reasons = POWER_RESETREAS;
    POWER_RESETREAS = reasons; /* ones clear; they add up otherwise */
    return (reasons & POWER_RESETREAS_DOG) != 0u        ? BOARD_RESET_WATCHDOG
           : (reasons & POWER_RESETREAS_LOCKUP) != 0u   ? BOARD_RESET_LOCKUP
           : (reasons & POWER_RESETREAS_SREQ) != 0u     ? BOARD_RESET_SOFTWARE
           : (reasons & POWER_RESETREAS_RESETPIN) != 0u ? BOARD_RESET_PIN
           : reasons == 0u                              ? BOARD_RESET_POWER
                                                        : BOARD_RESET_UNKNOWN;
}

void board_signal(bool on)
{
    nrf52_pin_set(nrf52_board.lamp_pin, on == nrf52_board.lamp_on_high);
    nrf52_pin_set(nrf52_board.event_pin, on);
}

void board_watchdog_start(uint32_t timeout_ms)
{
    if (WDT_RUNSTATUS == 0u) { /* a soft reset leaves it running, and it cannot be changed then */
        WDT_CONFIG = WDT_CONFIG_SLEEP_RUN;
        WDT_CRV = timeout_ms * WATCHDOG_HZ / MS_PER_S;
        WDT_RREN = 1;
        WDT_TASKS_START = 1;
    } else {
        board_watchdog_feed(); /* the start before may have left it little time */
    }
}

void board_watchdog_feed(void)
{
    WDT_RR(0) = WDT_RR_RR_RELOAD;
}

static bool waits;
static volatile bool heard_sound;

static void on_sound(void)
{
    heard_sound = true;
}

bool board_serial_is_open(void)
{
    return nrf52_serial_is_open();
}

void board_serial_rest(void)
{
    if (waits) {
        nrf52_clock_stop_crystal(); /* first: the next start bit asks for it again */
    }
    nrf52_serial_rest();
}

bool board_audio_can_wait(void)
{
    return nrf52_board.wake_pin != NRF52_NO_PIN;
}

void board_audio_wait(void)
{
    waits = true;
    heard_sound = false;
    nrf52_wake_on(nrf52_board.wake_pin, true, false, on_sound);
    nrf52_clock_rest();
}

void board_audio_end_wait(void)
{
    if (waits) {
        waits = false;
        nrf52_wake_off(nrf52_board.wake_pin);
        nrf52_clock_resume();
        nrf52_clock_start_crystal(); /* of the serial line */
    }
}

bool board_audio_heard_sound(void)
{
    return heard_sound;
}

bool board_audio_start(uint32_t sample_rate_hz)
{
    if (sample_rate_hz != NRF52_MICROPHONE_HZ) {
        return false;
    }
    board_audio_end_wait();
    nrf52_microphone_start(&nrf52_board.microphone);
    return true;
}

void board_audio_stop(void)
{
    nrf52_microphone_stop(&nrf52_board.microphone);
}

const int16_t *board_audio_peek(uint32_t *num_samples)
{
    return nrf52_microphone_peek(num_samples);
}

void board_audio_consume(uint32_t num_samples)
{
    nrf52_microphone_consume(num_samples);
}

uint32_t board_audio_take_lost(void)
{
    return nrf52_microphone_take_lost();
}
