/* SPDX-License-Identifier: Apache-2.0 */
#include "../kws_simd.h"
#if KWS_SIMD

#include <arm_acle.h>

#include "armv7em.h"
#include "kws_dsp.h"

/* Two products an instruction, eight values a turn. */
int32_t kws_dsp_dot(const int16_t *values, const int16_t *weights, uint32_t count)
{
    int32_t sum = 0;
    for (; count >= 8u; count -= 8u) {
        const int32_t a = kws_load_pair(values), b = kws_load_pair(values + 2);
        const int32_t c = kws_load_pair(values + 4), d = kws_load_pair(values + 6);
        sum = __smlad(a, kws_load_pair(weights), sum);
        sum = __smlad(b, kws_load_pair(weights + 2), sum);
        sum = __smlad(c, kws_load_pair(weights + 4), sum);
        sum = __smlad(d, kws_load_pair(weights + 6), sum);
        values += 8;
        weights += 8;
    }
    for (; count > 0u; --count) {
        sum += *values++ * *weights++;
    }
    return sum;
}

#endif
