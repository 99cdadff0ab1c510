/* SPDX-License-Identifier: Apache-2.0 */
/* Before stage 1, for chips without a decimator: the bits of a pulse density microphone -> samples.
 *
 * 2.048 MHz -> 16 kHz: sinc^3 by 16 through tables (a word is three sums at once), then two FIR filters, by 4 and by 2.
 * Flat within 0.1 dB to 7 kHz; what would fold onto that is 60 dB down (tests/parity/test_pdm.py). */
#ifndef KWS_PDM_H
#define KWS_PDM_H

#include <stdint.h>

#include "kws_pdm_table.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    KWS_PDM_WORDS_PER_SAMPLE = 8,
    KWS_PDM_PIECE_WORDS = 256, /* worked through at once: two milliseconds */
    KWS_PDM_PIECES = 2,        /* before what the last filter looks back on is moved */
    KWS_PDM_MAX_GAIN_SHIFT = 8
};

typedef struct {
    uint32_t before; /* of the first stage: the parts of the last word, and what is there of the next sum */
    uint32_t next;
    uint32_t gain_shift; /* amplifies by 2^gain_shift; what is too loud then is cut off at full scale */
    int16_t first[KWS_PDM_FIRST_TAPS]; /* what it gave last */
    uint32_t piece;                    /* 0 .. KWS_PDM_PIECES - 1: where its outputs go */
    int16_t
        second[4 * (KWS_PDM_FAR_TAPS - 1 + KWS_PDM_PIECES * KWS_PDM_PIECE_WORDS / KWS_PDM_WORDS_PER_SAMPLE)];
} kws_pdm_t;

/* gain_shift: 0 .. KWS_PDM_MAX_GAIN_SHIFT; with 0, all ones would be full scale. */
void kws_pdm_init(kws_pdm_t *self, uint32_t gain_shift);

/* words of sixteen bits, the first in time highest; num_words: a multiple of KWS_PDM_PIECE_WORDS.
 * samples: num_words / KWS_PDM_WORDS_PER_SAMPLE. */
void kws_pdm_step(kws_pdm_t *self, const uint16_t *words, uint32_t num_words, int16_t *samples);

#ifdef __cplusplus
}
#endif

#endif
