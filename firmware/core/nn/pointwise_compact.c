/* SPDX-License-Identifier: Apache-2.0 */
#include "requantize.h"

static int32_t dot(const int8_t *a, const int8_t *b, uint32_t length)
{
    int32_t sum = 0;
    for (uint32_t i = 0u; i < length; ++i) {
        sum += a[i] * b[i];
    }
    return sum;
}

void kws_nn_pointwise_compact_row(const kws_nn_layer_t *layer, const int8_t *const *rows, int8_t *output,
                                  void *scratch)
{
    (void)scratch;
    const uint32_t num_inputs = layer->input_channels;
    for (uint32_t x = 0u; x < layer->output_width; ++x) {
        const int8_t *input = rows[0] + x * num_inputs;
        for (uint32_t oc = 0u; oc < layer->output_channels; ++oc) {
            const kws_nn_channel_t *channel = &layer->channels[oc];
            const int32_t sum = dot(input, layer->weights + oc * num_inputs, num_inputs);
            *output++ = kws_nn_requantize(channel->bias + sum, channel, layer);
        }
    }
}
