/* SPDX-License-Identifier: Apache-2.0 */
/* PDM of the nRF52840: the microphone by DMA. The decimation of the chip is not modelled: samples are samples. */
#include <math.h>

#include "nrf52840.h"

peripheral_t pdm;

enum {
    PDM_STARTED = 0x100,
    PDM_STOPPED = 0x104,
    PDM_END = 0x108,
    PDM_ENABLE = 0x500,
    PDMCLKCTRL = 0x504,
    PDM_MODE = 0x508,
    GAINL = 0x518,
    RATIO = 0x520,
    PSEL_CLK = 0x540,
    PSEL_DIN = 0x544,
    SAMPLE_PTR = 0x560,
    SAMPLE_MAXCNT = 0x564,
    PIECE_SAMPLES = 16 /* DMA is modelled in pieces of a millisecond */
};

static struct {
    bool running, stopping, pointer_written;
    uint32_t at, left;
    alarm_t alarm;
} pdm_state;

microphone_statistics_t microphone_statistics;

static void pdm_run(bool on)
{
    pdm_state.running = on;
    duty_set(&duties.microphone, on);
}

static uint64_t sample_cycles(void)
{
    const uint32_t divider = (uint32_t)((UINT64_C(1) << 32) / *reg(&pdm, PDMCLKCTRL));
    return 2u * (uint64_t)divider * (*reg(&pdm, RATIO) != 0u ? 80u : 64u);
}

static uint32_t bytes_per_step(void)
{
    return (*reg(&pdm, PDM_MODE) & 1u) != 0u ? 2u : 4u;
}

static uint32_t steps_in(uint32_t num_samples)
{
    return (*reg(&pdm, PDM_MODE) & 1u) != 0u ? num_samples : num_samples / 2u;
}

static void pdm_schedule(void)
{
    const uint32_t piece = pdm_state.left < PIECE_SAMPLES ? pdm_state.left : PIECE_SAMPLES;
    alarm_set(&pdm_state.alarm, machine_cycles + (piece > 0 ? piece : 1u) * sample_cycles());
}

static bool pdm_begin_buffer(void)
{
    pdm_state.at = *reg(&pdm, SAMPLE_PTR);
    pdm_state.left = steps_in(*reg(&pdm, SAMPLE_MAXCNT) & 0x7FFFu);
    if (!pdm_state.pointer_written) {
        ++microphone_statistics.buffers_reused;
    }
    pdm_state.pointer_written = false;
    if (pdm_state.left == 0 || !dma_ok(&pdm, pdm_state.at, pdm_state.left * bytes_per_step())) {
        outside_mistake("PDM starts a buffer of %u samples at %08x", pdm_state.left, pdm_state.at);
        pdm_run(false);
        return false;
    }
    event(&pdm, PDM_STARTED);
    return true;
}

static void pdm_convert(uint32_t steps)
{
    double sound[PIECE_SAMPLES];
    const double gain = pow(10.0, ((double)*reg(&pdm, GAINL) - 0x28) / 40.0); /* half decibels */
    outside_sound(sound, steps, (double)CORE_HZ / (double)sample_cycles());
    for (uint32_t i = 0; i < steps; ++i) {
        const double value = fmax(-32768.0, fmin(32767.0, round(gain * sound[i])));
        const int16_t pair[2] = {(int16_t)value, 0};
        memory_write(pdm_state.at, pair, bytes_per_step());
        pdm_state.at += bytes_per_step();
    }
    pdm_state.left -= steps;
    microphone_statistics.samples += steps;
}

static void pdm_ring(void *context)
{
    (void)context;
    if (!pdm_state.running) {
        return;
    }
    pdm_convert(pdm_state.left < PIECE_SAMPLES ? pdm_state.left : PIECE_SAMPLES);
    if (pdm_state.stopping) {
        pdm_state.stopping = false;
        pdm_run(false);
        event(&pdm, PDM_END);
        event(&pdm, PDM_STOPPED);
        return;
    }
    if (pdm_state.left == 0) {
        event(&pdm, PDM_END);
        if (!pdm_begin_buffer()) {
            return;
        }
    }
    pdm_schedule();
}

static void pdm_task(peripheral_t *self, uint32_t offset)
{
    if (*reg(self, PDM_ENABLE) == 0u) {
        outside_mistake("PDM task %03x while disabled (pc %08x)", offset, core_pc());
        return;
    }
    if (offset == 0x000 && !pdm_state.running) {
        need_pin(self, PSEL_CLK, "CLK", true);
        need_pin(self, PSEL_DIN, "DIN", false);
        if (!hfxo_runs()) {
            outside_mistake(
                "PDM started without the crystal oscillator: its clock is off by up to 8 %% and jitters");
        }
        pdm_run(true);
        pdm_state.stopping = false;
        outside_sound_start();
        if (pdm_begin_buffer()) {
            pdm_schedule();
        }
    } else if (offset == 0x004 && pdm_state.running) {
        pdm_state.stopping = true;
        alarm_set(&pdm_state.alarm, machine_cycles + sample_cycles());
    }
}

static void pdm_write(peripheral_t *self, uint32_t offset, uint32_t value)
{
    if (offset == SAMPLE_PTR) {
        pdm_state.pointer_written = true;
    }
    if (offset == PDMCLKCTRL && value < 0x08000000u) {
        outside_mistake("PDMCLKCTRL %08x is none of the documented values", value);
        *reg(self, PDMCLKCTRL) = 0x08400000u;
    }
    if (offset == PDM_ENABLE && (value & 1u) == 0u) {
        pdm_run(false);
        alarm_set(&pdm_state.alarm, NEVER);
    }
}

void pdm_init(void)
{
    alarm_with(&pdm_state.alarm, pdm_ring, NULL);
}

void pdm_reset(void)
{
    define(&pdm, 0x4001D000u, 29, "PDM", pdm_task, pdm_write);
    *reg(&pdm, PDMCLKCTRL) = 0x08400000u;
    *reg(&pdm, GAINL) = *reg(&pdm, GAINL + 4) = 0x28;
    *reg(&pdm, PSEL_CLK) = *reg(&pdm, PSEL_DIN) = 0xFFFFFFFFu;
    alarm_set(&pdm_state.alarm, NEVER);
    pdm_run(false);
}
