#include "nn.h"
#include "requantize.h"

kws_nn_columns_t kws_nn_pool_columns(const kws_nn_layer_t *layer, uint32_t pad_left, uint32_t x)
{
    const uint32_t start = x * layer->stride_width; /* counted from the left edge of the padding */
    const uint32_t stop = start + layer->kernel_width;
    const kws_nn_columns_t columns = {.first = (start > pad_left) ? start - pad_left : 0u,
                                      .end = (stop - pad_left < layer->input_width) ? stop - pad_left
                                                                                    : layer->input_width};
    return columns;
}

void kws_nn_pool_row_plain(const kws_nn_layer_t *layer, uint32_t pad_left, const int8_t *input, int16_t *sums)
{
    const uint32_t num_channels = layer->input_channels;
    for (uint32_t x = 0u; x < layer->output_width; ++x) {
        const kws_nn_columns_t columns = kws_nn_pool_columns(layer, pad_left, x);
        for (uint32_t c = 0u; c < num_channels; ++c) {
            sums[c] = 0;
        }
        for (uint32_t column = columns.first; column < columns.end; ++column) {
            const int8_t *values = input + column * num_channels;
            for (uint32_t c = 0u; c < num_channels; ++c) {
                sums[c] = (int16_t)(sums[c] + values[c]);
            }
        }
        sums += num_channels;
    }
}

void kws_nn_pool_finish(const kws_nn_layer_t *layer, uint32_t pad_left, const int32_t *sums,
                        uint32_t num_rows, int8_t *output)
{
    for (uint32_t x = 0u; x < layer->output_width; ++x) {
        const kws_nn_columns_t columns = kws_nn_pool_columns(layer, pad_left, x);
        const int32_t cells = (int32_t)(num_rows * (columns.end - columns.first));
        const int32_t half = cells / 2;
        for (uint32_t c = 0u; c < layer->output_channels; ++c) {
            const int32_t sum = *sums++;
            const int32_t mean = (sum > 0 ? sum + half : sum - half) / cells;
            *output++ = (int8_t)kws_nn_clamp(mean, layer->output_min, layer->output_max);
        }
    }
}
