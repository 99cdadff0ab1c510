/* SPDX-License-Identifier: Apache-2.0 */
/* CLOCK and POWER of the nRF52840: oscillators, reset reasons, the cable of the USB. */
#include "nrf52840.h"

peripheral_t clock_power;

enum {
    HFCLKSTARTED = 0x100,
    LFCLKSTARTED = 0x104,
    RESETREAS = 0x400,
    HFCLKRUN = 0x408,
    HFCLKSTAT = 0x40C,
    LFCLKRUN = 0x414,
    LFCLKSTAT = 0x418,
    SYSTEMOFF = 0x500,
    GPREGRET = 0x51C,
    GPREGRET2 = 0x520,
    LFCLKSRC = 0x518,
    USBDETECTED = 0x11C,
    USBREMOVED = 0x120,
    USBPWRRDY = 0x124,
    USBREGSTATUS = 0x438,
    USB_POWER_US = 2000,
    HFXO_START_US = 360,
    LFRC_START_US = 600,
    LFXO_START_US = 250000
};

static alarm_t hf_alarm, lf_alarm, cable_alarm;

static void cable_ready(void *context)
{
    (void)context;
    *reg(&clock_power, USBREGSTATUS) = 3;
    event(&clock_power, USBDETECTED);
    event(&clock_power, USBPWRRDY);
}

void soc_pull_cable(double out_s)
{
    outside_note("USB cable pulled for %g s", out_s);
    *reg(&clock_power, USBREGSTATUS) = 0;
    event(&clock_power, USBREMOVED);
    alarm_set(&cable_alarm, machine_cycles + (uint64_t)(out_s * CORE_HZ));
}

bool usb_cable_is_in(void)
{
    return *reg(&clock_power, USBREGSTATUS) != 0u;
}

bool lf_forced; /* the watchdog runs the low-frequency clock by itself */

static void hf_started(void *context)
{
    (void)context;
    *reg(&clock_power, HFCLKSTAT) = 0x10001;
    event(&clock_power, HFCLKSTARTED);
}

static void lf_started(void *context)
{
    (void)context;
    *reg(&clock_power, LFCLKSTAT) = 0x10000u | *reg(&clock_power, LFCLKSRC);
    event(&clock_power, LFCLKSTARTED);
}

bool hfxo_runs(void)
{
    return *reg(&clock_power, HFCLKSTAT) == 0x10001;
}

bool lf_runs(void)
{
    return lf_forced || *reg(&clock_power, LFCLKRUN) != 0u;
}

static void clock_task(peripheral_t *self, uint32_t offset)
{
    switch (offset) {
    case 0x000:
        *reg(self, HFCLKRUN) = 1;
        duty_set(&duties.crystal, true);
        alarm_set(&hf_alarm, machine_cycles + (hfxo_runs() ? 1u : HFXO_START_US * (uint64_t)CYCLES_PER_US));
        break;
    case 0x004:
        *reg(self, HFCLKRUN) = 0;
        duty_set(&duties.crystal, false);
        *reg(self, HFCLKSTAT) = 0x10000;
        alarm_set(&hf_alarm, NEVER);
        break;
    case 0x008:
        *reg(self, LFCLKRUN) = 1;
        alarm_set(&lf_alarm,
                  machine_cycles + (uint64_t)CYCLES_PER_US *
                                       ((*reg(self, LFCLKSRC) & 3u) == 1u ? LFXO_START_US : LFRC_START_US));
        break;
    case 0x00C:
        *reg(self, LFCLKRUN) = 0;
        *reg(self, LFCLKSTAT) = 0;
        alarm_set(&lf_alarm, NEVER);
        break;
    default: break;
    }
}

static uint32_t reset_reasons; /* kept over resets until cleared by writing ones */
static uint8_t retained[2];

static void clock_write(peripheral_t *self, uint32_t offset, uint32_t value)
{
    switch (offset) {
    case RESETREAS:
        reset_reasons &= ~value;
        *reg(self, RESETREAS) = reset_reasons;
        break;
    case GPREGRET:
    case GPREGRET2: retained[(offset - GPREGRET) / 4] = (uint8_t)value; break;
    case SYSTEMOFF:
        if ((value & 1u) != 0u) {
            core_request_stop();
        }
        break;
    default: break;
    }
}

void clock_init(void)
{
    alarm_with(&hf_alarm, hf_started, NULL);
    alarm_with(&lf_alarm, lf_started, NULL);
    alarm_with(&cable_alarm, cable_ready, NULL);
}

void clock_reset(uint32_t reset_reason)
{
    reset_reasons |= reset_reason;
    duty_set(&duties.crystal, false);
    lf_forced = false;
    define(&clock_power, 0x40000000u, 0, "CLOCK", clock_task, clock_write);
    *reg(&clock_power, HFCLKSTAT) = 0x10000;
    *reg(&clock_power, RESETREAS) = reset_reasons;
    *reg(&clock_power, GPREGRET) = retained[0];
    *reg(&clock_power, GPREGRET2) = retained[1];
    alarm_set(&hf_alarm, NEVER);
    alarm_set(&lf_alarm, NEVER);
    alarm_set(&cable_alarm,
              outside_has_usb() ? machine_cycles + USB_POWER_US * (uint64_t)CYCLES_PER_US : NEVER);
}
