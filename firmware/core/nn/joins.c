/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "nn.h"
#include "requantize.h"

enum {
    ADD_LEFT_SHIFT =
        20 /* of TFLite's int8 ADD: both inputs get this many bits of fraction before they are scaled */
};

void kws_nn_add_row(const kws_nn_layer_t *layer, const int8_t *first, const int8_t *second, int8_t *output)
{
    const kws_nn_channel_t a =
        layer->channels[0]; /* copies: outputs may alias the table for all the compiler knows */
    const kws_nn_channel_t b = layer->channels[1];
    const kws_nn_channel_t sum = layer->channels[2];
    const uint32_t num_values = (uint32_t)layer->output_width * layer->output_channels;
    for (uint32_t i = 0u; i < num_values; ++i) {
        const int32_t left = kws_nn_scale((first[i] + a.bias) * (1 << ADD_LEFT_SHIFT), a.multiplier, a.shift);
        const int32_t right =
            kws_nn_scale((second[i] + b.bias) * (1 << ADD_LEFT_SHIFT), b.multiplier, b.shift);
        output[i] = kws_nn_requantize(left + right, &sum, layer);
    }
}

void kws_nn_concat_row(const kws_nn_layer_t *layer, const int8_t *first, const int8_t *second, int8_t *output)
{
    const size_t first_channels = layer->input_channels;
    const size_t second_channels = (size_t)layer->output_channels - first_channels;
    for (uint32_t x = 0u; x < layer->output_width; ++x) {
        memcpy(output, first, first_channels);
        memcpy(output + first_channels, second, second_channels);
        first += first_channels;
        second += second_channels;
        output += first_channels + second_channels;
    }
}
