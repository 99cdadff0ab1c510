/* The layout KWS_NN_LAYOUT_QUADS of depthwise weights, any kernel and stride, for the Armv7E-M kernel: what four
 * channels need lies together, and is rescaled as kws_nn_rescale_t says. The channel table is empty.
 *
 *     per four channels:
 *       4 x int32  bias
 *       per tap [ky][kx]: int8 x 4
 *       4 x kws_nn_rescale_t
 *
 * What the packer promises: |bias| <= 2^22, at most KWS_NN_QUADS_MAX_TAPS taps, right shifts of 1 to 15, a multiple
 * of four channels. */
#ifndef KWS_NN_QUADS_H
#define KWS_NN_QUADS_H

#include "rescale.h"

/* Taps of the kernel. */
static inline uint32_t kws_nn_quads_taps(const kws_nn_layer_t *layer)
{
    return (uint32_t)layer->kernel_height * layer->kernel_width;
}

static inline uint32_t kws_nn_quads_group_bytes(uint32_t taps)
{
    return KWS_NN_QUADS_CHANNELS * (uint32_t)(sizeof(int32_t) + sizeof(kws_nn_rescale_t) + taps);
}

/* Bytes of `weights`, or 0 when the layer cannot have this layout. */
uint32_t kws_nn_quads_weights_bytes(const kws_nn_layer_t *layer);

/* True when what `weights` holds is what the packer promises; they are inside the bundle already. */
bool kws_nn_quads_fits(const kws_nn_layer_t *layer);

/* Constants of a group. */
const kws_nn_rescale_t *kws_nn_quads_rescale(const int8_t *group, uint32_t taps);

/* Scratch of both kernels: a pointer of a 32-bit target per tap. */
static inline uint32_t kws_nn_quads_scratch_bytes(const kws_nn_layer_t *layer)
{
    return kws_nn_quads_taps(layer) * (uint32_t)sizeof(uint32_t);
}

kws_nn_kernel_t kws_nn_quads_row_plain;
kws_nn_kernel_t kws_nn_quads_row_dsp;

#endif
