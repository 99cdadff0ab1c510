/* SPDX-License-Identifier: Apache-2.0 */
#include "../kws_simd.h"
#if KWS_SIMD

#include <arm_acle.h>

#include "armv7em.h"
#include "kws_dsp.h"

enum {
    ONE_AND_ONE = 0x00010001
};

typedef struct {
    int64_t squares;
    int32_t total;
} sums_t;

/* Two samples a multiplication, four loads in a row. */
static inline sums_t with_eight(sums_t sums, const int16_t *samples)
{
    const int32_t a = kws_load_pair(samples);
    const int32_t b = kws_load_pair(samples + 2);
    const int32_t c = kws_load_pair(samples + 4);
    const int32_t d = kws_load_pair(samples + 6);
    sums.squares = __smlald(a, a, sums.squares);
    sums.squares = __smlald(b, b, sums.squares);
    sums.squares = __smlald(c, c, sums.squares);
    sums.squares = __smlald(d, d, sums.squares);
    sums.total = __smlad(a, ONE_AND_ONE, sums.total);
    sums.total = __smlad(b, ONE_AND_ONE, sums.total);
    sums.total = __smlad(c, ONE_AND_ONE, sums.total);
    sums.total = __smlad(d, ONE_AND_ONE, sums.total);
    return sums;
}

/* 30 cycles for 16 samples. */
int64_t kws_dsp_sums_s16(const int16_t *samples, uint32_t num_samples, int32_t *sum)
{
    sums_t sums = {0, 0};
    const int16_t *const end = samples + num_samples;
    const int16_t *const end_of_16s = samples + (num_samples & ~15u);
    for (; samples < end_of_16s; samples += 16) {
        sums = with_eight(with_eight(sums, samples), samples + 8);
    }
    for (; samples < end; ++samples) {
        sums.squares += (int32_t)*samples * *samples;
        sums.total += *samples;
    }
    *sum = sums.total;
    return sums.squares;
}

#endif
