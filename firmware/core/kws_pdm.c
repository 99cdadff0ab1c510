/* SPDX-License-Identifier: Apache-2.0 */
#include "kws_pdm.h"

#include <string.h>

#include "dsp/kws_dsp.h"

enum {
    SUM_BITS = 10,
    SUM_MASK = (1 << SUM_BITS) - 1,
    SUM_MIDDLE = 256, /* of 0 .. 512 */
    FIRST_STEP = 8,
    SECOND_STEP = 2,
    FIRST_SHIFT = 8, /* +-256 in Q15 -> +-2^15 */
    SECOND_SHIFT = 15
};

void kws_pdm_init(kws_pdm_t *self, uint32_t gain_shift)
{
    memset(self, 0, sizeof *self);
    self->gain_shift = gain_shift;
}

static int16_t round_and_saturate(int32_t value, uint32_t shift)
{
    const int32_t rounded = (shift > 0u) ? (value + (1 << (shift - 1u))) >> shift : value;
    return (int16_t)(rounded > INT16_MAX ? INT16_MAX : (rounded < INT16_MIN ? INT16_MIN : rounded));
}

/* A byte completes one sum and is part of the two that follow. */
static void sum_bits(kws_pdm_t *self, const uint16_t *words, int16_t *to)
{
    uint32_t sums = self->sums;
    for (uint32_t i = 0u; i < KWS_PDM_PIECE_WORDS; ++i) {
        const uint32_t word = words[i];
        sums = (sums >> SUM_BITS) + KWS_PDM_SINC[word >> 8];
        *to++ = (int16_t)((int32_t)(sums & SUM_MASK) - SUM_MIDDLE);
        sums = (sums >> SUM_BITS) + KWS_PDM_SINC[word & 0xFFu];
        *to++ = (int16_t)((int32_t)(sums & SUM_MASK) - SUM_MIDDLE);
    }
    self->sums = sums;
}

/* What the next outputs look back on. */
static void move_down(int16_t *values, uint32_t by, uint32_t count)
{
    for (uint32_t i = 0u; i < count; ++i) {
        values[i] = values[i + by];
    }
}

void kws_pdm_step(kws_pdm_t *self, const uint16_t *words, uint32_t num_words, int16_t *samples)
{
    enum {
        FIRST_OUT = KWS_PDM_PIECE_BYTES / FIRST_STEP,
        SECOND_OUT = FIRST_OUT / SECOND_STEP
    };
    for (uint32_t at = 0u; at < num_words; at += KWS_PDM_PIECE_WORDS) {
        sum_bits(self, words + at, self->first + KWS_PDM_FIRST_TAPS);
        for (uint32_t i = 0u; i < FIRST_OUT; ++i) {
            const int32_t sum =
                kws_dsp_dot(self->first + FIRST_STEP * (i + 1u), KWS_PDM_FIRST, KWS_PDM_FIRST_TAPS);
            self->second[KWS_PDM_SECOND_TAPS + i] = round_and_saturate(sum, FIRST_SHIFT - self->gain_shift);
        }
        for (uint32_t i = 0u; i < SECOND_OUT; ++i) {
            const int32_t sum =
                kws_dsp_dot(self->second + SECOND_STEP * (i + 1u), KWS_PDM_SECOND, KWS_PDM_SECOND_TAPS);
            *samples++ = round_and_saturate(sum, SECOND_SHIFT);
        }
        move_down(self->first, KWS_PDM_PIECE_BYTES, KWS_PDM_FIRST_TAPS);
        move_down(self->second, FIRST_OUT, KWS_PDM_SECOND_TAPS);
    }
}
