/* SPDX-License-Identifier: Apache-2.0 */
#include "microphone.h"

#include "clock.h"
#include "cortex_m.h"
#include "kws_audio.h"
#include "nrf52840.h"
#include "pins.h"

enum {
    BLOCK = NRF52_MICROPHONE_BLOCK_SAMPLES,
    CAPACITY = NRF52_MICROPHONE_BLOCK_SAMPLES * NRF52_MICROPHONE_BLOCKS,
    WAKE_SAMPLES = 256, /* 16 ms: the main loop need not turn for less */
    PPI_STARTED = 2
};

static int16_t samples[CAPACITY];
static kws_audio_ring_t ring;
static uint32_t filling; /* position in the stream of the block that DMA fills */
static uint32_t next;    /* of the one it was told to fill after that; the same again when there is no room */
static uint32_t starts;  /* blocks begun, as this driver has seen them */
static uint32_t lost;    /* samples that the ring does not know of yet: it tells of one gap at a time */
static uint32_t told;    /* position up to which the main loop was woken for */
static volatile bool running;

/* DMA takes a block's address when the block before is full and says STARTED; that is the time to name the one after.
 * A block is given only when the main loop is through with what lies there, and knows of all that was lost before it.
 * Until then the same one is filled again and again: sound is lost and counted, never mixed into what is being read. */
static void give_next(void)
{
    const uint32_t after = filling + BLOCK;
    const bool free = after + BLOCK - ring.read <= CAPACITY && lost == 0u;
    next = free ? after : filling;
    PDM_SAMPLE_PTR = (uint32_t)(uintptr_t)(samples + next % CAPACITY);
}

/* A gap that lies elsewhere must have been taken before the ring can tell of this one. */
static void tell_lost(void)
{
    if (lost > 0u && (!kws_audio_ring_has_gap(&ring) || ring.gap == ring.written)) {
        kws_audio_ring_lose(&ring, lost);
        lost = 0;
    }
}

static uint32_t counted_starts(void)
{
    TIMER3_TASKS_CAPTURE(0) = 1;
    return TIMER3_CC(0);
}

void PDM_IRQHandler(void);
void PDM_IRQHandler(void)
{
    PDM_EVENTS_STARTED = 0;
    (void)PDM_EVENTS_STARTED; /* the clearing has arrived before the return */
    const uint32_t begun = counted_starts() - starts;
    if (!running || begun == 0u) {
        return;
    }
    starts += begun;
    if (next != filling) {
        kws_audio_ring_commit(&ring, BLOCK);
        filling = next;
    } else {
        lost += BLOCK;
    }
    /* Hardware counts too: so late that it began again before it was told where. */
    lost += (begun - 1u) * BLOCK;
    tell_lost();
    give_next();
    if (ring.written - told >= WAKE_SAMPLES) {
        told = ring.written;
        cortex_m_wake();
    }
}

static void connect_counter(void)
{
    TIMER3_MODE = TIMER3_MODE_MODE_LOWPOWERCOUNTER;
    TIMER3_BITMODE = TIMER3_BITMODE_BITMODE_32BIT;
    TIMER3_TASKS_CLEAR = 1;
    TIMER3_TASKS_START = 1;
    PPI_CH_EEP(PPI_STARTED) = (uint32_t)(uintptr_t)&PDM_EVENTS_STARTED;
    PPI_CH_TEP(PPI_STARTED) = (uint32_t)(uintptr_t)&TIMER3_TASKS_COUNT;
    PPI_CHENSET = 1u << PPI_STARTED;
}

void nrf52_microphone_start(const nrf52_microphone_t *microphone)
{
    (void)kws_audio_ring_init(&ring, samples, CAPACITY);
    nrf52_clock_start_crystal(); /* the RC oscillator is off by percents, and jitters */
    if (microphone->power_pin != NRF52_NO_PIN) {
        nrf52_pin_strong_output(microphone->power_pin, true);
    }
    nrf52_pin_output(microphone->clock_pin, false);
    nrf52_pin_input(microphone->data_pin, false);
    PDM_PSEL_CLK = microphone->clock_pin;
    PDM_PSEL_DIN = microphone->data_pin;
    PDM_PDMCLKCTRL = PDM_PDMCLKCTRL_FREQ_1280K; /* and a ratio of 80: 16,000 Hz exactly */
    PDM_RATIO = PDM_RATIO_RATIO_RATIO80;
    PDM_MODE = PDM_MODE_OPERATION_MONO | (microphone->left_on_rising ? PDM_MODE_EDGE_LEFTRISING : 0u);
    PDM_GAINL = microphone->gain_half_db;
    PDM_GAINR = microphone->gain_half_db;
    connect_counter();
    starts = 1;
    filling = lost = told = 0;
    PDM_SAMPLE_PTR = (uint32_t)(uintptr_t)samples;
    PDM_SAMPLE_MAXCNT = BLOCK;
    PDM_EVENTS_STARTED = 0;
    PDM_ENABLE = PDM_ENABLE_ENABLE;
    PDM_TASKS_START = 1;
    while (PDM_EVENTS_STARTED == 0u) {
    }
    PDM_EVENTS_STARTED = 0;
    give_next();
    running = true;
    PDM_INTENSET = PDM_INTENSET_STARTED;
    cortex_m_enable_interrupt(PDM_IRQ);
}

void nrf52_microphone_stop(const nrf52_microphone_t *microphone)
{
    if (!running) {
        return;
    }
    running = false;
    PDM_INTENCLR = PDM_INTENCLR_STARTED;
    PDM_EVENTS_STOPPED = 0;
    PDM_TASKS_STOP = 1;
    while (PDM_EVENTS_STOPPED == 0u) { /* at the end of a sample */
    }
    PDM_ENABLE = 0;
    TIMER3_TASKS_SHUTDOWN = 1; /* running or stopped only, it draws current (erratum 78) */
    if (microphone->power_pin != NRF52_NO_PIN) {
        nrf52_pin_set(microphone->power_pin, false);
    }
}

const int16_t *nrf52_microphone_peek(uint32_t *num_samples)
{
    return kws_audio_ring_peek(&ring, num_samples);
}

void nrf52_microphone_consume(uint32_t num_samples)
{
    kws_audio_ring_consume(&ring, num_samples);
}

uint32_t nrf52_microphone_take_lost(void)
{
    return kws_audio_ring_take_lost(&ring);
}
