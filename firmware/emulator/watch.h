/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of watched functions: cycles between entry and return, everything they call included, interrupts
 * excluded.
 *
 * The plug-in API shows no registers, so returns are found on a shadow stack: a call pushes the address behind
 * it, a return to that address pops it. */
#ifndef KWS_EMULATOR_WATCH_H
#define KWS_EMULATOR_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
    WATCH_MAX_FUNCTIONS = 64,
    WATCH_MAX_REGIONS = 64,
    WATCH_MAX_DEPTH = 256,
    WATCH_NAME_BYTES = 64
};

typedef struct {
    uint64_t calls;
    uint64_t cycles; /* sum over calls */
    uint64_t least_cycles;
    uint64_t most_cycles;
} watch_sum_t;

/* An address range of the guest, for instance the parameters of one layer of the network. */
typedef struct {
    char name[WATCH_NAME_BYTES];
    uint64_t begin;
    uint64_t end; /* one past */
} watch_region_t;

typedef struct {
    char name[WATCH_NAME_BYTES];
    uint64_t entry;
    bool interrupt;                          /* an exception handler */
    bool by_region;                          /* calls are summed by the first region they read */
    watch_sum_t sums[WATCH_MAX_REGIONS + 1]; /* last one: no region */
} watch_function_t;

/* Reads lines "function NAME ENTRY", "kernel NAME ENTRY" (summed by region), "interrupt NAME ENTRY" and
 * "region NAME BEGIN END" with hexadecimal addresses. False, with a message on stderr, when that fails. */
bool watch_read(const char *path);

/* The function that starts at address, or NULL. */
watch_function_t *watch_find(uint64_t address);

bool watch_has_regions(void);

/* Program flow, with the clock in cycles so far. */
void watch_call(uint64_t return_address, uint64_t clock);
void watch_enter(watch_function_t *function, uint64_t clock);
void watch_return(uint64_t address, uint64_t clock);

/* resume: the caller's note about where the program was; watch_exception_end hands it back. */
void watch_exception_begin(const void *resume, uint64_t clock);
const void *watch_exception_end(uint64_t clock);

/* True when a return now would leave an exception handler. */
bool watch_in_handler_frame(void);

/* A load from address. */
void watch_load(uint64_t address);

uint64_t watch_interrupt_cycles(void);

/* JSON array of all sums. */
void watch_write(FILE *out);

#endif
