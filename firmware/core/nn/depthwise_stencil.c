/* SPDX-License-Identifier: Apache-2.0 */
#include "depthwise_stencil.h"
#include "../kws_simd.h"

_Static_assert(sizeof(kws_nn_stencil_t) == 32, "the record in the bundle");

uint32_t kws_nn_stencil_weights_bytes(const kws_nn_layer_t *layer)
{
    const bool even = layer->output_width % 2u == 0u;
    const bool fits =
        layer->kernel_height == KWS_NN_STENCIL_SIZE && layer->kernel_width == KWS_NN_STENCIL_SIZE &&
        (layer->stride_width == 1u || (layer->stride_width == (uint32_t)KWS_NN_STENCIL_MAX_STRIDE && even)) &&
        layer->output_width >= KWS_NN_STENCIL_MIN_OUTPUTS &&
        layer->output_channels % KWS_NN_STENCIL_CHANNELS == 0u;
    return fits ? layer->output_channels * (uint32_t)sizeof(kws_nn_stencil_t) : 0u;
}

uint32_t kws_nn_stencil_scratch_bytes(const kws_nn_layer_t *layer)
{
    return (uint32_t)layer->output_width * layer->output_channels * (uint32_t)sizeof(int16_t);
}

void kws_nn_pair_row(const int8_t *row, uint32_t width, uint32_t channels, uint32_t pair_bytes, int8_t *pairs)
{
    for (uint32_t c = 0u; c < channels; c += 2u) {
        const int8_t *input = row + c;
        for (uint32_t x = 0u; x < width; ++x) {
            pairs[2u * x] = (int8_t)(input[0] ^ INT8_MIN); /* + 128 */
            pairs[2u * x + 1u] = (int8_t)(input[1] ^ INT8_MIN);
            input += channels;
        }
        pairs += pair_bytes;
    }
}

#if !KWS_SIMD
/* 256 * accumulator + start of one output. `column`: its first input, in bytes from that of a channel's column 0.
 * Unsigned: a bundle of someone else may wrap, as SIMD does. */
static uint32_t sum_of(const kws_nn_stencil_t *stencil, const int8_t *const *rows, uint32_t first,
                       uint32_t columns)
{
    uint32_t sum = (uint32_t)stencil->start;
    for (uint32_t ky = 0u; ky < KWS_NN_STENCIL_SIZE; ++ky) {
        const int8_t *input = rows[ky] + first;
        for (uint32_t kx = 0u; kx < columns; ++kx) {
            const int32_t weight = stencil->weights[ky][kx / 2u][(kx + 1u) / 2u];
            sum += (uint32_t)((uint8_t)input[2u * kx] * weight);
        }
    }
    return sum;
}

void kws_nn_depthwise_stencil_row(const kws_nn_layer_t *layer, const int8_t *const *rows, int8_t *output,
                                  void *scratch)
{
    (void)scratch;
    const kws_nn_stencil_t *stencils = (const kws_nn_stencil_t *)(const void *)layer->weights;
    const uint32_t columns = kws_nn_stencil_columns(layer->input_width);
    for (uint32_t x = 0u; x < layer->output_width; ++x) {
        const uint32_t column = x * layer->stride_width;
        const uint32_t left = columns - column;
        const uint32_t under = (left < KWS_NN_STENCIL_SIZE) ? left : KWS_NN_STENCIL_SIZE;
        for (uint32_t c = 0u; c < layer->output_channels; ++c) {
            const uint32_t first = c / 2u * 2u * columns + 2u * column + c % 2u;
            *output++ = kws_nn_rescale(sum_of(&stencils[c], rows, first, under), stencils[c].multiplier);
        }
    }
}

void kws_nn_separable_row(const kws_nn_layer_t *stencil, const kws_nn_pointwise_t *pointwise,
                          const int8_t *const *rows, int8_t *output, void *scratch)
{
    int8_t *row = scratch;
    const int8_t *const between[1] = {row};
    const uint32_t values = (uint32_t)stencil->output_width * stencil->output_channels;
    const kws_nn_layer_t layer = {.weights = pointwise->weights,
                                  .weight_layout = KWS_NN_LAYOUT_PAIRED,
                                  .input_channels = stencil->output_channels,
                                  .input_width = stencil->output_width,
                                  .kernel_height = 1u,
                                  .kernel_width = 1u,
                                  .stride_width = 1u,
                                  .output_width = stencil->output_width,
                                  .output_channels = pointwise->output_channels,
                                  .pair_bytes = pointwise->pair_bytes};
    kws_nn_depthwise_row(stencil, rows, row, NULL);
    kws_nn_pointwise_row(&layer, between, output, row + values);
}
#endif
