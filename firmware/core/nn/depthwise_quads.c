/* SPDX-License-Identifier: Apache-2.0 */
#include "depthwise_quads.h"
#include "../kws_simd.h"

uint32_t kws_nn_quads_weights_bytes(const kws_nn_layer_t *layer)
{
    const uint32_t taps = kws_nn_quads_taps(layer);
    const bool fits =
        taps <= KWS_NN_QUADS_MAX_TAPS && layer->output_channels % (uint32_t)KWS_NN_QUADS_CHANNELS == 0u;
    return fits ? layer->output_channels / KWS_NN_QUADS_CHANNELS * kws_nn_quads_group_bytes(taps) : 0u;
}

#if !KWS_SIMD
void kws_nn_depthwise_quads_row(const kws_nn_layer_t *layer, const int8_t *const *rows, int8_t *output,
                                void *scratch)
{
    (void)scratch;
    const uint32_t taps = kws_nn_quads_taps(layer);
    const uint32_t step = layer->input_channels;
    for (uint32_t x = 0u; x < layer->output_width; ++x) {
        const uint32_t column = x * layer->stride_width * step;
        for (uint32_t c = 0u; c < layer->output_channels; ++c) {
            const uint32_t lane = c % (uint32_t)KWS_NN_QUADS_CHANNELS;
            const int8_t *group = layer->weights + c / KWS_NN_QUADS_CHANNELS * kws_nn_quads_group_bytes(taps);
            const int32_t *constants = kws_nn_quads_constants(group, taps) + lane;
            const int8_t *weight = group + lane;
            uint32_t sum = 0u; /* unsigned: may wrap for a foreign bundle, as SIMD does */
            for (uint32_t ky = 0u; ky < layer->kernel_height; ++ky) {
                for (uint32_t kx = 0u; kx < layer->kernel_width; ++kx) {
                    sum += (uint32_t)(rows[ky][column + kx * step + c] * *weight);
                    weight += KWS_NN_QUADS_CHANNELS;
                }
            }
            sum = (sum << 8) + (uint32_t)constants[0];
            *output++ = kws_nn_finish(layer, c, sum, constants[KWS_NN_QUADS_CHANNELS]);
        }
    }
}
#endif
