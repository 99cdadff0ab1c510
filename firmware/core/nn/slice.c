/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "nn.h"

void kws_nn_slice_row(const kws_nn_layer_t *layer, const int8_t *input, uint32_t first_channel,
                      int8_t *output)
{
    input += first_channel;
    for (uint32_t x = 0u; x < layer->output_width; ++x) {
        memcpy(output, input, layer->output_channels);
        input += layer->input_channels;
        output += layer->output_channels;
    }
}
