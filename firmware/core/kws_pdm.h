/* SPDX-License-Identifier: Apache-2.0 */
/* Before stage 1, for chips without a decimator: the bits of a pulse density microphone -> samples.
 *
 * 2.048 MHz -> 16 kHz: sinc^3 by 16 through tables (a word is three sums at once), then two FIR filters, by 4 and by 2.
 * Flat within 0.1 dB to 7 kHz; what would fold onto that is 60 dB down (tests/parity/test_pdm.py). */
#ifndef KWS_PDM_H
#define KWS_PDM_H

#include <stdint.h>

#include "kws_pdm_table.h"

enum {
    KWS_PDM_WORDS_PER_SAMPLE = 8,
    KWS_PDM_PIECE_WORDS = 64, /* worked through at once: eight samples */
    KWS_PDM_FIRST_STEP = 4,
    KWS_PDM_SECOND_STEP = 2,
    KWS_PDM_MAX_GAIN_SHIFT = 8
};

typedef struct {
    uint32_t next;       /* of the first stage: what is there of the sum that the next word completes */
    uint32_t last;       /* and of the one after it */
    uint32_t gain_shift; /* amplifies by 2^gain_shift; what is too loud then is cut off at full scale */
    int16_t first[KWS_PDM_FIRST_TAPS + KWS_PDM_PIECE_WORDS]; /* even numbers: pairs lie at words */
    int16_t second[KWS_PDM_SECOND_TAPS + KWS_PDM_PIECE_WORDS / KWS_PDM_FIRST_STEP];
} kws_pdm_t;

/* gain_shift: 0 .. KWS_PDM_MAX_GAIN_SHIFT; with 0, all ones would be full scale. */
void kws_pdm_init(kws_pdm_t *self, uint32_t gain_shift);

/* words of sixteen bits, the first in time highest; num_words: a multiple of KWS_PDM_PIECE_WORDS.
 * samples: num_words / KWS_PDM_WORDS_PER_SAMPLE. */
void kws_pdm_step(kws_pdm_t *self, const uint16_t *words, uint32_t num_words, int16_t *samples);

#endif
