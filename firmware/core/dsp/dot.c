/* SPDX-License-Identifier: Apache-2.0 */
#include "../kws_simd.h"
#if !KWS_SIMD

#include "kws_dsp.h"

int32_t kws_dsp_dot(const int16_t *values, const int16_t *weights, uint32_t count)
{
    int32_t sum = 0;
    for (uint32_t i = 0u; i < count; ++i) {
        sum += values[i] * weights[i];
    }
    return sum;
}

#endif
