/* SPDX-License-Identifier: Apache-2.0 */
/* The nRF52840's peripherals, as far as this firmware uses them. Each is a page of registers; tasks, events, shortcuts,
 * interrupt masks and PPI work alike in all of them, and what is special is a few functions. */
#include <string.h>

#include "nrf52840.h"

const chip_t CHIP = {.name = "nrf52840",
                     .core_hz = CORE_HZ,
                     .flash_start = 0,
                     .flash_bytes = FLASH_BYTES,
                     .num_interrupts = 48,
                     .priority_mask = 0xE0,
                     .core_clock_sleeps = true,
                     .regions = {{0x10000000u, 0x2000u, MEMORY_READ_ONLY}, /* FICR, UICR */
                                 {RAM_START, RAM_BYTES, MEMORY_RAM},
                                 {0x40000000u, 0x70000u, MEMORY_PERIPHERALS},
                                 {0x50000000u, 0x1000u, MEMORY_PERIPHERALS}}};

enum {
    NUM_PLAIN = 6
};

static peripheral_t ppi, random_bits;
/* Registers without a function: vendor start-up code writes trims and workarounds there. */
static peripheral_t plain[NUM_PLAIN];

static peripheral_t *find(uint32_t address);

uint32_t *reg(peripheral_t *self, uint32_t offset)
{
    return &self->registers[offset / 4];
}

static void update_interrupt(peripheral_t *self)
{
    if (self->interrupt == NO_INTERRUPT) {
        return;
    }
    bool high = false;
    const uint32_t mask = *reg(self, INTEN);
    for (unsigned i = 0; i < 32 && !high; ++i) {
        high = (mask >> i & 1u) != 0u && *reg(self, EVENTS + 4 * i) != 0u;
    }
    core_interrupt_line((unsigned)self->interrupt, high);
}

static void route(uint32_t event_address)
{
    enum {
        CHEN = 0x500,
        CHANNELS = 0x510,
        FORKS = 0x910,
        NUM_CHANNELS = 20
    };
    for (unsigned i = 0; i < NUM_CHANNELS; ++i) {
        if ((*reg(&ppi, CHEN) >> i & 1u) == 0u || *reg(&ppi, CHANNELS + 8 * i) != event_address) {
            continue;
        }
        const uint32_t ends[2] = {*reg(&ppi, CHANNELS + 8 * i + 4), *reg(&ppi, FORKS + 4 * i)};
        for (unsigned end = 0; end < 2; ++end) {
            peripheral_t *target = ends[end] != 0 ? find(ends[end]) : NULL;
            if (target != NULL) {
                run_task(target, ends[end] - target->base);
            }
        }
    }
}

void event(peripheral_t *self, uint32_t offset)
{
    *reg(self, offset) = 1;
    update_interrupt(self);
    route(self->base + offset);
}

bool shorted(peripheral_t *self, unsigned bit)
{
    return (*reg(self, SHORTS) >> bit & 1u) != 0u;
}

void run_task(peripheral_t *self, uint32_t offset)
{
    if (self->task != NULL) {
        self->task(self, offset);
    }
}

/* DMA of these peripherals reaches data RAM and nothing else. */
bool dma_ok(peripheral_t *self, uint32_t at, uint32_t num_bytes)
{
    if (num_bytes > 0 && (at < RAM_START || at - RAM_START + num_bytes > RAM_BYTES)) {
        outside_mistake("%s: DMA of %u bytes at %08x is not in RAM (pc %08x)", self->name, num_bytes, at,
                        core_pc());
        return false;
    }
    return true;
}

static void ppi_write(peripheral_t *self, uint32_t offset, uint32_t value)
{
    uint32_t *enable = reg(self, 0x500);
    if (offset == 0x504) {
        *enable |= value;
    } else if (offset == 0x508) {
        *enable &= ~value;
    }
}

static void random_task(peripheral_t *self, uint32_t offset)
{
    static uint32_t state = 12345;
    if (offset == 0) {
        state = state * 1664525u + 1013904223u;
        *reg(self, 0x508) = state >> 24;
        event(self, 0x100);
    }
}

/* ---- the bus ---- */

static peripheral_t *const PERIPHERALS[] = {
    &clock_power, &uarte0,   &gpiote,   &timers[0], &timers[1], &timers[2], &timers[3], &timers[4],
    &rtcs[0],     &rtcs[1],  &rtcs[2],  &watchdog,  &pdm,       &nvmc,      &ppi,       &random_bits,
    &plain[0],    &plain[1], &plain[2], &plain[3],  &plain[4],  &plain[5],  &usbd,
};

enum {
    NUM_PERIPHERALS = sizeof PERIPHERALS / sizeof *PERIPHERALS
};

static peripheral_t *find(uint32_t address)
{
    static peripheral_t *pages[128];
    const uint32_t page = (address - 0x40000000u) / PAGE_BYTES;
    if (page >= 128) {
        return NULL;
    }
    for (unsigned i = 0; i < NUM_PERIPHERALS && pages[page] == NULL; ++i) {
        pages[page] = PERIPHERALS[i]->base == (address & ~(PAGE_BYTES - 1u)) ? PERIPHERALS[i] : NULL;
    }
    return pages[page];
}

uint32_t soc_read(uint32_t address)
{
    if (address >= 0x50000000u) {
        const uint32_t offset = address & 0xFFFu;
        return offset >= 0x800u   ? gpio_read(1, offset - 0x800u)
               : offset >= 0x500u ? gpio_read(0, offset - 0x500u)
                                  : 0u;
    }
    peripheral_t *self = find(address);
    if (self == NULL) {
        outside_mistake("load from %08x, which the model has not (pc %08x)", address, core_pc());
        return 0;
    }
    const uint32_t offset = address - self->base;
    const uint32_t value = offset == INTENSET || offset == INTENCLR ? *reg(self, INTEN) : *reg(self, offset);
    return self->read != NULL ? self->read(self, offset, value) : value;
}

void soc_write(uint32_t address, uint32_t value)
{
    if (address >= 0x50000000u) {
        const uint32_t offset = address & 0xFFFu;
        gpio_write(offset >= 0x800u, offset - (offset >= 0x800u ? 0x800u : 0x500u), value);
        return;
    }
    peripheral_t *self = find(address);
    if (self == NULL) {
        outside_mistake("store to %08x, which the model has not (pc %08x)", address, core_pc());
        return;
    }
    const uint32_t offset = address - self->base;
    if (offset < TASKS_END) {
        if ((value & 1u) != 0u) {
            run_task(self, offset);
        }
        return;
    }
    if (offset == INTENSET || offset == INTENCLR) {
        const uint32_t old = *reg(self, INTEN);
        *reg(self, INTEN) = offset == INTENSET ? old | value : old & ~value;
    } else {
        *reg(self, offset) = value;
    }
    if (offset < EVENTS_END || (offset >= INTEN && offset <= INTENCLR)) {
        update_interrupt(self);
    }
    if (self->write != NULL) {
        self->write(self, offset, value);
    }
}

void soc_write_narrow(uint32_t address, unsigned size, uint32_t value)
{
    outside_mistake("store of %u bytes to the register %08x, which takes words (pc %08x)", size, address,
                    core_pc());
    soc_write(address & ~3u, value);
}

uint32_t errata_register(uint32_t offset)
{
    return *reg(&plain[5], offset);
}

/* ---- starting ---- */

void define(peripheral_t *self, uint32_t base, int interrupt, const char *name,
            void (*task)(peripheral_t *, uint32_t), void (*write)(peripheral_t *, uint32_t, uint32_t))
{
    *self = (peripheral_t){.base = base, .interrupt = interrupt, .name = name, .task = task, .write = write};
}

static void reset_peripherals(uint32_t reset_reason)
{
    clock_reset(reset_reason);
    uarte_reset();
    gpio_reset();
    counters_reset();
    pdm_reset();
    flash_reset();
    usb_reset();
    define(&random_bits, 0x4000D000u, 13, "RNG", random_task, NULL);
    define(&ppi, 0x4001F000u, NO_INTERRUPT, "PPI", NULL, ppi_write);
    static const uint32_t PLAIN[NUM_PLAIN] = {0x40005000u /* NFCT */, 0x40007000u /* SAADC */,
                                              0x4000C000u /* TEMP */, 0x4000F000u /* CCM */,
                                              0x40029000u /* QSPI */, 0x4006E000u /* errata */};
    for (unsigned i = 0; i < NUM_PLAIN; ++i) {
        define(&plain[i], PLAIN[i], NO_INTERRUPT, "plain", NULL, NULL);
    }
}

static uint32_t reset_wanted;
static bool reset_is_wanted;

void soc_request_reset(uint32_t reset_reason)
{
    reset_wanted = reset_reason;
    reset_is_wanted = true;
    core_request_stop();
}

bool soc_take_reset(uint32_t *reset_reason)
{
    *reset_reason = reset_wanted;
    const bool wanted = reset_is_wanted;
    reset_is_wanted = false;
    return wanted;
}

void alarm_with(alarm_t *alarm, void (*ring)(void *), void *context)
{
    alarm_register(alarm);
    alarm->ring = ring;
    alarm->context = context;
}

void soc_init(void)
{
    clock_init();
    uarte_init();
    counters_init();
    pdm_init();
    flash_init();
    usb_init();
    uint8_t information[0x2000];
    memset(information, 0xFF, sizeof information);
    const uint32_t facts[] = {0x10,  FLASH_PAGE_BYTES,
                              0x14,  FLASH_BYTES / FLASH_PAGE_BYTES,
                              0x100, 0x52840,
                              0x104, 0x41414430 /* "AAD0" */,
                              0x10C, 256,
                              0x110, 1024,
                              0x130, 0x8,
                              0x134, 0x5};
    for (unsigned i = 0; i < sizeof facts / sizeof *facts; i += 2) {
        memcpy(information + facts[i], &facts[i + 1], 4);
    }
    memory_write(0x10000000u, information, sizeof information);
}

void soc_reset(uint32_t reset_reason)
{
    reset_peripherals(reset_reason);
}
