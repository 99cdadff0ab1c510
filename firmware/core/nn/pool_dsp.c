/* SPDX-License-Identifier: Apache-2.0 */
/* Armv7E-M: average pool, four channels at a time, where windows do not overlap or are one column wide. */
#include "../kws_simd.h"
#if KWS_SIMD

#include "nn.h"
#include "simd_dsp.h"

/* Column sums of four channels: of channels 0 and 2, and of 1 and 3. */
typedef struct {
    int16x2_t even;
    int16x2_t odd;
} sums_t;

static inline sums_t sum_columns(const int8_t *input, uint32_t num_columns, uint32_t step)
{
    sums_t sums = {0, 0};
    if (num_columns % 2u != 0u) {
        const int8x4_t word = kws_load_bytes(input);
        sums = (sums_t){__sxtb16(word), kws_odd_bytes(word)};
        input += step;
    }
    for (uint32_t pairs = num_columns / 2u; pairs > 0u; --pairs) {
        const int8x4_t word = kws_load_bytes(input); /* a load after a load costs least */
        const int8x4_t next = kws_load_bytes(input + step);
        sums.even = __sxtab16(__sxtab16(sums.even, word), next);
        sums.odd = kws_add_odd_bytes(kws_add_odd_bytes(sums.odd, word), next);
        input += 2u * step;
    }
    return sums;
}

/* All loads first: they cost least one after the other. */
static inline void add(int32_t *totals, sums_t sums)
{
    const int32_t old[4] = {totals[0], totals[1], totals[2], totals[3]};
    totals[0] = old[0] + (int16_t)sums.even;
    totals[1] = old[1] + (int16_t)sums.odd;
    totals[2] = old[2] + (sums.even >> 16);
    totals[3] = old[3] + (sums.odd >> 16);
}

/* One column under each output: the row that leaves lies in `kept` as it came. */
static void slide_one_column(const int8_t *input, uint32_t num_values, int32_t *totals, int8_t *kept)
{
    for (const int8_t *end = input + num_values; input != end; input += 4) {
        const int8x4_t word = kws_load_bytes(input);
        const int8x4_t oldest = kws_load_bytes(kept);
        const sums_t change = {__ssub16(__sxtb16(word), __sxtb16(oldest)),
                               __ssub16(kws_odd_bytes(word), kws_odd_bytes(oldest))};
        memcpy(kept, &word, sizeof word);
        add(totals, change);
        kept += 4;
        totals += 4;
    }
}

void kws_nn_pool_row(const kws_nn_layer_t *layer, uint32_t pad_left, const int8_t *input, int32_t *sums,
                     void *kept)
{
    const uint32_t num_channels = layer->input_channels;
    const bool bare = layer->kernel_width == 1u && layer->stride_width == 1u && pad_left == 0u;
    if (num_channels % 4u != 0u || input == NULL || (kept != NULL && !bare)) {
        kws_nn_pool_general_row(layer, pad_left, input, sums, kept);
        return;
    }
    if (kept != NULL) {
        slide_one_column(input, layer->output_width * num_channels, sums, kept);
        return;
    }
    for (uint32_t x = 0u; x < layer->output_width; ++x) {
        const kws_nn_columns_t columns = kws_nn_pool_columns(layer, pad_left, x);
        const int8_t *first = input + columns.first * num_channels;
        for (const int8_t *next = first + num_channels; first != next; first += 4) {
            add(sums, sum_columns(first, columns.end - columns.first, num_channels));
            sums += 4;
        }
    }
}

#endif
