/* The layout KWS_NN_LAYOUT_PAIRED of conv and pointwise weights, which the Armv7E-M kernel runs on.
 *
 * Its 16-bit lanes hold two channels, 256 * odd + even, so that weights stay one byte each and yet cost half an
 * instruction to unpack: a dual multiply-accumulate with the lanes as they are sums 256 * odd + even, one with
 * SXTB16 of them sums even alone, and the difference is 256 * odd.
 *
 * `weights` holds, per block of four output channels (the last one is filled up with zeros):
 *
 *     4 x int32  start: bias 0, 256 * bias 1 + bias 0, bias 2, 256 * bias 3 + bias 2
 *     per two inputs a, b:
 *       int16 x 2  256 * weight[1][a] + weight[0][a], the same for b
 *       int16 x 2  256 * weight[3][a] + weight[2][a], the same for b
 *     4 x kws_nn_rescale_t
 *
 * Inputs are numbered as compact weights are, [ky][kx][ic], filled up to a multiple of four, and each four go in
 * the order that SXTB16 gives: 0 and 2, then 1 and 3. The channel table is empty: all of it is in here.
 *
 * What the packer promises: no weight is -128, |bias| <= 2^22, at most KWS_NN_PAIRED_MAX_INPUTS inputs, and
 * right shifts of 1 to 15. Then 256 * accumulator stays inside 32 bits. */
#ifndef KWS_NN_PAIRED_H
#define KWS_NN_PAIRED_H

#include "rescale.h"

/* Inputs of one output, filled up. */
static inline uint32_t kws_nn_paired_inputs(const kws_nn_layer_t *layer)
{
    const uint32_t inputs = (uint32_t)layer->kernel_height * layer->kernel_width * layer->input_channels;
    return (inputs + 3u) & ~3u;
}

/* A multiple of 16. */
static inline uint32_t kws_nn_paired_block_bytes(uint32_t inputs)
{
    return KWS_NN_PAIRED_CHANNELS * (uint32_t)(sizeof(int32_t) + sizeof(kws_nn_rescale_t)) +
           KWS_NN_PAIRED_CHANNELS * inputs;
}

/* Bytes of `weights`, or 0 when the layer cannot have this layout. */
uint32_t kws_nn_paired_weights_bytes(const kws_nn_layer_t *layer);

/* True when what `weights` holds is what the packer promises; they are inside the bundle already. */
bool kws_nn_paired_fits(const kws_nn_layer_t *layer);

/* Scratch of both kernels: inputs of two columns as they are, and as int16. */
uint32_t kws_nn_paired_scratch_bytes(const kws_nn_layer_t *layer);

/* Any kernel, any stride. */
kws_nn_kernel_t kws_nn_paired_row_plain;
kws_nn_kernel_t kws_nn_paired_row_dsp;

/* The inputs under output column x, one after the other, filled up with zeros. */
void kws_nn_paired_gather(const kws_nn_layer_t *layer, const int8_t *const *rows, uint32_t x, int8_t *inputs);

#endif
