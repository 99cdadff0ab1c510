/* SPDX-License-Identifier: Apache-2.0 */
/* Armv7E-M instructions that arm_acle.h or the compiler leave out. Only for x_dsp.c files. */
#ifndef KWS_NN_SIMD_DSP_H
#define KWS_NN_SIMD_DSP_H

#include <arm_acle.h>
#include <string.h>

#include "layout.h"

#define RESCALE_SHIFT "11" /* in assembly */
_Static_assert(KWS_NN_RESCALE_SHIFT == 11, "RESCALE_SHIFT");

/* Four bytes, from anywhere: one load. */
static inline int8x4_t kws_load_bytes(const int8_t *bytes)
{
    int8x4_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

/* Bytes 1 and 3, sign extended; __sxtb16 is the same for bytes 0 and 2. */
static inline int16x2_t kws_odd_bytes(int8x4_t word)
{
    int16x2_t pair;
    __asm("sxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(word));
    return pair;
}

/* sums + bytes 1 and 3 of word, sign extended; __sxtab16 is the same for bytes 0 and 2. */
static inline int16x2_t kws_add_odd_bytes(int16x2_t sums, int8x4_t word)
{
    __asm("sxtab16 %0, %0, %1, ror #8" : "+r"(sums) : "r"(word));
    return sums;
}

#endif
