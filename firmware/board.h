/* SPDX-License-Identifier: Apache-2.0 */
/* What a board is to the applications. A board folder implements these functions and nothing else:
 * firmware/boards/README.md says how to add one.
 *
 * Interrupts only move bytes and set flags; all of this is called from the main loop. */
#ifndef KWS_BOARD_H
#define KWS_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A block of memory that the board lends. */
typedef struct {
    void *data;
    uint32_t size_bytes;
} board_memory_t;

/* Where and why the processor gave up. */
typedef struct {
    uint32_t exception; /* the processor's number of it */
    uint32_t status;    /* the processor's fault status register */
    uint32_t pc;        /* of the faulting instruction; 0 when unknown (the stack overflowed) */
    uint32_t lr;
} board_fault_t;

/* Clocks, pins, serial port, cycle counter. argc and argv are those of main: a process takes its settings there,
 * a microcontroller has none. */
void board_init(uint32_t serial_baud, int argc, char **argv);

/* Short name as in `KWS_BOARD=name`. */
const char *board_name(void);

/* Frequency of the core, which is that of board_cycles. */
uint32_t board_clock_hz(void);

/* Free-running cycle counter that wraps at 2^32. */
uint32_t board_cycles(void);

/* Starts the clock behind board_microseconds; it wakes the core now and then, so only who needs it does. */
void board_start_clock(void);

/* Wraps at 2^32; also counts while the board rests. */
uint32_t board_microseconds(void);

/* Sleeps until an interrupt has come since the call before; returns at once when one already has. May return
 * early. */
void board_sleep(void);

/* Up to max_bytes received bytes. Never waits. */
uint32_t board_serial_read(uint8_t *bytes, uint32_t max_bytes);

/* Bytes that board_serial_write takes now without loss. */
uint32_t board_serial_write_room(void);

/* num_bytes <= board_serial_write_room(). Sent in the background. */
void board_serial_write(const uint8_t *bytes, uint32_t num_bytes);

/* Size of the buffer that interrupts or DMA fill: the host never has more than this on its way. While the core stands still,
 * as it does while flash is erased, boards that receive by DMA keep half of it, others a byte or two: a host had better
 * wait for the answer then. */
uint32_t board_serial_receive_bytes(void);

/* Counts losses of received bytes since board_init: there were more than that, the line was too fast, or the core stood
 * still. As many as were lost where that is known, else one for each loss. */
uint32_t board_serial_overruns(void);

/* For board_on_fault: sends and waits, with interrupts off. */
void board_serial_write_polled(const uint8_t *bytes, uint32_t num_bytes);

/* The region that holds the bundle, read-only, aligned to 16. size_bytes is the size of the region (the bundle
 * says its own size); 0 when the board was given none. */
board_memory_t board_bundle(void);

/* Memory left for the pipeline's arena, aligned to 16. */
board_memory_t board_arena(void);

/* RAM taken at link time by data and buffers, without stack and arena; 0 when the board cannot tell. */
uint32_t board_static_bytes(void);

/* Deepest the stack has been since reset; 0 when the board cannot tell. */
uint32_t board_stack_peak_bytes(void);

/* ---- what a product needs and a board may leave out: board_defaults.c has them do nothing ---- */

typedef enum {
    BOARD_RESET_UNKNOWN,
    BOARD_RESET_POWER,
    BOARD_RESET_PIN,
    BOARD_RESET_SOFTWARE,
    BOARD_RESET_WATCHDOG,
    BOARD_RESET_LOCKUP
} board_reset_t;

/* Why the processor started, told once: the chip forgets it with the first call. */
board_reset_t board_take_reset_reason(void);

/* The fault that the last start ended with, told once. False: it ended otherwise. */
bool board_take_fault(board_fault_t *fault);

/* False: no host can be there, because its end of the line is closed or the cable out; true when the board cannot tell. */
bool board_serial_is_open(void);

/* No host speaks: the receiver may rest, and with it whatever it keeps awake, until a byte comes. That one, and one or
 * two behind it, are lost. */
void board_serial_rest(void);

/* Shows an event to the world: a lamp, a pin that wakes another processor. */
void board_signal(bool on);

/* From now on the board is reset when board_watchdog_feed is not called for this long; it cannot be stopped. Started
 * before board_init, so that a clock that does not come up resets the board too; fed by the main loop, never by an
 * interrupt. */
void board_watchdog_start(uint32_t timeout_ms);
void board_watchdog_feed(void);

/* The one function that the application gives: called by the board when the processor faults. It may report;
 * the board is reset when it returns. */
void board_on_fault(const board_fault_t *fault);

#ifdef __cplusplus
}
#endif

#endif
