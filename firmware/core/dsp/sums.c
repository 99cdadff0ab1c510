/* SPDX-License-Identifier: Apache-2.0 */
#include "../kws_simd.h"
#if !KWS_SIMD

#include "kws_dsp.h"

int64_t kws_dsp_sums_s16(const int16_t *samples, uint32_t num_samples, int32_t *sum)
{
    int64_t squares = 0;
    *sum = 0;
    for (uint32_t i = 0u; i < num_samples; ++i) {
        *sum += samples[i];
        squares += (int32_t)samples[i] * samples[i];
    }
    return squares;
}

#endif
