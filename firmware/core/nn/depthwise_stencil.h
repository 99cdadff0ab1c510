/* SPDX-License-Identifier: Apache-2.0 */
/* The layout KWS_NN_LAYOUT_STENCIL of depthwise 3 x 3 weights at stride 1 or 2, which the Armv7E-M kernel runs on:
 * one record per channel, everything in it; the channel table is empty.
 *
 * Weights are paired for dual multiply-accumulates with the inputs of two neighbouring columns, which lie beside each
 * other in the channel pairs of nn.h; and they are stored times 256, so that the sums come out as kws_nn_rescale wants
 * them at no cost.
 *
 * What the packer promises: no weight is -128, 256 * accumulator + start inside 32 bits, a multiple of four
 * channels, at stride 2 an even number of outputs. Of an odd number of columns, padding included, nobody stores the
 * last one: it is padding of -128. A layer that needs a channel table cannot have this layout. */
#ifndef KWS_NN_DEPTHWISE_STENCIL_H
#define KWS_NN_DEPTHWISE_STENCIL_H

#include "rescale.h"

/* Bytes of `weights`, or 0 when the layer cannot have this layout. */
uint32_t kws_nn_stencil_weights_bytes(const kws_nn_layer_t *layer);

/* Room for the outputs as int16. */
uint32_t kws_nn_stencil_scratch_bytes(const kws_nn_layer_t *layer);

/* Columns of its inputs that are stored, of input_width with padding: even, so that pairs of channels begin with a
 * word. */
static inline uint32_t kws_nn_stencil_columns(uint32_t input_width)
{
    return input_width & ~1u;
}

/* rows: channel pairs */
kws_nn_kernel_t kws_nn_depthwise_stencil_row;

#endif
