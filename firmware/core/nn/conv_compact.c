/* SPDX-License-Identifier: Apache-2.0 */
#include "requantize.h"

/* One output column, one channel: the kernel's rows are contiguous in the input and in the weights alike. */
static int32_t convolve(const int8_t *const *rows, uint32_t first, const int8_t *weights, uint32_t num_rows,
                        uint32_t row_length)
{
    int32_t sum = 0;
    for (uint32_t ky = 0u; ky < num_rows; ++ky) {
        const int8_t *input = rows[ky] + first;
        for (uint32_t i = 0u; i < row_length; ++i) {
            sum += input[i] * weights[i];
        }
        weights += row_length;
    }
    return sum;
}

void kws_nn_conv_compact_row(const kws_nn_layer_t *layer, const int8_t *const *rows, int8_t *output,
                             void *scratch)
{
    (void)scratch;
    const uint32_t row_length = (uint32_t)layer->kernel_width * layer->input_channels;
    const uint32_t column_step = (uint32_t)layer->stride_width * layer->input_channels;
    for (uint32_t x = 0u; x < layer->output_width; ++x) {
        const int8_t *weights = layer->weights;
        for (uint32_t oc = 0u; oc < layer->output_channels; ++oc) {
            const kws_nn_channel_t *channel = &layer->channels[oc];
            const int32_t sum = convolve(rows, x * column_step, weights, layer->kernel_height, row_length);
            *output++ = kws_nn_requantize(channel->bias + sum, channel, layer);
            weights += layer->kernel_height * row_length;
        }
    }
}
