/* SPDX-License-Identifier: Apache-2.0 */
/* Armv7E-M: two products an instruction. A call for one output would cost as much as its sum. */
#include "../kws_simd.h"
#if KWS_SIMD

#include <arm_acle.h>

#include "armv7em.h"
#include "decimate.h"
#include "kws_dsp.h"

/* All weights stay in registers. */
void kws_dsp_decimate_short(const int16_t *values, const int16_t *weights, int32_t start, uint32_t shift,
                            int16_t *outputs, uint32_t num_outputs)
{
    start += kws_dsp_half(shift);
    const int32_t w0 = kws_load_pair(weights), w1 = kws_load_pair(weights + 2);
    const int32_t w2 = kws_load_pair(weights + 4), w3 = kws_load_pair(weights + 6);
    const int32_t w4 = kws_load_pair(weights + 8), w5 = kws_load_pair(weights + 10);
    for (const int16_t *end = outputs + num_outputs; outputs != end; ++outputs) {
        const int32_t a = kws_load_pair(values), b = kws_load_pair(values + 2);
        const int32_t c = kws_load_pair(values + 4);
        int32_t sum = __smlad(c, w2, __smlad(b, w1, __smlad(a, w0, start)));
        const int32_t d = kws_load_pair(values + 6), e = kws_load_pair(values + 8);
        const int32_t f = kws_load_pair(values + 10);
        sum = __smlad(f, w5, __smlad(e, w4, __smlad(d, w3, sum)));
        *outputs = kws_saturate_16(sum >> shift);
        values += KWS_DSP_SHORT_STEP;
    }
}

/* Of four outputs, one pair of weights: pairs of values a .. d; the next pair in time takes the place of a. */
#define ADD(weight, a, b, c, d)                                                                              \
    do {                                                                                                     \
        s0 = __smlad(weight, a, s0);                                                                         \
        s1 = __smlad(weight, b, s1);                                                                         \
        s2 = __smlad(weight, c, s2);                                                                         \
        s3 = __smlad(weight, d, s3);                                                                         \
    } while (0)

/* Four outputs at a time: a pair of values, once loaded, is part of all of them. */
void kws_dsp_decimate_long(const int16_t *values, const int16_t *weights, uint32_t num_taps, uint32_t shift,
                           int16_t *outputs, uint32_t num_outputs)
{
    const int16_t *end_of_weights = weights + num_taps;
    for (const int16_t *end = outputs + num_outputs; outputs != end; outputs += 4) {
        int32_t s0 = kws_dsp_half(shift), s1 = s0, s2 = s0, s3 = s0;
        int32_t a = kws_load_pair(values), b = kws_load_pair(values + 2), c = kws_load_pair(values + 4), d;
        const int16_t *next = values + 6;
        for (const int16_t *weight = weights; weight != end_of_weights; weight += KWS_DSP_LONG_TAPS) {
            int32_t w = kws_load_pair(weight), v = kws_load_pair(weight + 2);
            d = kws_load_pair(next);
            ADD(w, a, b, c, d);
            a = kws_load_pair(next + 2);
            ADD(v, b, c, d, a);
            w = kws_load_pair(weight + 4), v = kws_load_pair(weight + 6);
            b = kws_load_pair(next + 4);
            ADD(w, c, d, a, b);
            c = kws_load_pair(next + 6);
            ADD(v, d, a, b, c);
            next += KWS_DSP_LONG_TAPS;
        }
        outputs[0] = kws_saturate_16(s0 >> shift);
        outputs[1] = kws_saturate_16(s1 >> shift);
        outputs[2] = kws_saturate_16(s2 >> shift);
        outputs[3] = kws_saturate_16(s3 >> shift);
        values += 4 * KWS_DSP_LONG_STEP;
    }
}

#endif
