/* SPDX-License-Identifier: Apache-2.0 */
#include "nn.h"
#include "requantize.h"

void kws_nn_max_pool_row(const kws_nn_layer_t *layer, const int8_t *const *rows, int8_t *output,
                         void *scratch)
{
    (void)scratch;
    const uint32_t num_channels = layer->output_channels;
    for (uint32_t x = 0u; x < layer->output_width; ++x) {
        const uint32_t column = x * layer->stride_width * num_channels;
        for (uint32_t c = 0u; c < num_channels; ++c) {
            int32_t largest = INT8_MIN;
            for (uint32_t ky = 0u; ky < layer->kernel_height; ++ky) {
                const int8_t *input = rows[ky] + column + c;
                for (uint32_t kx = 0u; kx < layer->kernel_width; ++kx) {
                    largest = (*input > largest) ? *input : largest;
                    input += num_channels;
                }
            }
            *output++ = (int8_t)kws_nn_clamp(largest, layer->output_min, layer->output_max);
        }
    }
}
