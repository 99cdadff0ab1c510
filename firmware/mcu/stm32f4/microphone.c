/* SPDX-License-Identifier: Apache-2.0 */
#include "microphone.h"

#include <stdbool.h>

#include "clock.h"
#include "cortex_m.h"
#include "kws_audio.h"
#include "kws_pdm.h"
#include "pins.h"
#include "stm32f4.h"

/* Bits are sixteen times the bytes of samples, so they are made samples of in the interrupt, two milliseconds at a time,
 * at a priority below the serial line's: a ring of bits for the main loop would take more memory than all the rest. */
enum {
    HALF_WORDS = 256, /* 2 ms */
    HALF_SAMPLES = HALF_WORDS / KWS_PDM_WORDS_PER_SAMPLE,
    CAPACITY = 1024,
    WAKE_SAMPLES = 256, /* 16 ms: the main loop need not turn for less */
    GAIN_SHIFT = 3,     /* 18 dB */
    I2S_DIVIDER = 12,   /* and ODD: 51.2 MHz / 25 = 2.048 MHz */
    I2S_FUNCTION = 5,
    PRIORITY = 0x80
};

static uint16_t bits[2 * HALF_WORDS];
static int16_t samples[CAPACITY];
static kws_audio_ring_t ring;
static kws_pdm_t decimator;
static uint32_t told; /* position up to which the main loop was woken for */
static bool running;

/* Of a word that came before DMA had fetched the one before it; forgets it. */
static bool take_overrun(void)
{
    const bool there = (SPI2_SR & SPI2_SR_OVR) != 0u;
    if (there) {
        (void)SPI2_DR; /* these two, in this order, clear it */
        (void)SPI2_SR;
    }
    return there;
}

static void take_half(const uint16_t *half)
{
    const bool keep = !take_overrun() && !kws_audio_ring_has_gap(&ring) &&
                      ring.written - ring.read <= CAPACITY - HALF_SAMPLES;
    int16_t unread[HALF_SAMPLES]; /* it has a hole, or nobody has room for it, but the filters go on */
    kws_pdm_step(&decimator, half, HALF_WORDS, keep ? samples + ring.written % CAPACITY : unread);
    if (keep) {
        kws_audio_ring_commit(&ring, HALF_SAMPLES);
    } else {
        kws_audio_ring_lose(&ring, HALF_SAMPLES);
    }
    if (ring.written - told >= WAKE_SAMPLES) {
        told = ring.written;
        cortex_m_wake();
    }
}

static void stop_dma(void)
{
    DMA1_S3CR = 0;
    while ((DMA1_S3CR & DMA1_S3CR_EN) != 0u) {
    }
}

/* It is off. */
static void start_dma(void)
{
    DMA1_LIFCR =
        DMA1_LIFCR_CFEIF3 | DMA1_LIFCR_CDMEIF3 | DMA1_LIFCR_CTEIF3 | DMA1_LIFCR_CHTIF3 | DMA1_LIFCR_CTCIF3;
    DMA1_S3PAR = (uint32_t)(uintptr_t)&SPI2_DR;
    DMA1_S3M0AR = (uint32_t)(uintptr_t)bits;
    DMA1_S3NDTR = 2 * HALF_WORDS;
    const uint32_t control = DMA1_S3CR_PL | DMA1_S3CR_MSIZE | DMA1_S3CR_PSIZE | DMA1_S3CR_MINC |
                             DMA1_S3CR_CIRC | DMA1_S3CR_TCIE | DMA1_S3CR_HTIE |
                             DMA1_S3CR_TEIE; /* channel 0 is SPI2's */
    DMA1_S3CR = control;
    DMA1_S3CR = control | DMA1_S3CR_EN;
}

void DMA1_Stream3_IRQHandler(void);
void DMA1_Stream3_IRQHandler(void)
{
    const uint32_t flags = DMA1_LISR & (DMA1_LISR_TEIF3 | DMA1_LISR_HTIF3 | DMA1_LISR_TCIF3);
    DMA1_LIFCR = flags; /* the flags lie alike in both registers */
    if (flags == DMA1_LISR_HTIF3 || flags == DMA1_LISR_TCIF3) {
        take_half(flags == DMA1_LISR_HTIF3 ? bits : bits + HALF_WORDS);
    } else if (flags != 0u) { /* too late for one of them, and nobody knows which */
        kws_audio_ring_lose(&ring, 2 * HALF_SAMPLES);
        if ((flags & DMA1_LISR_TEIF3) != 0u) { /* or DMA has given up, and is off */
            start_dma();
        }
    }
}

void stm32f4_microphone_start(void)
{
    (void)kws_audio_ring_init(&ring, samples, CAPACITY);
    kws_pdm_init(&decimator, GAIN_SHIFT);
    told = 0;
    stm32f4_pin_alternate(STM32F4_PIN(B, 10), I2S_FUNCTION, false);
    stm32f4_pin_alternate(STM32F4_PIN(C, 3), I2S_FUNCTION, false);
    stm32f4_clock_start_i2s();
    stm32f4_clock_enable(&RCC_APB1ENR, RCC_APB1ENR_SPI2EN);
    stm32f4_clock_enable(&RCC_AHB1ENR, RCC_AHB1ENR_DMA1EN);
    stop_dma(); /* a bootloader may have left it on */
    start_dma();
    cortex_m_set_priority(DMA1_Stream3_IRQ, PRIORITY);
    cortex_m_enable_interrupt(DMA1_Stream3_IRQ);
    SPI2_I2SPR = I2S_DIVIDER | SPI2_I2SPR_ODD;
    SPI2_CR2 = SPI2_CR2_RXDMAEN;
    /* Master that receives 16-bit words back to back: its clock is the microphone's, its data line the bits. */
    const uint32_t receiver =
        SPI2_I2SCFGR_I2SMOD | SPI2_I2SCFGR_I2SCFG | SPI2_I2SCFGR_I2SSTD | SPI2_I2SCFGR_CKPOL;
    SPI2_I2SCFGR = receiver;
    SPI2_I2SCFGR = receiver | SPI2_I2SCFGR_I2SE;
    running = true;
}

void stm32f4_microphone_stop(void)
{
    if (!running) {
        return;
    }
    running = false;
    SPI2_I2SCFGR = 0;
    SPI2_CR2 = 0;
    stop_dma();
    RCC_CR &= ~RCC_CR_PLLI2SON;
}

const int16_t *stm32f4_microphone_peek(uint32_t *num_samples)
{
    return kws_audio_ring_peek(&ring, num_samples);
}

void stm32f4_microphone_consume(uint32_t num_samples)
{
    kws_audio_ring_consume(&ring, num_samples);
}

uint32_t stm32f4_microphone_take_lost(void)
{
    return kws_audio_ring_take_lost(&ring);
}
