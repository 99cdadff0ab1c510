/* SPDX-License-Identifier: Apache-2.0 */
#include "requantize.h"

void kws_nn_dense_compact_row(const kws_nn_layer_t *layer, const int8_t *const *rows, int8_t *output,
                              void *scratch)
{
    (void)scratch;
    const uint32_t row_length = layer->input_channels;
    const int8_t *weights = layer->weights;
    for (uint32_t oc = 0u; oc < layer->output_channels; ++oc) {
        const kws_nn_channel_t *channel = &layer->channels[oc];
        int32_t sum = channel->bias;
        for (uint32_t y = 0u; y < layer->kernel_height; ++y) {
            const int8_t *input = rows[y];
            for (uint32_t i = 0u; i < row_length; ++i) {
                sum += input[i] * weights[i];
            }
            weights += row_length;
        }
        output[oc] = kws_nn_requantize_once(sum, channel, layer);
    }
}
