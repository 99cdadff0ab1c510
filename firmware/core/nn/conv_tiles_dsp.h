/* SPDX-License-Identifier: Apache-2.0 */
/* Armv7E-M: matrix products for KWS_NN_LAYOUT_PAIRED in tiles of two columns x four channels, three columns x two
 * channels, or one column x four channels. Only for x_dsp.c files.
 *
 * Their inputs are int16, in pairs in the order that SXTB16 gives (inputs 0 and 2, then 1 and 3 of each four); the pairs
 * of the columns of a tile take turns. The inputs of a whole row are those of its tiles one after the other: as many of
 * two columns as there are, and where the number of columns is odd, three in the last one. */
#ifndef KWS_NN_CONV_TILES_DSP_H
#define KWS_NN_CONV_TILES_DSP_H

#include "conv_paired.h"

/* What the assembly takes. Field order is part of it. */
typedef struct {
    const int8_t *block;   /* weights */
    const int16_t *inputs; /* columns times their number */
    const int16_t *end;
    uint32_t skip_bytes; /* of the unrolled loop, in the first round */
    int8_t *output;      /* of the first column */
    uint32_t
        column_bytes;    /* output: from one column to the next; KWS_NN_TO_PAIRS; of one column 0: raw sums */
    uint32_t pair_bytes; /* from one pair of channels to the next */
    const int8_t *last;  /* end of the weights of the last block */
} kws_nn_tile_t;

/* Every block, finished. channels: NULL */
void kws_nn_two_columns(const kws_nn_tile_t *tile);
void kws_nn_three_columns(const kws_nn_tile_t *tile);

/* The same for one column, into a row; or of one block only the sums, "even" and "both" of each pair, as uint32. */
void kws_nn_one_column(const kws_nn_tile_t *tile);

enum {
    KWS_NN_ROUND_INPUTS = 64,       /* of the unrolled loops of two and three columns */
    KWS_NN_TWO_COLUMNS_CODE = 56,   /* bytes of code for two inputs */
    KWS_NN_THREE_COLUMNS_CODE = 44, /* the same */
    /* In the place of column_bytes: 128 as it is added before the last shift. */
    KWS_NN_TO_PAIRS = KWS_NN_STENCIL_OFFSET << KWS_NN_RESCALE_SHIFT
};

/* All tiles of a layer have this in common. inputs: of a column */
static inline kws_nn_tile_t kws_nn_tile_of(const kws_nn_pointwise_t *layer, uint32_t inputs, int8_t *output)
{
    const uint32_t blocks = layer->output_channels / KWS_NN_PAIRED_CHANNELS;
    return (kws_nn_tile_t){.block = layer->weights,
                           .output = output,
                           .column_bytes =
                               (layer->pair_bytes == 0u) ? layer->output_channels : KWS_NN_TO_PAIRS,
                           .pair_bytes = layer->pair_bytes,
                           .last = layer->weights + blocks * kws_nn_paired_block_bytes(inputs)};
}

/* Columns of the next tile, of `left` ones. */
static inline uint32_t kws_nn_tile_columns(uint32_t left)
{
    return (left <= 3u) ? left : 2u;
}

/* Runs a tile of two or three columns and moves its output on. num_inputs: of a column */
static inline void kws_nn_run_tile(kws_nn_tile_t *tile, uint32_t columns, uint32_t num_inputs,
                                   const int16_t *inputs)
{
    const uint32_t skip = (2u - num_inputs) % KWS_NN_ROUND_INPUTS / 2u;
    tile->inputs = inputs;
    tile->end = inputs + columns * num_inputs;
    if (columns == 2u) {
        tile->skip_bytes = skip * KWS_NN_TWO_COLUMNS_CODE;
        kws_nn_two_columns(tile);
    } else {
        tile->skip_bytes = skip * KWS_NN_THREE_COLUMNS_CODE;
        kws_nn_three_columns(tile);
    }
    tile->output += columns * ((tile->pair_bytes == 0u) ? tile->column_bytes : 2u);
}

#endif
