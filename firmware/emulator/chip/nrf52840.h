/* SPDX-License-Identifier: Apache-2.0 */
/* What the peripherals of the nRF52840 share: each is a page of registers with tasks, events and shortcuts. */
#ifndef KWS_EMULATOR_NRF52840_H
#define KWS_EMULATOR_NRF52840_H

#include "machine.h"

enum {
    PAGE_BYTES = 0x1000,
    TASKS_END = 0x100,
    EVENTS = 0x100,
    EVENTS_END = 0x200,
    SHORTS = 0x200,
    INTEN = 0x300,
    INTENSET = 0x304,
    INTENCLR = 0x308,
    NO_INTERRUPT = -1,
    CORE_HZ = 64000000,
    CYCLES_PER_US = CORE_HZ / 1000000,
    LF_HZ = 32768,
    FLASH_BYTES = 1024 * 1024,
    FLASH_PAGE_BYTES = 4096,
    RAM_START = 0x20000000,
    RAM_BYTES = 256 * 1024
};

typedef struct peripheral_s peripheral_t;

struct peripheral_s {
    uint32_t base;
    int interrupt;
    const char *name;
    void (*task)(peripheral_t *self, uint32_t offset);
    void (*write)(peripheral_t *self, uint32_t offset,
                  uint32_t value); /* after the register took the value */
    uint32_t (*read)(peripheral_t *self, uint32_t offset, uint32_t value);
    void *state;
    uint32_t registers[PAGE_BYTES / 4];
};

extern peripheral_t clock_power, uarte0, gpiote, timers[5], rtcs[3], watchdog, pdm, nvmc, usbd;

uint32_t *reg(peripheral_t *self, uint32_t offset);
void event(peripheral_t *self, uint32_t offset); /* sets it, interrupts, routes it over PPI */
bool shorted(peripheral_t *self, unsigned bit);
bool dma_ok(peripheral_t *self, uint32_t at, uint32_t num_bytes);
void run_task(peripheral_t *self, uint32_t offset);
void define(peripheral_t *self, uint32_t base, int interrupt, const char *name,
            void (*task)(peripheral_t *, uint32_t), void (*write)(peripheral_t *, uint32_t, uint32_t));
void alarm_with(alarm_t *alarm, void (*ring)(void *), void *context);
uint32_t errata_register(uint32_t offset); /* of the undocumented page 0x4006E000 */

/* nrf52840_gpio.c */
typedef struct {
    uint32_t out, dir, pin_cnf[32];
    uint32_t latch;
    uint32_t driven, level; /* from outside */
} port_t;

extern port_t ports[2];

uint32_t gpio_read(unsigned port, uint32_t offset);
void gpio_write(unsigned port, uint32_t offset, uint32_t value);
/* Says so when the pin in a PSEL register is not what the peripheral needs. */
void need_pin(peripheral_t *self, uint32_t psel_offset, const char *what, bool output);
void gpio_reset(void);

/* nrf52840_clock.c */
extern bool lf_forced; /* the watchdog runs the low-frequency clock by itself */

bool hfxo_runs(void);
bool lf_runs(void);
bool usb_cable_is_in(void);
void clock_init(void);
void clock_reset(uint32_t reset_reason);

/* nrf52840_uarte.c, _pdm.c, _counters.c, _flash.c; nrf52840_usb.c: the device and the host at the end of its cable */
void uarte_init(void);
void uarte_reset(void);
void pdm_init(void);
void pdm_reset(void);
void counters_init(void);
void counters_reset(void);
void flash_init(void);
void flash_reset(void);
void usb_init(void);
void usb_reset(void);

#endif
