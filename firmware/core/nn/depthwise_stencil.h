/* SPDX-License-Identifier: Apache-2.0 */
/* The layout KWS_NN_LAYOUT_STENCIL of depthwise 3 x 3 weights at stride 1 or 2, which the Armv7E-M kernel runs on:
 * one record per channel, everything in it; the channel table is empty.
 *
 * Weights are paired for dual multiply-accumulates, with the inputs above each other in the upper two rows and
 * beside each other in the lowest one, and are stored times 256, so that the sums come out as kws_nn_rescale
 * wants them at no cost.
 *
 * What the packer promises: no weight is -128, 256 * accumulator + start inside 32 bits, a multiple of four
 * channels. A layer that needs a channel table cannot have this layout. */
#ifndef KWS_NN_DEPTHWISE_STENCIL_H
#define KWS_NN_DEPTHWISE_STENCIL_H

#include "rescale.h"

enum {
    KWS_NN_STENCIL_SCRATCH_BYTES = 112 /* the Armv7E-M kernel works there */
};

/* Bytes of `weights`, or 0 when the layer cannot have this layout. */
uint32_t kws_nn_stencil_weights_bytes(const kws_nn_layer_t *layer);

uint32_t kws_nn_stencil_scratch_bytes(const kws_nn_layer_t *layer);

kws_nn_kernel_t kws_nn_depthwise_stencil_row;

#endif
