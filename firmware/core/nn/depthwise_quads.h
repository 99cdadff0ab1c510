/* SPDX-License-Identifier: Apache-2.0 */
/* The layout KWS_NN_LAYOUT_QUADS of depthwise weights, any kernel and stride, for the Armv7E-M kernel: what four
 * channels need lies together. A channel table is there only where layout.h says so.
 *
 *     per four channels:
 *       per tap [ky][kx]: int8 x 4
 *       4 x int32  start
 *       4 x int32  multiplier
 *
 * What the packer promises: 256 * accumulator + start inside 32 bits, at most KWS_NN_QUADS_MAX_TAPS taps, a multiple
 * of four channels. */
#ifndef KWS_NN_DEPTHWISE_QUADS_H
#define KWS_NN_DEPTHWISE_QUADS_H

#include "rescale.h"

/* Taps of the kernel. */
static inline uint32_t kws_nn_quads_taps(const kws_nn_layer_t *layer)
{
    return (uint32_t)layer->kernel_height * layer->kernel_width;
}

static inline uint32_t kws_nn_quads_group_bytes(uint32_t taps)
{
    return KWS_NN_QUADS_CHANNELS * (uint32_t)(2u * sizeof(int32_t) + taps);
}

/* Bytes of `weights`, or 0 when the layer cannot have this layout. */
uint32_t kws_nn_quads_weights_bytes(const kws_nn_layer_t *layer);

/* Starts of a group, and behind them its multipliers. */
static inline const int32_t *kws_nn_quads_constants(const int8_t *group, uint32_t taps)
{
    return (const int32_t *)(const void *)(group + (size_t)KWS_NN_QUADS_CHANNELS * taps);
}

/* Scratch of both kernels: a pointer of a 32-bit target per tap. */
static inline uint32_t kws_nn_quads_scratch_bytes(const kws_nn_layer_t *layer)
{
    return kws_nn_quads_taps(layer) * (uint32_t)sizeof(uint32_t);
}

kws_nn_kernel_t kws_nn_depthwise_quads_row;

#endif
