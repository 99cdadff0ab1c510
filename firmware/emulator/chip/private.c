/* SPDX-License-Identifier: Apache-2.0 */
/* The private peripherals at 0xE0000000: registers of the interrupt controller and system control, SysTick, the cycle
 * counter. */
#include <string.h>

#include "core.h"

scb_t scb;

static uint32_t dwt_control;
static uint64_t cycle_counter_zero;
static uint32_t systick_control, systick_reload;
static uint64_t systick_zero_at; /* when it next reaches 0 */
static alarm_t systick_alarm;

static uint32_t systick_left(void)
{
    if ((systick_control & 1u) == 0u || systick_zero_at == NEVER) {
        return 0;
    }
    return (uint32_t)((systick_zero_at - machine_cycles) % ((uint64_t)systick_reload + 1u));
}

static void systick_start(void)
{
    const bool runs = (systick_control & 1u) != 0u && systick_reload != 0u;
    systick_zero_at = runs ? machine_cycles + systick_reload + 1u : NEVER;
    alarm_set(&systick_alarm, systick_zero_at);
}

static void systick_ring(void *context)
{
    (void)context;
    systick_control |= 1u << 16; /* COUNTFLAG */
    if ((systick_control & 2u) != 0u) {
        exception_set_pending(SYSTICK, true);
    }
    systick_zero_at += (uint64_t)systick_reload + 1u;
    alarm_set(&systick_alarm, systick_zero_at);
}

void private_init(void)
{
    alarm_register(&systick_alarm);
    systick_alarm.ring = systick_ring;
}

void private_reset(void)
{
    scb = (scb_t){.vector_table = CHIP.flash_start, /* a chip that has it elsewhere shows it at 0 too */
                  .ccr = 0x200};
    dwt_control = systick_control = 0;
    systick_zero_at = NEVER;
    alarm_set(&systick_alarm, NEVER);
}

void private_pause(void)
{
    if (CHIP.core_clock_sleeps) {
        alarm_set(&systick_alarm, NEVER);
    }
}

void private_resume(uint64_t slept_cycles)
{
    cycle_counter_zero += slept_cycles;
    if (CHIP.core_clock_sleeps && systick_zero_at != NEVER) {
        systick_zero_at += slept_cycles;
        alarm_set(&systick_alarm, systick_zero_at);
    }
}

static uint32_t bits32(const bool *flags, unsigned word)
{
    uint32_t bits = 0;
    for (unsigned i = 0; i < 32 && 32 * word + i < CHIP.num_interrupts; ++i) {
        bits |= flags[16 + 32 * word + i] ? 1u << i : 0u;
    }
    return bits;
}

uint32_t private_read(uint32_t offset)
{
    if (offset >= 0xE100u && offset < 0xE300u) {
        const unsigned word = (offset & 0x1Fu) / 4u;
        return bits32(offset < 0xE200u ? nvic.enabled : nvic.pending, word);
    }
    if (offset >= 0xE300u && offset < 0xE400u) {
        uint32_t bits = 0;
        for (unsigned i = 0; i < 32; ++i) {
            const unsigned exception = 16 + 8 * (offset - 0xE300u) + i;
            bits |= exception < (16 + CHIP.num_interrupts) && exception_is_active(exception) ? 1u << i : 0u;
        }
        return bits;
    }
    if (offset >= 0xE400u && offset < 0xE400u + CHIP.num_interrupts) {
        uint32_t value;
        memcpy(&value, nvic.priority + 16 + (offset - 0xE400u), sizeof value);
        return value;
    }
    if (offset >= 0xED18u && offset < 0xED24u) {
        uint32_t value;
        memcpy(&value, nvic.priority + 4 + (offset - 0xED18u), sizeof value);
        return value;
    }
    switch (offset) {
    case 0x1000: return dwt_control | 0x40000000u;
    case 0x1004:
        return (dwt_control & 1u) != 0u && (scb.demcr & (1u << 24)) != 0u
                   ? (uint32_t)(machine_cycles - cycle_counter_zero)
                   : 0u;
    case 0xE004: return (CHIP.num_interrupts + 31) / 32 - 1;
    case 0xE010: {
        const uint32_t value = systick_control;
        systick_control &= ~(1u << 16);
        return value;
    }
    case 0xE014: return systick_reload;
    case 0xE018: return systick_left();
    case 0xED00: return 0x410FC241u;
    case 0xED04: {
        const unsigned first = exception_first_pending();
        return (nvic.num_active > 0 ? nvic.active[nvic.num_active - 1] : 0u) | first << 12 |
               (first >= 16 ? 1u << 22 : 0u) | (nvic.num_active <= 1 ? 1u << 11 : 0u) |
               (nvic.pending[SYSTICK] ? 1u << 26 : 0u) | (nvic.pending[PENDSV] ? 1u << 28 : 0u);
    }
    case 0xED08: return scb.vector_table;
    case 0xED0C: return 0xFA050000u | scb.prigroup << 8;
    case 0xED10: return scb.scr;
    case 0xED14: return scb.ccr;
    case 0xED24: return scb.shcsr;
    case 0xED28: return scb.cfsr;
    case 0xED2C: return scb.hfsr;
    case 0xED34:
    case 0xED38: return scb.fault_status_address;
    case 0xED88: return scb.cpacr;
    case 0xEDFC: return scb.demcr;
    default: return 0; /* no MPU, ITM, FPB; read as zero */
    }
}

/* The size of the vector table, rounded up to a power of two: what it is aligned to. */
static uint32_t vector_bytes(void)
{
    uint32_t bytes = 128;
    while (bytes < 4u * (16 + CHIP.num_interrupts)) {
        bytes *= 2;
    }
    return bytes;
}

static void private_write(uint32_t offset, uint32_t value)
{
    if (offset >= 0xE100u && offset < 0xE300u) {
        for (unsigned i = 0; i < 32; ++i) {
            const unsigned interrupt = 8 * (offset & 0x1Cu) + i;
            if ((value >> i & 1u) == 0u || interrupt >= CHIP.num_interrupts) {
                continue;
            }
            const bool on = (offset & 0x80u) == 0u;
            if (offset < 0xE200u) {
                nvic.enabled[16 + interrupt] = on;
            } else {
                exception_set_pending(16 + interrupt, on || (nvic.line[16 + interrupt] &&
                                                             !exception_is_active(16 + interrupt)));
            }
        }
        return;
    }
    switch (offset) {
    case 0x1000: dwt_control = value & 1u; return;
    case 0x1004: cycle_counter_zero = machine_cycles - value; return;
    case 0xE010:
        systick_control = value & 7u;
        systick_start();
        return;
    case 0xE014: systick_reload = value & 0xFFFFFFu; return;
    case 0xE018:
        systick_control &= ~(1u << 16);
        systick_start();
        return;
    case 0xED04:
        if ((value & (1u << 28)) != 0u) {
            exception_set_pending(PENDSV, true);
        }
        if ((value & (1u << 27)) != 0u) {
            exception_set_pending(PENDSV, false);
        }
        if ((value & (1u << 26)) != 0u) {
            exception_set_pending(SYSTICK, true);
        }
        if ((value & (1u << 25)) != 0u) {
            exception_set_pending(SYSTICK, false);
        }
        if ((value & (1u << 31)) != 0u) {
            exception_set_pending(NMI, true);
        }
        return;
    case 0xED08:
        scb.vector_table = value & 0x3FFFFF80u;
        if ((value & (vector_bytes() - 1u)) != 0u) {
            outside_mistake("VTOR %08x is not a multiple of %u", value, vector_bytes());
        }
        return;
    case 0xED0C:
        if (value >> 16 == 0x05FAu) {
            scb.prigroup = value >> 8 & 7u;
            if ((value & 4u) != 0u) {
                soc_request_reset(1u << 2); /* SREQ */
            }
        }
        return;
    case 0xED10: scb.scr = value; return;
    case 0xED14: scb.ccr = value; return;
    case 0xED24:
        scb.shcsr = value;
        nvic.enabled[MEMORY_FAULT] = (value & 1u << 16) != 0u;
        nvic.enabled[BUS_FAULT] = (value & 1u << 17) != 0u;
        nvic.enabled[USAGE_FAULT] = (value & 1u << 18) != 0u;
        return;
    case 0xED28: scb.cfsr &= ~value; return;
    case 0xED2C: scb.hfsr &= ~value; return;
    case 0xED88: scb.cpacr = value; return;
    case 0xEDFC: scb.demcr = value; return;
    case 0xEF00:
        if ((value & 0x1FFu) < CHIP.num_interrupts) {
            exception_set_pending(16 + (value & 0x1FFu), true);
        }
        return;
    default: return;
    }
}

/* Priorities can be written by byte, halfword and word. */
void private_store(uint32_t offset, unsigned size, uint32_t value)
{
    uint8_t *at = NULL;
    if (offset >= 0xE400u && offset + size <= 0xE400u + CHIP.num_interrupts) {
        at = nvic.priority + 16 + (offset - 0xE400u);
    } else if (offset >= 0xED18u && offset + size <= 0xED24u) {
        at = nvic.priority + 4 + (offset - 0xED18u);
    } else {
        private_write(offset, value);
        return;
    }
    for (unsigned i = 0; i < size; ++i) {
        at[i] = (uint8_t)(value >> (8 * i)) & CHIP.priority_mask;
    }
}
