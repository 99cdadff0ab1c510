#include "quads.h"

uint32_t kws_nn_quads_weights_bytes(const kws_nn_layer_t *layer)
{
    const uint32_t taps = kws_nn_quads_taps(layer);
    const bool fits =
        taps <= KWS_NN_QUADS_MAX_TAPS && layer->output_channels % (uint32_t)KWS_NN_QUADS_CHANNELS == 0u;
    return fits ? layer->output_channels / KWS_NN_QUADS_CHANNELS * kws_nn_quads_group_bytes(taps) : 0u;
}

const kws_nn_rescale_t *kws_nn_quads_rescale(const int8_t *group, uint32_t taps)
{
    return (const kws_nn_rescale_t *)(const void *)(group + KWS_NN_QUADS_CHANNELS * (sizeof(int32_t) + taps));
}

bool kws_nn_quads_fits(const kws_nn_layer_t *layer)
{
    const uint32_t taps = kws_nn_quads_taps(layer);
    const int8_t *group = layer->weights;
    for (uint32_t c = 0u; c < layer->output_channels; ++c) {
        const uint32_t lane = c % (uint32_t)KWS_NN_QUADS_CHANNELS;
        if (!kws_nn_rescale_fits(&kws_nn_quads_rescale(group, taps)[lane], layer)) {
            return false;
        }
        group += (lane == KWS_NN_QUADS_CHANNELS - 1u) ? kws_nn_quads_group_bytes(taps) : 0u;
    }
    return true;
}

void kws_nn_quads_row_plain(const kws_nn_layer_t *layer, const int8_t *const *rows, int8_t *output,
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
            const int32_t *bias = (const int32_t *)(const void *)group;
            const int8_t *weight = group + KWS_NN_QUADS_CHANNELS * sizeof *bias + lane;
            uint32_t sum = (uint32_t)bias[lane]; /* unsigned: may wrap for a foreign bundle, as SIMD does */
            for (uint32_t ky = 0u; ky < layer->kernel_height; ++ky) {
                for (uint32_t kx = 0u; kx < layer->kernel_width; ++kx) {
                    sum += (uint32_t)(rows[ky][column + kx * step + c] * *weight);
                    weight += KWS_NN_QUADS_CHANNELS;
                }
            }
            const int32_t sum_256 = (int32_t)(sum << 8);
            *output++ = kws_nn_rescale(sum_256, &kws_nn_quads_rescale(group, taps)[lane], layer);
        }
    }
}
