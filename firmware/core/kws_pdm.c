/* SPDX-License-Identifier: Apache-2.0 */
#include "kws_pdm.h"

#include <string.h>

#include "dsp/kws_dsp.h"

enum {
    SILENCE = 0x55, /* every other bit */
    FIRST_STEP = 4,
    FIRST_SHIFT = 15,
    FIRST_OUT = KWS_PDM_PIECE_WORDS / FIRST_STEP,
    SECOND_OUT = KWS_PDM_PIECE_WORDS / KWS_PDM_WORDS_PER_SAMPLE,
    PIECE_PHASES = KWS_DSP_PHASES * SECOND_OUT,
    LOOKED_BACK = KWS_DSP_PHASES * KWS_DSP_PHASES_BEFORE
};

_Static_assert((int)KWS_PDM_FIRST_TAPS == (int)KWS_DSP_FIRST_TAPS, "kws_dsp_decimate_by_4");
_Static_assert((int)KWS_PDM_FAR_TAPS == (int)KWS_DSP_FAR_TAPS, "kws_dsp_decimate_by_2");
_Static_assert((int)KWS_PDM_NEAR_TAPS == (int)KWS_DSP_NEAR_TAPS, "kws_dsp_decimate_by_2");
_Static_assert(SECOND_OUT % (int)KWS_DSP_OUTPUTS_GROUP == 0, "kws_dsp_decimate_by_2");
_Static_assert(KWS_PDM_PIECES *PIECE_PHASES >= LOOKED_BACK, "memcpy");

static void sum_bits(kws_pdm_t *self, const uint16_t *words, uint32_t num_words, int16_t *sums)
{
    kws_dsp_bits_t bits = {KWS_PDM_EARLIER_BYTE, KWS_PDM_LATER_BYTE, self->before, self->next};
    kws_dsp_sum_bits(&bits, words, num_words, sums);
    self->before = bits.before;
    self->next = bits.next;
}

void kws_pdm_init(kws_pdm_t *self, uint32_t gain_shift)
{
    memset(self, 0, sizeof *self);
    self->gain_shift = gain_shift;
    uint16_t silence[KWS_DSP_BITS_GROUP];
    memset(silence, SILENCE, sizeof silence);
    sum_bits(self, silence, KWS_DSP_BITS_GROUP,
             self->first); /* ends in zeros, which are looked back on first */
}

void kws_pdm_step(kws_pdm_t *self, const uint16_t *words, uint32_t num_words, int16_t *samples)
{
    const uint32_t shift = FIRST_SHIFT - self->gain_shift;
    _Alignas(uint32_t) int16_t first[KWS_PDM_FIRST_TAPS + KWS_PDM_PIECE_WORDS]; /* half a kilobyte of stack */
    for (const uint16_t *end = words + num_words; words != end; words += KWS_PDM_PIECE_WORDS) {
        int16_t *second = self->second + self->piece * PIECE_PHASES;
        memcpy(first, self->first, sizeof self->first);
        sum_bits(self, words, KWS_PDM_PIECE_WORDS, first + KWS_PDM_FIRST_TAPS);
        kws_dsp_decimate_by_4(first + FIRST_STEP, KWS_PDM_FIRST, shift, second + LOOKED_BACK, FIRST_OUT);
        kws_dsp_decimate_by_2(second, KWS_PDM_SECOND, samples, SECOND_OUT);
        samples += SECOND_OUT;
        /* What the next outputs look back on. */
        memcpy(self->first, first + KWS_PDM_PIECE_WORDS, sizeof self->first);
        if (++self->piece == KWS_PDM_PIECES) {
            self->piece = 0u;
            memcpy(self->second, self->second + KWS_PDM_PIECES * PIECE_PHASES,
                   LOOKED_BACK * sizeof *self->second);
        }
    }
}
