/* SPDX-License-Identifier: Apache-2.0 */
#include "nn.h"

enum {
    TABLE_VALUES = 256,
    LOWEST = -128
};

void kws_nn_lookup_row(const kws_nn_layer_t *layer, const int8_t *input, uint32_t weights_bytes,
                       int8_t *output)
{
    const uint32_t next_table = (weights_bytes > (uint32_t)TABLE_VALUES) ? (uint32_t)TABLE_VALUES : 0u;
    for (uint32_t x = 0u; x < layer->output_width; ++x) {
        const int8_t *table = layer->weights;
        for (uint32_t c = 0u; c < layer->output_channels; ++c) {
            *output++ = table[*input++ - LOWEST];
            table += next_table;
        }
    }
}
