/* SPDX-License-Identifier: Apache-2.0 */
/* The nested vectored interrupt controller: which exception runs, entry and return, faults. */
#include <string.h>

#include "core.h"
#include "cost.h"

enum {
    THREAD_PRIORITY = 256,
    TAIL_CYCLES = 6,
    FRAME_BYTES = 32
};

#define XPSR_THUMB  (1u << 24)
#define XPSR_PADDED (1u << 9)
#define XPSR_NUMBER 0x1FFu

nvic_t nvic;

void exceptions_reset(void)
{
    memset(&nvic, 0, sizeof nvic);
    for (unsigned i = NMI; i < 16; ++i) {
        nvic.enabled[i] = i < MEMORY_FAULT || i > USAGE_FAULT;
    }
}

/* ---- priorities ---- */

int exception_group(unsigned exception)
{
    switch (exception) {
    case NMI: return -2;
    case HARD_FAULT: return -1;
    default: return (int)(nvic.priority[exception] & ~((2u << scb.prigroup) - 1u));
    }
}

static int active_priority(void)
{
    int best = THREAD_PRIORITY;
    for (unsigned i = 0; i < nvic.num_active; ++i) {
        const int group = exception_group(nvic.active[i]);
        best = group < best ? group : best;
    }
    return best;
}

/* What masks leave, of a priority that would run otherwise. */
int exception_limit(bool with_primask)
{
    int limit = active_priority();
    const int base = (int)core_get(UC_ARM_REG_BASEPRI) & CHIP.priority_mask;
    if (base != 0) {
        const int group = base & (int)~((2u << scb.prigroup) - 1u);
        limit = group < limit ? group : limit;
    }
    if (with_primask && (core_get(UC_ARM_REG_PRIMASK) & 1u) != 0u) {
        limit = 0 < limit ? 0 : limit;
    }
    if ((core_get(UC_ARM_REG_FAULTMASK) & 1u) != 0u) {
        limit = -1 < limit ? -1 : limit;
    }
    return limit;
}

/* The pending exception that comes first, 0 when there is none. */
unsigned exception_first_pending(void)
{
    unsigned best = 0;
    for (unsigned i = NMI; i < (16 + CHIP.num_interrupts); ++i) {
        if (!nvic.pending[i] || !nvic.enabled[i]) {
            continue;
        }
        const bool better = best == 0 || exception_group(i) < exception_group(best) ||
                            (exception_group(i) == exception_group(best) && i > HARD_FAULT &&
                             best > HARD_FAULT && nvic.priority[i] < nvic.priority[best]);
        best = better ? i : best;
    }
    return best;
}

unsigned exception_takeable(bool with_primask)
{
    if (nvic.num_pending == 0) {
        return 0;
    }
    const unsigned first = exception_first_pending();
    return first != 0 && exception_group(first) < exception_limit(with_primask) ? first : 0;
}

void exception_set_pending(unsigned exception, bool value)
{
    if (nvic.pending[exception] == value) {
        return;
    }
    nvic.pending[exception] = value;
    nvic.num_pending += value ? 1u : (unsigned)-1;
    if (value) {
        nvic.pended_at[exception] = machine_cycles;
        core.event_register = core.event_register || (scb.scr & (1u << 4)) != 0u; /* SEVONPEND */
    }
}

bool exception_is_active(unsigned exception)
{
    for (unsigned i = 0; i < nvic.num_active; ++i) {
        if (nvic.active[i] == exception) {
            return true;
        }
    }
    return false;
}

void core_interrupt_line(unsigned interrupt, bool high)
{
    const unsigned exception = 16u + interrupt;
    if (high && !nvic.line[exception]) {
        exception_set_pending(exception, true);
    }
    nvic.line[exception] = high;
}

/* ---- exceptions ---- */

static void enter_vector(unsigned exception, uint32_t exc_return)
{
    uint32_t xpsr = core_get(UC_ARM_REG_XPSR);
    xpsr = (xpsr & 0xF80F0000u) | XPSR_THUMB | exception; /* IT state is over */
    core_set(UC_ARM_REG_XPSR, xpsr);
    core_set(UC_ARM_REG_LR, exc_return);
    core_go_to(core_load(scb.vector_table + 4u * exception) & ~1u);
    if ((core_load(scb.vector_table + 4u * exception) & 1u) == 0u) {
        outside_mistake("vector %u has no Thumb bit", exception);
        core_request_stop();
    }
    exception_set_pending(exception, false);
    nvic.active[nvic.num_active++] = (uint8_t)exception;
    core.event_register = true;
    core.sleeping = AWAKE;
    ++core_statistics.exceptions[exception];
    const uint64_t from =
        nvic.pended_at[exception] > nvic.unmasked_since ? nvic.pended_at[exception] : nvic.unmasked_since;
    if (exception >= 16 && machine_cycles - from > core_statistics.late_cycles_worst) {
        core_statistics.late_cycles_worst = machine_cycles - from;
    }
}

void exception_take(unsigned exception)
{
    const bool thread = nvic.num_active == 0;
    const bool process_stack = thread && (core_get(UC_ARM_REG_CONTROL) & 2u) != 0u;
    const uint32_t old = core_get(UC_ARM_REG_SP);
    const uint32_t frame_at = (old - FRAME_BYTES) & ~7u;
    const uint32_t frame[8] = {core_get(UC_ARM_REG_R0),
                               core_get(UC_ARM_REG_R1),
                               core_get(UC_ARM_REG_R2),
                               core_get(UC_ARM_REG_R3),
                               core_get(UC_ARM_REG_R12),
                               core_get(UC_ARM_REG_LR),
                               core.next_pc,
                               (core_get(UC_ARM_REG_XPSR) & ~XPSR_PADDED) | XPSR_THUMB |
                                   (frame_at != old - FRAME_BYTES ? XPSR_PADDED : 0u)};
    if (!memory_write(frame_at, frame, sizeof frame)) {
        outside_mistake("stack at %08x is not memory when exception %u comes at pc %08x", frame_at, exception,
                        core.next_pc);
        core_request_stop();
        return;
    }
    core_set(UC_ARM_REG_SP, frame_at);
    machine_cycles += COST_EXCEPTION_ENTRY;
    enter_vector(exception, thread ? (process_stack ? 0xFFFFFFFDu : 0xFFFFFFF9u) : 0xFFFFFFF1u);
}

void exception_fault(unsigned exception, uint32_t status)
{
    scb.cfsr |= status;
    outside_note("fault: status %08x, address %08x, pc %08x, lr %08x", status, core.fault_address,
                 core.next_pc, core_get(UC_ARM_REG_LR));
    const bool taken = nvic.enabled[exception] && exception_group(exception) < exception_limit(true);
    if (!taken) {
        scb.hfsr |= 1u << 30; /* forced */
        if (exception_limit(false) <= -1) {
            outside_mistake("lockup: a fault within a hard fault, pc %08x, status %08x", core.next_pc,
                            scb.cfsr);
            core_request_stop();
            return;
        }
    }
    exception_take(taken ? exception : HARD_FAULT);
}

void exception_return(uint32_t exc_return)
{
    if (nvic.num_active == 0 ||
        (exc_return != 0xFFFFFFF1u && exc_return != 0xFFFFFFF9u && exc_return != 0xFFFFFFFDu) ||
        (exc_return == 0xFFFFFFF1u) != (nvic.num_active > 1)) {
        core.next_pc = exc_return & ~1u;
        exception_fault(USAGE_FAULT, 1u << 18); /* INVPC */
        return;
    }
    const unsigned left = nvic.active[--nvic.num_active];
    if (left != NMI) {
        core_set(UC_ARM_REG_FAULTMASK, 0);
    }
    core.event_register = true;
    if (nvic.line[left]) {
        exception_set_pending(left, true); /* its cause was not taken away: it comes again */
    }
    nvic.unmasked_since = machine_cycles;
    const unsigned next = exception_takeable(true);
    if (next != 0) {
        machine_cycles += TAIL_CYCLES;
        ++core_statistics.tail_chained;
        enter_vector(next, exc_return);
        return;
    }
    uint32_t frame[8];
    /* The number first: it decides which stack pointer SP is. */
    const uint32_t to = exc_return == 0xFFFFFFF1u ? nvic.active[nvic.num_active - 1] : 0u;
    core_set(UC_ARM_REG_XPSR, (core_get(UC_ARM_REG_XPSR) & ~XPSR_NUMBER) | XPSR_THUMB | to);
    if (exc_return != 0xFFFFFFF1u) {
        core_set(UC_ARM_REG_CONTROL,
                 (core_get(UC_ARM_REG_CONTROL) & ~2u) | (exc_return == 0xFFFFFFFDu ? 2u : 0u));
    }
    const uint32_t at = core_get(UC_ARM_REG_SP);
    if (!memory_read(at, frame, sizeof frame)) {
        outside_mistake("stack at %08x is not memory on return from exception %u", at, left);
        core_request_stop();
        return;
    }
    static const int FRAME_REGISTERS[6] = {UC_ARM_REG_R0, UC_ARM_REG_R1,  UC_ARM_REG_R2,
                                           UC_ARM_REG_R3, UC_ARM_REG_R12, UC_ARM_REG_LR};
    for (unsigned i = 0; i < 6; ++i) {
        core_set(FRAME_REGISTERS[i], frame[i]);
    }
    if ((frame[7] & XPSR_NUMBER) != to) {
        outside_mistake("the frame at %08x is of exception %u, the return goes to %u", at,
                        frame[7] & XPSR_NUMBER, to);
        core_request_stop();
    }
    core_set(UC_ARM_REG_SP, at + FRAME_BYTES + ((frame[7] & XPSR_PADDED) != 0u ? 4u : 0u));
    core_set(UC_ARM_REG_XPSR, frame[7] & ~XPSR_PADDED);
    core_go_to(frame[6]);
    machine_cycles += COST_EXCEPTION_RETURN;
    core.sleeping =
        nvic.num_active == 0 && (scb.scr & 2u) != 0u ? WAITING_FOR_INTERRUPT : AWAKE; /* SLEEPONEXIT */
}
