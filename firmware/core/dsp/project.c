/* SPDX-License-Identifier: Apache-2.0 */
#include "../kws_simd.h"
#if !KWS_SIMD

#include "fixed_point.h"
#include "kws_dsp.h"

void kws_dsp_project(int8_t *features, uint32_t num_features, const int16_t *logs_q10, uint32_t row_length,
                     const int16_t *weights, const int32_t *offsets, uint32_t shift)
{
    for (uint32_t row = 0u; row < num_features; ++row) {
        int32_t sum = offsets[row];
        for (uint32_t i = 0u; i < row_length; ++i) {
            sum += (int32_t)logs_q10[i] * *weights++;
        }
        features[row] = kws_clamp_s8(sum >> shift);
    }
}

#endif
