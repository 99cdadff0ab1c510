/* SPDX-License-Identifier: Apache-2.0 */
#include "../kws_simd.h"
#if !KWS_SIMD

#include "decimate.h"
#include "kws_dsp.h"

typedef struct {
    const int16_t *weights;
    uint32_t num_taps;
    uint32_t step;
    uint32_t shift;
} fir_t;

static void decimate(const fir_t *fir, const int16_t *values, int32_t start, int16_t *outputs,
                     uint32_t num_outputs)
{
    for (uint32_t i = 0u; i < num_outputs; ++i) {
        int32_t sum = start + kws_dsp_half(fir->shift);
        for (uint32_t k = 0u; k < fir->num_taps; ++k) {
            sum += values[k] * fir->weights[k];
        }
        sum >>= fir->shift;
        outputs[i] = (int16_t)(sum > INT16_MAX ? INT16_MAX : (sum < INT16_MIN ? INT16_MIN : sum));
        values += fir->step;
    }
}

void kws_dsp_decimate_short(const int16_t *values, const int16_t *weights, int32_t start, uint32_t shift,
                            int16_t *outputs, uint32_t num_outputs)
{
    const fir_t fir = {weights, KWS_DSP_SHORT_TAPS, KWS_DSP_SHORT_STEP, shift};
    decimate(&fir, values, start, outputs, num_outputs);
}

void kws_dsp_decimate_long(const int16_t *values, const int16_t *weights, uint32_t num_taps, uint32_t shift,
                           int16_t *outputs, uint32_t num_outputs)
{
    const fir_t fir = {weights, num_taps, KWS_DSP_LONG_STEP, shift};
    decimate(&fir, values, 0, outputs, num_outputs);
}

#endif
