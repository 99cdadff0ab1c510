/* SPDX-License-Identifier: Apache-2.0 */
#include "depthwise_stencil.h"
#include "../kws_simd.h"

_Static_assert(sizeof(kws_nn_stencil_t) == 28, "the record in the bundle");

uint32_t kws_nn_stencil_weights_bytes(const kws_nn_layer_t *layer)
{
    const bool fits = layer->kernel_height == KWS_NN_STENCIL_SIZE &&
                      layer->kernel_width == KWS_NN_STENCIL_SIZE &&
                      layer->stride_width <= KWS_NN_STENCIL_MAX_STRIDE &&
                      layer->output_width >= KWS_NN_STENCIL_MIN_OUTPUTS &&
                      layer->output_channels % KWS_NN_STENCIL_CHANNELS == 0u;
    return fits ? layer->output_channels * (uint32_t)sizeof(kws_nn_stencil_t) : 0u;
}

uint32_t kws_nn_stencil_scratch_bytes(const kws_nn_layer_t *layer)
{
    (void)layer;
    return KWS_NN_STENCIL_SCRATCH_BYTES;
}

#if !KWS_SIMD
static const kws_nn_stencil_t *stencils_of(const kws_nn_layer_t *layer)
{
    return (const kws_nn_stencil_t *)(const void *)layer->weights;
}

void kws_nn_depthwise_stencil_row(const kws_nn_layer_t *layer, const int8_t *const *rows, int8_t *output,
                                  void *scratch)
{
    (void)scratch;
    const uint32_t num_channels = layer->output_channels;
    for (uint32_t x = 0u; x < layer->output_width; ++x) {
        for (uint32_t c = 0u; c < num_channels; ++c) {
            const kws_nn_stencil_t *stencil = &stencils_of(layer)[c];
            uint32_t sum =
                (uint32_t)stencil->start; /* unsigned: may wrap for a foreign bundle, as SIMD does */
            for (uint32_t kx = 0u; kx < KWS_NN_STENCIL_SIZE; ++kx) {
                const uint32_t at = (x * layer->stride_width + kx) * num_channels + c;
                const int32_t lower = (kx == 0u) ? stencil->lower[0][0] : stencil->lower[1][kx - 1u];
                sum += (uint32_t)(rows[0][at] * stencil->upper[kx][0] + rows[1][at] * stencil->upper[kx][1] +
                                  rows[2][at] * lower);
            }
            *output++ = kws_nn_rescale(sum, stencil->multiplier);
        }
    }
}
#endif
