/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the emulated Cortex-M4 share: core.c runs instructions, exceptions.c decides who runs, private.c
 * has the registers at 0xE0000000. */
#ifndef KWS_EMULATOR_CORE_H
#define KWS_EMULATOR_CORE_H

#include <unicorn/unicorn.h>

#include "machine.h"

enum {
    NMI = 2,
    HARD_FAULT = 3,
    MEMORY_FAULT = 4,
    BUS_FAULT = 5,
    USAGE_FAULT = 6,
    SVCALL = 11,
    PENDSV = 14,
    SYSTICK = 15,
    MAX_EXCEPTIONS = 16 + MAX_INTERRUPTS
};

typedef enum {
    AWAKE,
    WAITING_FOR_INTERRUPT,
    WAITING_FOR_EVENT
} sleeping_t;

typedef struct {
    uc_engine *engine;
    uint32_t next_pc;      /* where core_run goes on */
    uint32_t previous_end; /* where execution goes on unless it branches */
    uint32_t fault_address;
    sleeping_t sleeping;
    bool event_register, stop_requested;
    bool after_load, after_jump; /* the last instruction was one */
} core_t;

typedef struct {
    bool line[MAX_EXCEPTIONS];
    bool enabled[MAX_EXCEPTIONS];
    bool pending[MAX_EXCEPTIONS];
    uint64_t pended_at[MAX_EXCEPTIONS];
    uint8_t priority[MAX_EXCEPTIONS];
    uint8_t active[MAX_EXCEPTIONS]; /* a stack: the running one last */
    unsigned num_active;
    unsigned num_pending;
    uint64_t unmasked_since; /* nothing has kept interrupts out since */
} nvic_t;

/* System control block, by the names of its registers. */
typedef struct {
    uint32_t vector_table, prigroup, scr, ccr, shcsr, cfsr, hfsr, fault_status_address, cpacr, demcr;
} scb_t;

extern core_t core;
extern nvic_t nvic;
extern scb_t scb;

/* core.c; registers by Unicorn's names */
uint32_t core_get(int reg);
void core_set(int reg, uint32_t value);
uint32_t core_load(uint32_t address);
/* Execution goes on elsewhere without a branch: exceptions have their own price. */
void core_go_to(uint32_t pc);

/* exceptions.c */
void exceptions_reset(void);
int exception_group(unsigned exception);
/* Only groups below run, after what is active and what masks leave. */
int exception_limit(bool with_primask);
/* The pending exception that comes first, 0 when there is none. */
unsigned exception_first_pending(void);
/* That one, if it may run now. */
unsigned exception_takeable(bool with_primask);
void exception_set_pending(unsigned exception, bool value);
bool exception_is_active(unsigned exception);
void exception_take(unsigned exception);
void exception_fault(unsigned exception, uint32_t status);
void exception_return(uint32_t exc_return);

/* private.c; offset from 0xE0000000 */
void private_init(void);
void private_reset(void);
uint32_t private_read(uint32_t offset);
void private_store(uint32_t offset, unsigned size, uint32_t value);
/* The core slept: where its clock stops meanwhile, SysTick and the cycle counter stand still. */
void private_pause(void);
void private_resume(uint64_t slept_cycles);

#endif
