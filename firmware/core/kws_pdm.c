/* SPDX-License-Identifier: Apache-2.0 */
#include "kws_pdm.h"

#include <string.h>

#include "dsp/kws_dsp.h"

enum {
    SUM_MIDDLE = 2048, /* of 0 .. 4096 */
    FIRST_SHIFT = 11,  /* +-2048 in Q15 -> +-2^15 */
    SECOND_SHIFT = 15,
    FIRST_OUT = KWS_PDM_PIECE_WORDS / KWS_PDM_FIRST_STEP,
    SECOND_OUT = FIRST_OUT / KWS_PDM_SECOND_STEP
};

_Static_assert((int)KWS_PDM_FIRST_TAPS == (int)KWS_DSP_SHORT_TAPS, "kws_dsp_decimate_short");
_Static_assert((int)KWS_PDM_SECOND_TAPS % (int)KWS_DSP_LONG_TAPS == 0, "kws_dsp_decimate_long");

void kws_pdm_init(kws_pdm_t *self, uint32_t gain_shift)
{
    memset(self, 0, sizeof *self);
    self->gain_shift = gain_shift;
    for (uint32_t i = 0u; i < KWS_PDM_FIRST_TAPS; ++i) {
        self->first[i] = SUM_MIDDLE;
    }
}

/* What a word adds to the sums it is part of: ten bits, twelve, ten. */
static inline uint32_t parts_of(uint32_t word)
{
    return KWS_PDM_FIRST_BYTE[word >> 8] + KWS_PDM_SECOND_BYTE[word & 0xFFu];
}

/* A word completes one sum, 0 .. 4096, and is part of the two that follow. */
static void sum_bits(kws_pdm_t *self, const uint16_t *words, int16_t *to)
{
    uint32_t next = self->next;
    uint32_t last = self->last;
#pragma GCC unroll 4
    for (const int16_t *end = to + KWS_PDM_PIECE_WORDS; to != end; to += 2) {
        const uint32_t a = parts_of(words[0]);
        const uint32_t b = parts_of(words[1]);
        to[0] = (int16_t)(next + (a & 0x3FFu));
        to[1] = (int16_t)(last + ((a >> 10) & 0xFFFu) + (b & 0x3FFu));
        next = (a >> 22) + ((b >> 10) & 0xFFFu);
        last = b >> 22;
        words += 2;
    }
    self->next = next;
    self->last = last;
}

void kws_pdm_step(kws_pdm_t *self, const uint16_t *words, uint32_t num_words, int16_t *samples)
{
    const uint32_t shift = FIRST_SHIFT - self->gain_shift;
    for (const uint16_t *end = words + num_words; words != end; words += KWS_PDM_PIECE_WORDS) {
        sum_bits(self, words, self->first + KWS_PDM_FIRST_TAPS);
        kws_dsp_decimate_short(self->first + KWS_PDM_FIRST_STEP, KWS_PDM_FIRST,
                               -SUM_MIDDLE * KWS_PDM_FIRST_SUM, shift, self->second + KWS_PDM_SECOND_TAPS,
                               FIRST_OUT);
        kws_dsp_decimate_long(self->second + KWS_PDM_SECOND_STEP, KWS_PDM_SECOND, KWS_PDM_SECOND_TAPS,
                              SECOND_SHIFT, samples, SECOND_OUT);
        samples += SECOND_OUT;
        /* What the next outputs look back on. */
        memcpy(self->first, self->first + KWS_PDM_PIECE_WORDS, KWS_PDM_FIRST_TAPS * sizeof *self->first);
        memmove(self->second, self->second + FIRST_OUT, KWS_PDM_SECOND_TAPS * sizeof *self->second);
    }
}
