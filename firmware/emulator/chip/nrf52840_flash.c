/* SPDX-License-Identifier: Apache-2.0 */
/* Flash controller and watchdog of the nRF52840. */
#include <string.h>

#include "nrf52840.h"

peripheral_t nvmc, watchdog;

enum {
    READY = 0x400,
    READYNEXT = 0x408,
    NVMC_CONFIG = 0x504,
    ERASEPAGE = 0x508,
    ERASEPARTIAL = 0x518,
    ERASEPARTIALCFG = 0x51C,
    ICACHECNF = 0x540,
    WRITE_US = 41,
    ERASE_MS = 85
};

static uint32_t erased_ms[FLASH_BYTES / FLASH_PAGE_BYTES];

static void erase_page(uint32_t address, uint32_t ms)
{
    uint32_t *so_far = &erased_ms[address / FLASH_PAGE_BYTES];
    core_stall((uint64_t)ms * 1000u * CYCLES_PER_US);
    *so_far += ms;
    if (*so_far >= ERASE_MS) {
        uint8_t ones[FLASH_PAGE_BYTES];
        memset(ones, 0xFF, sizeof ones);
        supply_during_erase(address & ~(FLASH_PAGE_BYTES - 1u), ones, sizeof ones);
        memory_write(address & ~(FLASH_PAGE_BYTES - 1u), ones, sizeof ones);
        *so_far = 0;
    }
}

static void nvmc_write(peripheral_t *self, uint32_t offset, uint32_t value)
{
    const bool erases = offset == ERASEPAGE || offset == ERASEPARTIAL;
    if (erases && (*reg(self, NVMC_CONFIG) != 2u || value >= FLASH_BYTES || value % FLASH_PAGE_BYTES != 0u)) {
        outside_mistake("NVMC erase of %08x refused: CONFIG is %u", value, *reg(self, NVMC_CONFIG));
    } else if (erases) {
        erase_page(value, offset == ERASEPAGE ? ERASE_MS : *reg(self, ERASEPARTIALCFG) & 0x7Fu);
    } else if (offset == ICACHECNF) {
        duty_set(&duties.cache, (value & 1u) != 0u);
    }
}

bool soc_flash_write_allowed(uint64_t *stall_cycles)
{
    *stall_cycles = (uint64_t)WRITE_US * CYCLES_PER_US;
    if (*reg(&nvmc, NVMC_CONFIG) != 1u) {
        outside_mistake("store to flash at pc %08x while NVMC is read-only", core_pc());
        return false;
    }
    return true;
}

/* ---- watchdog ---- */

enum {
    RUNSTATUS = 0x400,
    REQSTATUS = 0x404,
    CRV = 0x504,
    RREN = 0x508,
    RR = 0x600
};

static alarm_t watchdog_alarm;

static void watchdog_reload(void)
{
    *reg(&watchdog, REQSTATUS) = *reg(&watchdog, RREN);
    alarm_set(&watchdog_alarm, machine_cycles + ((uint64_t)*reg(&watchdog, CRV) + 1u) * CORE_HZ / LF_HZ);
}

static void watchdog_ring(void *context)
{
    (void)context;
    event(&watchdog, 0x100);
    soc_request_reset(1u << 1); /* DOG; the chip leaves two ticks for the interrupt, the model none */
}

static void watchdog_task(peripheral_t *self, uint32_t offset)
{
    if (offset == 0 && *reg(self, RUNSTATUS) == 0u) {
        *reg(self, RUNSTATUS) = 1;
        lf_forced = true;
        watchdog_reload();
    }
}

static void watchdog_write(peripheral_t *self, uint32_t offset, uint32_t value)
{
    if (offset >= RR && offset < RR + 32 && value == 0x6E524635u) {
        *reg(self, REQSTATUS) &= ~(1u << (offset - RR) / 4);
        if (*reg(self, REQSTATUS) == 0u) {
            watchdog_reload();
        }
    }
}

void flash_init(void)
{
    alarm_with(&watchdog_alarm, watchdog_ring, NULL);
}

void flash_reset(void)
{
    define(&nvmc, 0x4001E000u, NO_INTERRUPT, "NVMC", NULL, nvmc_write);
    *reg(&nvmc, READY) = *reg(&nvmc, READYNEXT) = 1;
    *reg(&nvmc, ERASEPARTIALCFG) = 10;
    duty_set(&duties.cache, false);
    define(&watchdog, 0x40010000u, 16, "WDT", watchdog_task, watchdog_write);
    *reg(&watchdog, CRV) = 0xFFFFFFFFu;
    *reg(&watchdog, RREN) = *reg(&watchdog, REQSTATUS) = 1;
    alarm_set(&watchdog_alarm, NEVER);
}
