/* SPDX-License-Identifier: Apache-2.0 */
/* TIMER0..4 and RTC0..2 of the nRF52840: counters with compare registers. */
#include "nrf52840.h"

peripheral_t timers[5], rtcs[3];

enum {
    COMPARE = 0x140,
    CC = 0x540,
    TIMER_MODE = 0x504,
    BITMODE = 0x508,
    TIMER_PRESCALER = 0x510,
    COUNTER = 0x504,
    RTC_PRESCALER = 0x508,
    EVTEN = 0x340
};

typedef struct {
    peripheral_t *self;
    bool is_rtc, runs;
    uint64_t zero_cycles; /* when the counter was 0 (running) */
    uint32_t stopped_at;  /* counter (not running) */
    uint32_t num_compares;
    alarm_t alarm;
} counter_t;

enum {
    NUM_COUNTERS = 8
};

static counter_t counters[NUM_COUNTERS];

/* Ticks of this counter in so many cycles, and the other way round, rounded up. */
static uint64_t to_ticks(const counter_t *counter, uint64_t cycles)
{
    if (counter->is_rtc) {
        return cycles * LF_HZ / CORE_HZ / (*reg(counter->self, RTC_PRESCALER) + 1u);
    }
    return cycles * 16u / CYCLES_PER_US >> *reg(counter->self, TIMER_PRESCALER);
}

static uint64_t to_cycles(const counter_t *counter, uint64_t ticks)
{
    if (counter->is_rtc) {
        return (ticks * (*reg(counter->self, RTC_PRESCALER) + 1u) * CORE_HZ + LF_HZ - 1u) / LF_HZ;
    }
    return (ticks << *reg(counter->self, TIMER_PRESCALER)) * CYCLES_PER_US / 16u;
}

static uint32_t counter_mask(const counter_t *counter)
{
    static const uint32_t MASKS[4] = {0xFFFFu, 0xFFu, 0xFFFFFFu, 0xFFFFFFFFu};
    return counter->is_rtc ? 0xFFFFFFu : MASKS[*reg(counter->self, BITMODE) & 3u];
}

static bool counts_events(const counter_t *counter)
{
    return !counter->is_rtc && *reg(counter->self, TIMER_MODE) != 0u;
}

static uint64_t counter_total(const counter_t *counter)
{
    return counter->runs && !counts_events(counter) ? to_ticks(counter, machine_cycles - counter->zero_cycles)
                                                    : counter->stopped_at;
}

static uint32_t counter_value(const counter_t *counter)
{
    return (uint32_t)counter_total(counter) & counter_mask(counter);
}

/* Interrupt enable or event routing lets an RTC's event exist at all. */
static bool compare_exists(const counter_t *counter, unsigned i)
{
    return !counter->is_rtc ||
           ((*reg(counter->self, EVTEN) | *reg(counter->self, INTEN)) >> (16 + i) & 1u) != 0u;
}

static void counter_schedule(counter_t *counter)
{
    uint64_t first = NEVER;
    if (counter->runs && !counts_events(counter)) {
        const uint64_t total = counter_total(counter);
        const uint64_t span = (uint64_t)counter_mask(counter) + 1u;
        for (unsigned i = 0; i < counter->num_compares; ++i) {
            const uint32_t now = (uint32_t)total & counter_mask(counter);
            uint64_t ahead = (*reg(counter->self, CC + 4 * i) - now) & counter_mask(counter);
            ahead = ahead == 0 ? span : ahead;
            const uint64_t at = counter->zero_cycles + to_cycles(counter, total + ahead);
            first = compare_exists(counter, i) && at < first ? at : first;
        }
        if (counter->is_rtc && ((*reg(counter->self, EVTEN) | *reg(counter->self, INTEN)) & 3u) != 0u) {
            const uint64_t at = counter->zero_cycles + to_cycles(counter, total + 1u);
            first = at < first ? at : first;
        }
    }
    alarm_set(&counter->alarm, first);
}

static void counter_clear(counter_t *counter)
{
    counter->zero_cycles = machine_cycles;
    counter->stopped_at = 0;
}

static void counter_stop(counter_t *counter)
{
    counter->stopped_at = counter_value(counter);
    counter->runs = false;
}

static void counter_compare(counter_t *counter)
{
    const uint32_t now = counter_value(counter);
    for (unsigned i = 0; i < counter->num_compares; ++i) {
        if (*reg(counter->self, CC + 4 * i) != now || !compare_exists(counter, i)) {
            continue;
        }
        if (!counter->is_rtc && shorted(counter->self, i)) {
            counter_clear(counter);
        }
        if (!counter->is_rtc && shorted(counter->self, 8 + i)) {
            counter_stop(counter);
        }
        event(counter->self, COMPARE + 4 * i);
    }
}

static void counter_ring(void *context)
{
    counter_t *counter = context;
    if (counter->is_rtc && ((*reg(counter->self, EVTEN) | *reg(counter->self, INTEN)) & 1u) != 0u) {
        event(counter->self, 0x100);
    }
    if (counter->is_rtc && counter_value(counter) == 0u &&
        ((*reg(counter->self, EVTEN) | *reg(counter->self, INTEN)) & 2u) != 0u) {
        event(counter->self, 0x104);
    }
    counter_compare(counter);
    counter_schedule(counter);
}

static void counter_task(peripheral_t *self, uint32_t offset)
{
    counter_t *counter = self->state;
    switch (offset) {
    case 0x000:
        if (counter->is_rtc && !lf_runs()) {
            outside_mistake("%s started, but the low-frequency clock is not", self->name);
            return;
        }
        if (!counter->runs) {
            counter->zero_cycles = machine_cycles - to_cycles(counter, counter->stopped_at);
            counter->runs = true;
        }
        break;
    case 0x004:
    case 0x010: counter_stop(counter); break;
    case 0x008:
        if (counter->is_rtc) {
            counter_clear(counter);
        } else if (counter->runs && counts_events(counter)) {
            counter->stopped_at = (counter->stopped_at + 1u) & counter_mask(counter);
            counter_compare(counter);
        }
        break;
    case 0x00C:
        if (counter->is_rtc) {
            counter->zero_cycles = machine_cycles - to_cycles(counter, 0xFFFFF0u);
        } else {
            counter_clear(counter);
        }
        break;
    default:
        if (!counter->is_rtc && offset >= 0x040 && offset < 0x058) {
            *reg(self, CC + (offset - 0x040)) = counter_value(counter);
        }
        break;
    }
    counter_schedule(counter);
}

static void counter_write(peripheral_t *self, uint32_t offset, uint32_t value)
{
    counter_t *counter = self->state;
    if (counter->is_rtc && (offset == EVTEN + 4 || offset == EVTEN + 8)) {
        const uint32_t old = *reg(self, EVTEN);
        *reg(self, EVTEN) = offset == EVTEN + 4 ? old | value : old & ~value;
    }
    if (offset >= INTEN) {
        counter_schedule(counter);
    }
    if (counter->is_rtc && counter->runs && offset >= CC && offset < CC + 16 &&
        ((value - counter_value(counter)) & 0xFFFFFFu) < 2u) {
        outside_mistake("%s: compare value %u is less than 2 ticks ahead of %u: silicon may miss it",
                        self->name, value, counter_value(counter));
    }
}

static uint32_t counter_read(peripheral_t *self, uint32_t offset, uint32_t value)
{
    const counter_t *counter = self->state;
    return counter->is_rtc && offset == COUNTER ? counter_value(counter) : value;
}

static void define_counter(unsigned index, peripheral_t *self, uint32_t base, int interrupt, const char *name,
                           bool is_rtc, uint32_t num_compares)
{
    define(self, base, interrupt, name, counter_task, counter_write);
    self->state = &counters[index];
    self->read = counter_read;
    counters[index].self = self;
    counters[index].is_rtc = is_rtc;
    counters[index].num_compares = num_compares;
}

void counters_init(void)
{
    for (unsigned i = 0; i < NUM_COUNTERS; ++i) {
        alarm_with(&counters[i].alarm, counter_ring, &counters[i]);
    }
}

void counters_reset(void)
{
    for (unsigned i = 0; i < NUM_COUNTERS; ++i) {
        alarm_set(&counters[i].alarm, NEVER);
        counters[i].runs = false;
        counters[i].stopped_at = 0;
    }
    define_counter(0, &timers[0], 0x40008000u, 8, "TIMER0", false, 4);
    define_counter(1, &timers[1], 0x40009000u, 9, "TIMER1", false, 4);
    define_counter(2, &timers[2], 0x4000A000u, 10, "TIMER2", false, 4);
    define_counter(3, &timers[3], 0x4001A000u, 26, "TIMER3", false, 6);
    define_counter(4, &timers[4], 0x4001B000u, 27, "TIMER4", false, 6);
    define_counter(5, &rtcs[0], 0x4000B000u, 11, "RTC0", true, 3);
    define_counter(6, &rtcs[1], 0x40011000u, 17, "RTC1", true, 4);
    define_counter(7, &rtcs[2], 0x40024000u, 36, "RTC2", true, 4);
    for (unsigned i = 0; i < 5; ++i) {
        *reg(&timers[i], TIMER_PRESCALER) = 4;
    }
}
