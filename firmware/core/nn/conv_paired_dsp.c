/* SPDX-License-Identifier: Apache-2.0 */
/* Armv7E-M: convolutions from KWS_NN_LAYOUT_PAIRED, tile by tile (conv_tiles_dsp.h). */
#include "../kws_simd.h"
#if KWS_SIMD

#include "conv_tiles_dsp.h"
#include "simd_dsp.h"

enum {
    ONE_ROUND_INPUTS = 32, /* of the unrolled loop of one column */
    ONE_COLUMN_CODE = 72   /* bytes of code for four inputs */
};

/* Four inputs as int16 pairs in the order of SXTB16; `columns` pairs go from the first to the second. */
static inline void widen_word(const int8_t *inputs, int16x2_t *pairs, uint32_t columns)
{
    const int8x4_t word = kws_load_bytes(inputs);
    pairs[0] = __sxtb16(word);
    pairs[columns] = kws_odd_bytes(word);
}

/* The inputs of `columns` neighbouring columns, the first of which is `first` bytes from the beginning of a row. */
static inline void widen_rows(const int8_t *const *rows, const int8_t *const *end_of_rows, uint32_t first,
                              uint32_t step, uint32_t run, int16x2_t *pairs, uint32_t columns)
{
    do {
        const int8_t *input = *rows + first;
        const int8_t *end = input + run;
        do {
#pragma GCC unroll 3
            for (uint32_t i = 0u; i < columns; ++i) {
                widen_word(input + i * step, pairs + i, columns);
            }
            input += 4;
            pairs += 2u * columns;
        } while (input != end);
    } while (++rows != end_of_rows);
}

/* Inputs gathered one column after the other. */
static void widen_gathered(const kws_nn_layer_t *layer, const int8_t *const *rows, uint32_t x,
                           uint32_t columns, int16x2_t *pairs)
{
    const uint32_t inputs = kws_nn_paired_inputs(layer);
    int8_t *room = (int8_t *)pairs + columns * inputs * sizeof(int16_t);
    for (uint32_t i = 0u; i < columns; ++i) {
        kws_nn_conv_paired_gather(layer, rows, x + i, room + i * inputs);
    }
    for (uint32_t i = 0u; i < columns; ++i) {
        for (uint32_t input = 0u; input < inputs; input += 4u) {
            widen_word(room + i * inputs + input, pairs + input / 2u * columns + i, columns);
        }
    }
}

/* The inputs of the tile of column x. The runs of a kernel row are widened where they lie unless they are no multiple
 * of four. */
static void widen_tile(const kws_nn_layer_t *layer, const int8_t *const *rows, uint32_t x, uint32_t columns,
                       int16x2_t *pairs)
{
    const uint32_t run = (uint32_t)layer->kernel_width * layer->input_channels;
    const uint32_t step = (uint32_t)layer->stride_width * layer->input_channels;
    const int8_t *const *end = rows + layer->kernel_height;
    if (run % 4u != 0u) {
        widen_gathered(layer, rows, x, columns, pairs);
    } else if (columns == 3u) {
        widen_rows(rows, end, x * step, step, run, pairs, 3u);
    } else if (columns == 2u) {
        widen_rows(rows, end, x * step, step, run, pairs, 2u);
    } else {
        widen_rows(rows, end, x * step, step, run, pairs, 1u);
    }
}

/* A block of one column from its raw sums: even and both, twice. */
static void finish_block(const kws_nn_layer_t *layer, const uint32_t *raw, const kws_nn_paired_end_t *ends,
                         uint32_t oc, int8_t *output)
{
    for (uint32_t i = 0u; i < KWS_NN_PAIRED_CHANNELS && oc + i < layer->output_channels; ++i) {
        const kws_nn_paired_end_t *end = &ends[i / 2u];
        const uint32_t even = raw[i & ~1u];
        const uint32_t both = raw[i | 1u];
        output[oc + i] =
            (i % 2u == 0u)
                ? kws_nn_finish(layer, oc + i, (even << 8) + (uint32_t)end->start_even, end->multiplier_even)
                : kws_nn_finish(layer, oc + i, both - even, end->multiplier_odd);
    }
}

/* The blocks of one column from channel `oc` on: those finished by the channel table, or of fewer channels. */
static void run_general(const kws_nn_layer_t *layer, kws_nn_tile_t *tile, uint32_t oc, int8_t *output)
{
    const uint32_t inputs = kws_nn_paired_inputs(layer);
    uint32_t raw[KWS_NN_PAIRED_CHANNELS];
    tile->output = (int8_t *)raw;
    tile->column_bytes = 0u;
    for (; oc < layer->output_channels; oc += KWS_NN_PAIRED_CHANNELS) {
        tile->block = layer->weights + oc / KWS_NN_PAIRED_CHANNELS * kws_nn_paired_block_bytes(inputs);
        kws_nn_one_column(tile);
        finish_block(layer, raw, kws_nn_paired_ends(tile->block, inputs), oc, output);
    }
}

static inline kws_nn_tile_t tile_of(const kws_nn_layer_t *layer, uint32_t inputs, int8_t *output)
{
    const kws_nn_pointwise_t outputs = {layer->weights, layer->output_channels, layer->pair_bytes};
    return kws_nn_tile_of(&outputs, inputs, output);
}

/* One column at a time: where there is but one, or something is left to C. */
static void run_columns(const kws_nn_layer_t *layer, const int8_t *const *rows, int8_t *output,
                        int16x2_t *pairs, uint32_t finished_channels)
{
    const uint32_t inputs = kws_nn_paired_inputs(layer);
    for (uint32_t x = 0u; x < layer->output_width; ++x) {
        kws_nn_tile_t tile = tile_of(layer, inputs, output);
        tile.inputs = (const int16_t *)(const void *)pairs;
        tile.end = tile.inputs + inputs;
        tile.skip_bytes = (0u - inputs) % ONE_ROUND_INPUTS / 4u * ONE_COLUMN_CODE;
        widen_tile(layer, rows, x, 1u, pairs);
        if (finished_channels > 0u) {
            kws_nn_one_column(&tile);
        }
        if (finished_channels < layer->output_channels) {
            run_general(layer, &tile, finished_channels, output);
        }
        output += layer->output_channels;
    }
}

/* The assembly finishes every block of two or three columns at a time. */
void kws_nn_conv_paired_row(const kws_nn_layer_t *layer, const int8_t *const *rows, int8_t *output,
                            void *scratch)
{
    const uint32_t width = layer->output_width;
    const uint32_t channels = layer->output_channels;
    const uint32_t finished = (layer->channels == NULL) ? channels & ~(KWS_NN_PAIRED_CHANNELS - 1u) : 0u;
    if (width == 1u || finished < channels) {
        run_columns(layer, rows, output, scratch, finished);
        return;
    }
    const uint32_t inputs = kws_nn_paired_inputs(layer);
    kws_nn_tile_t tile = tile_of(layer, inputs, output);
    for (uint32_t x = 0u; x < width;) {
        const uint32_t columns = kws_nn_tile_columns(width - x);
        widen_tile(layer, rows, x, columns, scratch);
        kws_nn_run_tile(&tile, columns, inputs, scratch);
        x += columns;
    }
}

#endif
