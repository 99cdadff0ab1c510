/* SPDX-License-Identifier: Apache-2.0 */
/* Cortex-M4 around Unicorn, which executes instructions and knows nothing of exceptions on this profile: memory, cycles,
 * sleep and the main loop are here, exceptions in exceptions.c.
 *
 * Interrupts are taken between basic blocks (a few instructions), as are alarms. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blocks.h"
#include "core.h"
#include "cost.h"

#define PRIVATE_START 0xE0000000u
#define PRIVATE_BYTES 0x00100000u
#define XPSR_THUMB    (1u << 24)

typedef enum {
    RUNNING,
    DEADLINE,
    SUPERVISOR_CALL,
    BREAKPOINT,
    EXCEPTION_RETURN,
    FLASH_WRITE,
    LOAD_FAULT,
    STORE_FAULT,
    FETCH_FAULT,
    UNDEFINED
} stop_t;

core_statistics_t core_statistics;

core_t core;

static stop_t stop;

/* ---- registers and memory ---- */

uint32_t core_get(int reg)
{
    uint32_t value = 0;
    uc_reg_read(core.engine, reg, &value);
    return value;
}

void core_set(int reg, uint32_t value)
{
    uc_reg_write(core.engine, reg, &value);
}

bool memory_read(uint32_t address, void *bytes, size_t num_bytes)
{
    return uc_mem_read(core.engine, address, bytes, num_bytes) == UC_ERR_OK;
}

bool memory_write(uint32_t address, const void *bytes, size_t num_bytes)
{
    return uc_mem_write(core.engine, address, bytes, num_bytes) == UC_ERR_OK;
}

void core_forget_code(uint32_t address, size_t num_bytes)
{
    uc_ctl_remove_cache(core.engine, (uint64_t)address, (uint64_t)address + num_bytes);
}

uint32_t core_load(uint32_t address)
{
    uint32_t value = 0;
    memory_read(address, &value, sizeof value);
    return value;
}

void core_go_to(uint32_t pc)
{
    core.next_pc = pc;
    core.previous_end = pc;
    core.after_jump = false;
}

uint32_t core_pc(void)
{
    return core_get(UC_ARM_REG_PC);
}

bool core_is_asleep(void)
{
    return core.sleeping != AWAKE;
}

/* ---- Unicorn's callbacks ---- */

static uint64_t on_private_read(uc_engine *uc, uint64_t offset, unsigned size, void *context)
{
    (void)uc;
    (void)context;
    const uint32_t word = private_read((uint32_t)offset & ~3u);
    const unsigned shift = 8 * ((unsigned)offset & 3u);
    return size == 4 ? word : (word >> shift) & ((1u << (8 * size)) - 1u);
}

static void on_private_write(uc_engine *uc, uint64_t offset, unsigned size, uint64_t value, void *context)
{
    (void)uc;
    (void)context;
    private_store((uint32_t)offset, size, (uint32_t)value);
}

static uint64_t on_soc_read(uc_engine *uc, uint64_t offset, unsigned size, void *context)
{
    (void)uc;
    const uint32_t address = (uint32_t)(uintptr_t)context + (uint32_t)offset;
    const uint32_t word = soc_read(address & ~3u);
    const unsigned shift = 8 * (address & 3u);
    return size == 4 ? word : (word >> shift) & ((1u << (8 * size)) - 1u);
}

static void on_soc_write(uc_engine *uc, uint64_t offset, unsigned size, uint64_t value, void *context)
{
    (void)uc;
    const uint32_t address = (uint32_t)(uintptr_t)context + (uint32_t)offset;
    if (size == 4) {
        soc_write(address, (uint32_t)value);
    } else {
        soc_write_narrow(address, size, (uint32_t)value);
    }
}

static void stop_with(stop_t cause)
{
    stop = cause;
    uc_emu_stop(core.engine);
}

static void on_block(uc_engine *uc, uint64_t address, uint32_t size, void *context)
{
    (void)uc;
    (void)context;
    if (machine_cycles >= alarm_next() || core.stop_requested || exception_takeable(true) != 0) {
        stop_with(DEADLINE); /* this block is not executed now */
        return;
    }
    const block_t block = blocks_find((uint32_t)address, size / 2);
    const bool branched = address != core.previous_end || core.after_jump;
    machine_cycles += block.cycles + (branched ? COST_TAKEN_BRANCH : 0u);
    machine_cycles -= !branched && core.after_load && block.begins_with_load ? 1u : 0u;
    core_statistics.instructions += block.num_instructions;
    core.event_register = core.event_register || block.sends_event;
    core.previous_end = (uint32_t)address + size;
    core.after_load = block.ends_with_load;
    core.after_jump = block.ends_with_jump;
}

static void on_interrupt(uc_engine *uc, uint32_t number, void *context)
{
    (void)uc;
    (void)context;
    enum {
        UDEF = 1,
        SWI = 2,
        BKPT = 7,
        EXCEPTION_EXIT = 8
    };
    stop_with(number == SWI              ? SUPERVISOR_CALL
              : number == BKPT           ? BREAKPOINT
              : number == EXCEPTION_EXIT ? EXCEPTION_RETURN
                                         : UNDEFINED);
}

static bool on_bad_memory(uc_engine *uc, uc_mem_type type, uint64_t address, int size, int64_t value,
                          void *context)
{
    (void)uc;
    (void)size;
    (void)value;
    (void)context;
    core.fault_address = (uint32_t)address;
    stop = type == UC_MEM_WRITE_PROT                                    ? FLASH_WRITE
           : type == UC_MEM_WRITE_UNMAPPED                              ? STORE_FAULT
           : type == UC_MEM_FETCH_UNMAPPED || type == UC_MEM_FETCH_PROT ? FETCH_FAULT
                                                                        : LOAD_FAULT;
    return false;
}

/* ---- running ---- */

static void must(uc_err error, const char *what)
{
    if (error != UC_ERR_OK) {
        fprintf(stderr, "unicorn: %s: %s\n", what, uc_strerror(error));
        exit(2);
    }
}

void core_init(void)
{
    must(uc_open(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS, &core.engine), "open");
    must(uc_ctl_set_cpu_model(core.engine, UC_CPU_ARM_CORTEX_M4), "cpu model");
    must(blocks_init() ? UC_ERR_OK : UC_ERR_NOMEM, "memory");
    must(uc_mem_map(core.engine, CHIP.flash_start, CHIP.flash_bytes, UC_PROT_READ | UC_PROT_EXEC), "flash");
    for (unsigned i = 0; i < MAX_REGIONS && CHIP.regions[i].bytes > 0; ++i) {
        const uint32_t start = CHIP.regions[i].start, bytes = CHIP.regions[i].bytes;
        void *context = (void *)(uintptr_t)start;
        must(CHIP.regions[i].kind == MEMORY_PERIPHERALS
                 ? uc_mmio_map(core.engine, start, bytes, on_soc_read, context, on_soc_write, context)
                 : uc_mem_map(core.engine, start, bytes,
                              CHIP.regions[i].kind == MEMORY_RAM ? UC_PROT_ALL : UC_PROT_READ),
             "region");
    }
    must(
        uc_mmio_map(core.engine, PRIVATE_START, PRIVATE_BYTES, on_private_read, NULL, on_private_write, NULL),
        "private");
    static uc_hook hooks[3];
    must(uc_hook_add(core.engine, &hooks[0], UC_HOOK_BLOCK, (void *)on_block, NULL, 1, 0), "block hook");
    must(uc_hook_add(core.engine, &hooks[1], UC_HOOK_INTR, (void *)on_interrupt, NULL, 1, 0),
         "interrupt hook");
    must(uc_hook_add(core.engine, &hooks[2],
                     UC_HOOK_MEM_READ_UNMAPPED | UC_HOOK_MEM_WRITE_UNMAPPED | UC_HOOK_MEM_FETCH_UNMAPPED |
                         UC_HOOK_MEM_WRITE_PROT | UC_HOOK_MEM_READ_PROT | UC_HOOK_MEM_FETCH_PROT,
                     (void *)on_bad_memory, NULL, 1, 0),
         "memory hook");
    private_init();
}

static uint32_t boot_address;

void core_boot_from(uint32_t address)
{
    boot_address = address;
}

void core_reset(void)
{
    exceptions_reset();
    private_reset();
    core.sleeping = AWAKE;
    core.event_register = core.stop_requested = false;
    core_set(UC_ARM_REG_XPSR, XPSR_THUMB);
    core_set(UC_ARM_REG_PRIMASK, 0);
    core_set(UC_ARM_REG_BASEPRI, 0);
    core_set(UC_ARM_REG_FAULTMASK, 0);
    core_set(UC_ARM_REG_CONTROL, 0);
    core_set(UC_ARM_REG_SP, core_load(boot_address));
    core_set(UC_ARM_REG_LR, 0xFFFFFFFFu);
    core_go_to(core_load(boot_address + 4) & ~1u);
}

/* Peripherals and their DMA go on meanwhile. */
void core_stall(uint64_t cycles)
{
    const uint64_t until = machine_cycles + cycles;
    while (alarm_next() <= until) {
        machine_cycles = alarm_next() > machine_cycles ? alarm_next() : machine_cycles;
        alarms_ring();
    }
    machine_cycles = until;
}

static uint64_t taken_until;
static bool taken_asleep; /* the firmware slept when the core was taken from it */

void core_take(uint64_t until_cycles)
{
    taken_until = until_cycles;
    taken_asleep = core.sleeping != AWAKE;
}

void core_send_event(void)
{
    core.event_register = true;
}

void core_request_stop(void)
{
    core.stop_requested = true;
}

/* A store to flash: executed alone, with the page writable, then only ones become zeros. */
static void write_flash(void)
{
    uint64_t stall = 0;
    if (!soc_flash_write_allowed(&stall)) {
        exception_fault(BUS_FAULT, 1u << 10); /* IMPRECISERR */
        return;
    }
    const uint32_t page = core.fault_address & ~(FLASH_BLOCK_BYTES - 1u);
    static uint8_t before[FLASH_BLOCK_BYTES], after[FLASH_BLOCK_BYTES];
    memory_read(page, before, sizeof before);
    must(uc_mem_protect(core.engine, page, FLASH_BLOCK_BYTES, UC_PROT_ALL), "protect");
    stop = RUNNING;
    const uc_err error = uc_emu_start(core.engine, core.next_pc | 1u, UINT64_MAX, 0, 1);
    must(uc_mem_protect(core.engine, page, FLASH_BLOCK_BYTES, UC_PROT_READ | UC_PROT_EXEC), "protect");
    must(error, "store to flash");
    core_go_to(core_pc());
    memory_read(page, after, sizeof after);
    for (unsigned i = 0; i < sizeof after; ++i) {
        after[i] &= before[i];
    }
    supply_during_write(before, after, sizeof after);
    memory_write(page, after, sizeof after);
    blocks_forget(page, FLASH_BLOCK_BYTES);
    core_stall(stall);
}

static void sleep_until_something(uint64_t until)
{
    private_pause();
    const uint64_t wake = alarm_next() < until ? alarm_next() : until;
    const uint64_t slept = wake > machine_cycles ? wake - machine_cycles : 0;
    core_statistics.sleep_cycles += slept;
    machine_cycles += slept;
    private_resume(slept);
}

static void execute(void)
{
    stop = RUNNING;
    const uc_err error = uc_emu_start(core.engine, core.next_pc | 1u, UINT64_MAX, 0, 0);
    core.next_pc = core_pc();
    switch (stop) {
    case DEADLINE: return;
    case SUPERVISOR_CALL:
        if (exception_group(SVCALL) < exception_limit(true)) {
            exception_take(SVCALL);
        } else {
            exception_fault(SVCALL, 0); /* cannot run now: a hard fault */
        }
        return;
    case EXCEPTION_RETURN: exception_return(core.next_pc | 1u); return;
    case FLASH_WRITE: write_flash(); return;
    case LOAD_FAULT:
    case STORE_FAULT:
        scb.fault_status_address = core.fault_address;
        exception_fault(BUS_FAULT, (1u << 9) | (1u << 15)); /* PRECISERR, BFARVALID */
        return;
    case FETCH_FAULT:
        exception_fault(BUS_FAULT, 1u << 8); /* IBUSERR */
        return;
    case BREAKPOINT:
        outside_mistake("breakpoint instruction at pc %08x", core.next_pc);
        core_request_stop();
        return;
    case RUNNING:
    case UNDEFINED: break;
    }
    uint16_t last = 0;
    memory_read(core.next_pc - 2, &last, sizeof last);
    if (last == 0xBF30u) { /* WFI */
        core.sleeping = WAITING_FOR_INTERRUPT;
        return;
    }
    if (last == 0xBF20u) { /* WFE */
        core.sleeping = core.event_register ? AWAKE : WAITING_FOR_EVENT;
        core.event_register = false;
        return;
    }
    if (error != UC_ERR_OK || stop == UNDEFINED) {
        exception_fault(USAGE_FAULT, 1u << 16); /* UNDEFINSTR */
    }
}

void core_run(uint64_t until_cycles)
{
    core.stop_requested = false;
    while (machine_cycles < until_cycles && !core.stop_requested) {
        alarms_ring();
        const bool is_taken = machine_cycles < taken_until && nvic.num_active == 0;
        /* Other work does not mask the interrupts that a sleeper masks. */
        const unsigned exception = exception_takeable(!is_taken || !taken_asleep);
        if (exception != 0) {
            exception_take(exception);
        } else if (is_taken) {
            machine_cycles = alarm_next() < taken_until ? alarm_next() : taken_until;
        } else if (core.sleeping != AWAKE && exception_takeable(false) == 0 &&
                   !(core.sleeping == WAITING_FOR_EVENT && core.event_register)) {
            sleep_until_something(until_cycles);
        } else {
            core.event_register = core.event_register && core.sleeping != WAITING_FOR_EVENT;
            core.sleeping = AWAKE;
            execute();
        }
    }
}
