/* SPDX-License-Identifier: Apache-2.0 */
/* The layout KWS_NN_LAYOUT_PAIRED of conv and pointwise weights, which the Armv7E-M kernel runs on.
 *
 * Its 16-bit lanes hold two channels, 256 * odd + even, so that weights stay one byte each and yet cost half an
 * instruction to unpack: a dual multiply-accumulate with the lanes as they are sums 256 * odd + even, one with
 * SXTB16 of them sums even alone, and the difference is 256 * odd.
 *
 * `weights` holds, per block of four output channels (the last one is filled up with zeros):
 *
 *     2 x int32  start of channels 1 and 3
 *     per two inputs a, b:
 *       int16 x 2  256 * weight[1][a] + weight[0][a], the same for b
 *       int16 x 2  256 * weight[3][a] + weight[2][a], the same for b
 *     2 x kws_nn_paired_end_t
 *
 * Inputs are numbered as compact weights are, [ky][kx][ic], filled up to a multiple of four, and each four go in
 * the order that SXTB16 gives: 0 and 2, then 1 and 3. A channel table is there only where layout.h says so; a dense
 * layer has none in this layout.
 *
 * What the packer promises: no weight is -128, at most KWS_NN_PAIRED_MAX_INPUTS inputs, and
 * 256 * accumulator + start inside 32 bits. */
#ifndef KWS_NN_CONV_PAIRED_H
#define KWS_NN_CONV_PAIRED_H

#include "rescale.h"

/* Inputs of one output, filled up. */
static inline uint32_t kws_nn_paired_inputs(const kws_nn_layer_t *layer)
{
    const uint32_t inputs = (uint32_t)layer->kernel_height * layer->kernel_width * layer->input_channels;
    return (inputs + 3u) & ~3u;
}

/* A multiple of 16. The ends follow the weights. */
static inline uint32_t kws_nn_paired_block_bytes(uint32_t inputs)
{
    return 2u * (uint32_t)(sizeof(int32_t) + sizeof(kws_nn_paired_end_t)) + KWS_NN_PAIRED_CHANNELS * inputs;
}

static inline const kws_nn_paired_end_t *kws_nn_paired_ends(const int8_t *block, uint32_t inputs)
{
    const int8_t *ends = block + 2u * sizeof(int32_t) + (size_t)KWS_NN_PAIRED_CHANNELS * inputs;
    return (const kws_nn_paired_end_t *)(const void *)ends;
}

/* Bytes of `weights`, or 0 when the layer cannot have this layout. */
uint32_t kws_nn_paired_weights_bytes(const kws_nn_layer_t *layer);

/* Scratch of both kernels: inputs of up to three columns as int16; and as they are, where runs of a kernel row are no
 * multiple of four. */
uint32_t kws_nn_paired_scratch_bytes(const kws_nn_layer_t *layer);

/* Any kernel, any stride. */
kws_nn_kernel_t kws_nn_conv_paired_row;

/* The inputs under output column x, one after the other, filled up with zeros. */
void kws_nn_conv_paired_gather(const kws_nn_layer_t *layer, const int8_t *const *rows, uint32_t x,
                               int8_t *inputs);

#endif
