/* SPDX-License-Identifier: Apache-2.0 */
/* TIM2, TIM3 and the independent watchdog of the STM32F407. */
#include "stm32f407.h"

static struct {
    uint64_t zero_cycles;
    alarm_t alarm;
} timers[2];

static uint64_t timer_tick_cycles(unsigned i)
{
    const uint32_t bus = divider(APB1_SHIFT);
    return (uint64_t)(bus == 1u ? 1u : bus / 2u) * (*reg(TIM2 + i * BLOCK + 0x28) + 1u);
}

static void timer_schedule(unsigned i)
{
    const uint32_t base = TIM2 + i * BLOCK;
    const uint64_t period = timer_tick_cycles(i) * ((uint64_t)*reg(base + 0x2C) + 1u);
    const bool rings = (*reg(base) & 1u) != 0u && (*reg(base + 0x0C) & 1u) != 0u;
    alarm_set(&timers[i].alarm, rings ? timers[i].zero_cycles +
                                            ((machine_cycles - timers[i].zero_cycles) / period + 1u) * period
                                      : NEVER);
}

static void timer_interrupt(unsigned i)
{
    const uint32_t base = TIM2 + i * BLOCK;
    core_interrupt_line(28 + i, (*reg(base + 0x10) & *reg(base + 0x0C) & 1u) != 0u);
}

static void timer_ring(void *context)
{
    const unsigned i = (unsigned)(uintptr_t)context;
    *reg(TIM2 + i * BLOCK + 0x10) |= 1u;
    timer_interrupt(i);
    timer_schedule(i);
}

void timer_write(unsigned i, uint32_t offset, uint32_t old, uint32_t value)
{
    const uint32_t base = TIM2 + i * BLOCK;
    if ((offset == 0x00 && (value & 1u) != 0u && (old & 1u) == 0u) ||
        (offset == 0x14 && (value & 1u) != 0u)) {
        timers[i].zero_cycles = machine_cycles;
    } else if (offset == 0x24) {
        timers[i].zero_cycles = machine_cycles - value * timer_tick_cycles(i);
    } else if (offset == 0x10) {
        *reg(base + 0x10) = old & value;
    }
    timer_interrupt(i);
    timer_schedule(i);
}

uint32_t timer_value(unsigned i)
{
    const uint32_t base = TIM2 + i * BLOCK;
    const uint64_t period = (uint64_t)*reg(base + 0x2C) + 1u;
    return (*reg(base) & 1u) == 0u
               ? *reg(base + 0x24)
               : (uint32_t)((machine_cycles - timers[i].zero_cycles) / timer_tick_cycles(i) % period);
}

static alarm_t watchdog_alarm;
static bool watchdog_runs;

static void watchdog_ring(void *context)
{
    (void)context;
    soc_request_reset(1u << 29);
}

void watchdog_write(uint32_t offset, uint32_t value)
{
    watchdog_runs = watchdog_runs || (offset == 0 && value == 0xCCCCu);
    if (watchdog_runs && offset == 0 && (value == 0xCCCCu || value == 0xAAAAu)) {
        const uint64_t ticks = ((uint64_t)(*reg(IWDG + 8) & 0xFFFu) + 1u) * (4u << (*reg(IWDG + 4) & 7u));
        alarm_set(&watchdog_alarm, machine_cycles + ticks * CORE_HZ / 32000u);
    }
}

void timers_init(void)
{
    for (unsigned i = 0; i < 2; ++i) {
        alarm_with(&timers[i].alarm, timer_ring, (void *)(uintptr_t)i);
    }
    alarm_with(&watchdog_alarm, watchdog_ring, NULL);
}

void timers_reset(void)
{
    for (unsigned i = 0; i < 2; ++i) {
        alarm_set(&timers[i].alarm, NEVER);
        *reg(TIM2 + i * BLOCK + 0x2C) = i == 0 ? 0xFFFFFFFFu : 0xFFFFu;
    }
    alarm_set(&watchdog_alarm, NEVER);
    watchdog_runs = false;
}
