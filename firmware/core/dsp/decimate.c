/* SPDX-License-Identifier: Apache-2.0 */
#include "../kws_simd.h"
#if !KWS_SIMD

#include "decimate.h"

static int16_t saturate(int32_t value)
{
    return (int16_t)(value > INT16_MAX ? INT16_MAX : (value < INT16_MIN ? INT16_MIN : value));
}

static int16_t rounded(int32_t sum, uint32_t shift)
{
    return saturate((sum + ((int32_t)1 << (shift - 1u))) >> shift);
}

void kws_dsp_sum_bits(kws_dsp_bits_t *self, const uint16_t *words, uint32_t num_words, int16_t *sums)
{
    for (uint32_t i = 0u; i < num_words; ++i) {
        const uint32_t parts = self->earlier[words[i] >> 8] + self->later[words[i] & 0xFFu];
        sums[i] = saturate((int16_t)self->next + (int16_t)(parts >> 16));
        self->next = parts + KWS_DSP_REST * (self->before & 0xFFFFu) - (self->before >> 16);
        self->before = parts;
    }
}

static int32_t sum_of_mirrored(const int16_t *values, const int16_t *weights)
{
    int32_t sum = 0;
    for (uint32_t k = 0u; k < KWS_DSP_FIRST_TAPS / 2u; ++k) {
        sum += (values[k] + values[KWS_DSP_FIRST_TAPS - 1u - k]) * weights[k];
    }
    return sum;
}

void kws_dsp_decimate_by_4(const int16_t *values, const int16_t *weights, uint32_t shift, int16_t *phases,
                           uint32_t num_outputs)
{
    for (uint32_t i = 0u; i < num_outputs; i += 2u) {
        phases[2] = phases[-1] = rounded(sum_of_mirrored(values, weights), shift);
        phases[0] = phases[-3] = rounded(sum_of_mirrored(values + 4, weights), shift);
        phases += KWS_DSP_PHASES;
        values += 8;
    }
}

static int32_t sum_of_phase(const int16_t *phase, const int16_t *weights, uint32_t num_taps)
{
    int32_t sum = 0;
    for (uint32_t k = 0u; k < num_taps; ++k) {
        sum += phase[KWS_DSP_PHASES * k] * weights[k];
    }
    return sum;
}

void kws_dsp_decimate_by_2(const int16_t *phases, const int16_t *weights, int16_t *outputs,
                           uint32_t num_outputs)
{
    for (uint32_t i = 0u; i < num_outputs; ++i) {
        const int16_t *near = phases + KWS_DSP_PHASES * KWS_DSP_NEAR_BEGIN + 2;
        outputs[i] = rounded(sum_of_phase(phases, weights, KWS_DSP_FAR_TAPS) +
                                 sum_of_phase(near, weights + KWS_DSP_FAR_TAPS, KWS_DSP_NEAR_TAPS),
                             KWS_DSP_BY_2_SHIFT);
        phases += KWS_DSP_PHASES;
    }
}

#endif
