/* SPDX-License-Identifier: Apache-2.0 */
/* DMA1 and DMA2 of the STM32F407: streams between memory and peripherals. */
#include "stm32f407.h"

enum {
    SxCR = 0x00,
    SxNDTR = 0x04,
    SxM0AR = 0x0C,
    SxM1AR = 0x10,
    FEIF = 1,
    TEIF = 8,
    HTIF = 16,
    TCIF = 32
};

static uint32_t dma_reload[2][8], dma_done[2][8];

static uint32_t stream_at(unsigned dma, unsigned stream)
{
    return DMA1 + dma * (DMA2 - DMA1) + 0x10u + 0x18u * stream;
}

static uint32_t *dma_flags(unsigned dma, unsigned stream)
{
    return reg(DMA1 + dma * (DMA2 - DMA1) + 4u * (stream / 4u));
}

static const uint8_t FLAG_SHIFTS[4] = {0, 6, 16, 22};

static void dma_interrupt(unsigned dma, unsigned stream)
{
    static const uint8_t NUMBERS[2][8] = {{11, 12, 13, 14, 15, 16, 17, 47}, {56, 57, 58, 59, 60, 68, 69, 70}};
    const uint32_t flags = *dma_flags(dma, stream) >> FLAG_SHIFTS[stream % 4u];
    const uint32_t control = *reg(stream_at(dma, stream) + SxCR);
    const bool high = ((flags & TCIF) != 0u && (control & 16u) != 0u) ||
                      ((flags & HTIF) != 0u && (control & 8u) != 0u) ||
                      ((flags & TEIF) != 0u && (control & 4u) != 0u);
    core_interrupt_line(NUMBERS[dma][stream], high);
}

static void dma_flag(unsigned dma, unsigned stream, uint32_t flag)
{
    *dma_flags(dma, stream) |= flag << FLAG_SHIFTS[stream % 4u];
    dma_interrupt(dma, stream);
}

bool dma_request(unsigned dma, unsigned stream, uint32_t channel, bool to_memory, uint32_t *item)
{
    const uint32_t at = stream_at(dma, stream);
    const uint32_t control = *reg(at + SxCR);
    if ((control & 1u) == 0u || (control >> 25 & 7u) != channel || ((control >> 6 & 3u) == 0u) != to_memory) {
        return false;
    }
    const bool second = (control >> 18 & 1u) != 0u && (control >> 19 & 1u) != 0u;
    const uint32_t size = 1u << (control >> 13 & 3u);
    const uint32_t memory = *reg(at + (second ? SxM1AR : SxM0AR)) +
                            ((control >> 10 & 1u) != 0u ? dma_done[dma][stream] * size : 0u);
    if (memory < 0x20000000u || memory >= 0x20020000u) {
        if (to_memory || memory < FLASH_START || memory >= FLASH_START + FLASH_BYTES) {
            outside_mistake("DMA%u stream %u: %08x is not memory that DMA reaches", dma + 1, stream, memory);
            *reg(at + SxCR) &= ~1u;
            dma_flag(dma, stream, TEIF);
            return false;
        }
    }
    if (to_memory) {
        memory_write(memory, item, size);
    } else {
        *item = 0;
        memory_read(memory, item, size);
    }
    ++dma_done[dma][stream];
    --*reg(at + SxNDTR);
    if (dma_done[dma][stream] == dma_reload[dma][stream] / 2u) {
        dma_flag(dma, stream, HTIF);
    }
    if (*reg(at + SxNDTR) == 0u) {
        dma_done[dma][stream] = 0;
        if ((control & (1u << 8 | 1u << 18)) != 0u) {
            *reg(at + SxNDTR) = dma_reload[dma][stream];
            *reg(at + SxCR) ^= (control >> 18 & 1u) << 19;
        } else {
            *reg(at + SxCR) &= ~1u;
        }
        if ((*dma_flags(dma, stream) >> FLAG_SHIFTS[stream % 4u] & TCIF) != 0u && (control & 16u) != 0u) {
            ++microphone_statistics.buffers_reused; /* the last one's interrupt is still to be served */
        }
        dma_flag(dma, stream, TCIF);
    }
    return true;
}

void dma_write(unsigned dma, uint32_t offset, uint32_t old, uint32_t value)
{
    if (offset == 0x08 || offset == 0x0C) { /* LIFCR, HIFCR */
        *reg(DMA1 + dma * (DMA2 - DMA1) + offset - 8u) &= ~value;
        for (unsigned i = 0; i < 4; ++i) {
            dma_interrupt(dma, i + (offset == 0x0C ? 4u : 0u));
        }
        return;
    }
    const unsigned stream = (offset - 0x10u) / 0x18u;
    if (offset < 0x10 || stream >= 8) {
        return;
    }
    const uint32_t at = stream_at(dma, stream);
    const uint32_t which = offset - 0x10u - 0x18u * stream;
    if (which == SxCR && (value & 1u) != 0u && (old & 1u) == 0u) {
        dma_reload[dma][stream] = *reg(at + SxNDTR);
        dma_done[dma][stream] = 0;
        if (*dma_flags(dma, stream) >> FLAG_SHIFTS[stream % 4u] & 0x3Du) {
            outside_mistake("DMA%u stream %u enabled with flags of its last transfer set", dma + 1, stream);
        }
    }
    if (which != SxCR && (*reg(at + SxCR) & 1u) != 0u) {
        const bool spare = (*reg(at + SxCR) >> 18 & 1u) != 0u &&
                           which == ((*reg(at + SxCR) >> 19 & 1u) != 0u ? SxM0AR : SxM1AR);
        if (!spare) {
            outside_mistake("DMA%u stream %u: register %02x written while enabled (pc %08x)", dma + 1, stream,
                            which, core_pc());
            *reg(at + which) = old;
        }
    }
    dma_interrupt(dma, stream);
}
