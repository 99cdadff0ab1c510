/* SPDX-License-Identifier: Apache-2.0 */
#include "../kws_simd.h"
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

/* Sum of a channel over columns of the bare row. */
static int32_t sum_columns(const int8_t *input, kws_nn_columns_t columns, uint32_t num_channels)
{
    int32_t sum = 0;
    for (uint32_t column = columns.first; column < columns.end; ++column) {
        sum += input[column * num_channels];
    }
    return sum;
}

void kws_nn_pool_general_row(const kws_nn_layer_t *layer, uint32_t pad_left, const int8_t *input,
                             int32_t *sums, void *kept)
{
    const uint32_t num_channels = layer->input_channels;
    int8_t *kept_bytes = (layer->kernel_width == 1u) ? kept : NULL;
    int16_t *kept_words = (layer->kernel_width == 1u) ? NULL : kept;
    for (uint32_t x = 0u; x < layer->output_width; ++x) {
        const kws_nn_columns_t columns = kws_nn_pool_columns(layer, pad_left, x);
        for (uint32_t c = 0u; c < num_channels; ++c) {
            const int32_t sum = (input == NULL) ? 0 : sum_columns(input + c, columns, num_channels);
            *sums += sum;
            if (kept_bytes != NULL) {
                *sums -= *kept_bytes;
                *kept_bytes++ = (int8_t)sum;
            } else if (kept_words != NULL) {
                *sums -= *kept_words;
                *kept_words++ = (int16_t)sum;
            }
            ++sums;
        }
    }
}

#if !KWS_SIMD
void kws_nn_pool_row(const kws_nn_layer_t *layer, uint32_t pad_left, const int8_t *input, int32_t *sums,
                     void *kept)
{
    kws_nn_pool_general_row(layer, pad_left, input, sums, kept);
}
#endif

/* How the sums under an output column become means: round half away from zero. */
typedef struct {
    uint32_t cells;
    uint32_t reciprocal; /* 2^32 / cells, rounded up; 0: divide */
    uint32_t middle;     /* 128 * cells, which makes sums positive, and half a cell count */
    int32_t has_halves;  /* -1 when cells is even. Halves go away from zero: down where the sum is negative */
} divisor_t;

enum {
    MAX_CELLS_MULTIPLIED = 4000
};

static divisor_t divisor_of(uint32_t cells)
{
    /* sums + middle < 257 * cells, so a reciprocal too large by e < 1 makes quotients too large by less than
     * 257 * cells * e / 2^32 < 1 / cells: none reaches the next integer. */
    const bool multiplied = cells > 1u && cells <= MAX_CELLS_MULTIPLIED;
    return (divisor_t){.cells = cells,
                       .reciprocal = multiplied ? UINT32_MAX / cells + 1u : 0u,
                       .middle = 128u * cells + cells / 2u,
                       .has_halves = (cells % 2u == 0u) ? -1 : 0};
}

static inline int32_t mean_of(int32_t sum, divisor_t by)
{
    const uint32_t above = (uint32_t)sum + by.middle + (uint32_t)((sum >> 31) & by.has_halves);
    const uint32_t quotient =
        (by.reciprocal == 0u) ? above / by.cells : (uint32_t)(((uint64_t)above * by.reciprocal) >> 32);
    return (int32_t)quotient - 128;
}

void kws_nn_pool_finish(const kws_nn_layer_t *layer, uint32_t pad_left, const int32_t *sums,
                        uint32_t num_rows, int8_t *output)
{
    const int32_t low =
        layer->output_min; /* copies: outputs may alias the layer for all the compiler knows */
    const int32_t high = layer->output_max;
    const uint32_t num_channels = layer->output_channels;
    for (uint32_t x = 0u; x < layer->output_width; ++x) {
        const kws_nn_columns_t columns = kws_nn_pool_columns(layer, pad_left, x);
        const divisor_t by = divisor_of(num_rows * (columns.end - columns.first));
        for (const int32_t *end = sums + num_channels; sums != end; ++sums) {
            *output++ = (int8_t)kws_nn_clamp(mean_of(*sums, by), low, high);
        }
    }
}

void kws_nn_mean_finish(const kws_nn_layer_t *layer, const int32_t *sums, int8_t *output)
{
    const kws_nn_channel_t channel = layer->channels[0];
    const uint32_t num_values = (uint32_t)layer->output_width * layer->output_channels;
    for (uint32_t i = 0u; i < num_values; ++i) {
        output[i] = kws_nn_requantize(sums[i] + channel.bias, &channel, layer);
    }
}
