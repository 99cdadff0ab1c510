/* SPDX-License-Identifier: Apache-2.0 */
#include "../kws_simd.h"
#if !KWS_SIMD

#include "fixed_point.h"
#include "kws_micro_dsp.h"

uint32_t kws_micro_window(int16_t *output, const int16_t *samples, const int16_t *window_q12,
                          uint32_t num_samples)
{
    int32_t loudest = 0;
    for (uint32_t i = 0u; i < num_samples; ++i) {
        const int32_t value = (int16_t)((samples[i] * window_q12[i]) >> KWS_MICRO_WEIGHT_BITS);
        output[i] = (int16_t)value;
        const int32_t magnitude =
            (int16_t)((value < 0) ? -value : value); /* of -32768 too: it counts for nothing */
        loudest = (magnitude > loudest) ? magnitude : loudest;
    }
    return kws_clz((uint32_t)loudest) - 17u;
}

#endif
