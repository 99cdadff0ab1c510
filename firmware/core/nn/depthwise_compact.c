/* SPDX-License-Identifier: Apache-2.0 */
#include "requantize.h"

enum {
    BLOCK_CHANNELS = 16
}; /* accumulated together: channels are contiguous, so compilers vectorise over them */

/* One output column, num_channels <= BLOCK_CHANNELS channels from first_channel on. `column` is where the
 * kernel starts in a row, in values. */
static void depthwise_block(const kws_nn_layer_t *layer, const int8_t *const *rows, uint32_t column,
                            uint32_t first_channel, uint32_t num_channels, int32_t *sums)
{
    const uint32_t step = layer->input_channels;
    const int8_t *weights = layer->weights + first_channel;
    for (uint32_t c = 0u; c < num_channels; ++c) {
        sums[c] = layer->channels[first_channel + c].bias;
    }
    for (uint32_t ky = 0u; ky < layer->kernel_height; ++ky) {
        const int8_t *input = rows[ky] + column + first_channel;
        for (uint32_t kx = 0u; kx < layer->kernel_width; ++kx) {
            for (uint32_t c = 0u; c < num_channels; ++c) {
                sums[c] += input[c] * weights[c];
            }
            input += step;
            weights += step;
        }
    }
}

/* Several output channels from each input channel: a channel multiplier above 1. */
static void depthwise_multiplied_row(const kws_nn_layer_t *layer, const int8_t *const *rows, int8_t *output)
{
    const uint32_t multiplier = (uint32_t)layer->output_channels / layer->input_channels;
    for (uint32_t x = 0u; x < layer->output_width; ++x) {
        const uint32_t column = x * layer->stride_width * layer->input_channels;
        for (uint32_t oc = 0u; oc < layer->output_channels; ++oc) {
            const int8_t *weights = layer->weights + oc;
            int32_t sum = layer->channels[oc].bias;
            for (uint32_t ky = 0u; ky < layer->kernel_height; ++ky) {
                const int8_t *input = rows[ky] + column + oc / multiplier;
                for (uint32_t kx = 0u; kx < layer->kernel_width; ++kx) {
                    sum += *input * *weights;
                    input += layer->input_channels;
                    weights += layer->output_channels;
                }
            }
            *output++ = kws_nn_requantize(sum, &layer->channels[oc], layer);
        }
    }
}

void kws_nn_depthwise_compact_row(const kws_nn_layer_t *layer, const int8_t *const *rows, int8_t *output,
                                  void *scratch)
{
    (void)scratch;
    const uint32_t num_channels = layer->output_channels;
    if (num_channels != layer->input_channels) {
        depthwise_multiplied_row(layer, rows, output);
        return;
    }
    int32_t sums[BLOCK_CHANNELS];
    for (uint32_t x = 0u; x < layer->output_width; ++x) {
        const uint32_t column = x * layer->stride_width * layer->input_channels;
        for (uint32_t first = 0u; first < num_channels; first += BLOCK_CHANNELS) {
            const uint32_t left = num_channels - first;
            const uint32_t count = (left < BLOCK_CHANNELS) ? left : BLOCK_CHANNELS;
            depthwise_block(layer, rows, column, first, count, sums);
            for (uint32_t c = 0u; c < count; ++c) {
                *output++ = kws_nn_requantize(sums[c], &layer->channels[first + c], layer);
            }
        }
    }
}
