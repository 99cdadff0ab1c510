/* SPDX-License-Identifier: Apache-2.0 */
/* What lies in the bundle for the kernels: weights and channel tables. The writer in Python reads this too. */
#ifndef KWS_NN_LAYOUT_H
#define KWS_NN_LAYOUT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How `weights` is stored. Both versions of a kernel read every layout that names their operation. */
typedef enum {
    /* int8 as in TFLite: conv, pointwise, dense [oc][ky][kx][ic]; depthwise [ky][kx][channel] */
    KWS_NN_LAYOUT_COMPACT = 0,
    /* conv, pointwise, dense, for the Armv7E-M kernel: conv_paired.h */
    KWS_NN_LAYOUT_PAIRED = 1,
    /* any depthwise layer, for the Armv7E-M kernel: depthwise_quads.h; 2 was a layout that bundles no longer have */
    KWS_NN_LAYOUT_QUADS = 3,
    /* depthwise 3 x 3, for the Armv7E-M kernel: depthwise_stencil.h */
    KWS_NN_LAYOUT_STENCIL = 4
} kws_nn_layout_t;

/* Per output channel. In the bundle as is: three little-endian words. */
typedef struct {
    int32_t
        bias; /* |bias| < 2^30 + 2^14; scale: input x weight; holds -input_zero_point * sum(weights) too */
    int32_t multiplier; /* Q31, 0 or 2^30 .. 2^31 - 1 */
    int32_t shift;      /* -31 .. 30: exponent of two, negative shifts right */
} kws_nn_channel_t;

/* The layouts other than compact keep two constants per output channel instead of a channel table:
 *
 *   output = saturate_int8(((256 * accumulator + start) * multiplier >> 32) >> KWS_NN_RESCALE_SHIFT)
 *
 * where the bias is part of `start`. It takes three instructions and has TFLite's bits: both are rising steps, and
 * the writer of the bundle takes only constants that put all 255 of them at the same accumulators
 * (kws/importer/rescaling.py). Where there are none, as for layers whose zero point lies inside the outputs (TFLite
 * rounds away from it), there is a channel table after all: then `start` is 256 * bias, and `multiplier` 0. */
enum {
    KWS_NN_RESCALE_SHIFT = 11 /* chosen so that slopes of 2^-4 down to 2^-12 output steps find constants */
};

/* KWS_NN_LAYOUT_PAIRED: conv_paired.h */
enum {
    KWS_NN_PAIRED_CHANNELS = 4,     /* in a block */
    KWS_NN_PAIRED_MAX_INPUTS = 1024 /* kernel_height * kernel_width * input_channels */
};

/* Of channels 2i and 2i + 1 of a block; the start of the odd one comes before the weights. */
typedef struct {
    int32_t start_even;
    int32_t multiplier_even;
    int32_t multiplier_odd;
} kws_nn_paired_end_t;

/* KWS_NN_LAYOUT_QUADS: depthwise_quads.h */
enum {
    KWS_NN_QUADS_CHANNELS = 4,  /* in a group */
    KWS_NN_QUADS_MAX_TAPS = 256 /* kernel_height * kernel_width: 256 * accumulator stays inside 32 bits */
};

/* KWS_NN_LAYOUT_STENCIL: depthwise_stencil.h */
enum {
    KWS_NN_STENCIL_SIZE = 3,     /* rows and columns of the kernel */
    KWS_NN_STENCIL_CHANNELS = 4, /* worked on together */
    KWS_NN_STENCIL_MAX_STRIDE = 2,
    KWS_NN_STENCIL_MIN_OUTPUTS = 4, /* columns worked on together */
    KWS_NN_STENCIL_OFFSET = 128     /* its inputs lie in the ring as value + 128, which makes them uint8 */
};

typedef struct {
    int32_t start;            /* for inputs of 0 .. 255 */
    int16_t weights[3][2][2]; /* 256 * weights of each row: in columns 0 and 1, and in columns 1 and 2 */
    int32_t multiplier;
} kws_nn_stencil_t;

#ifdef __cplusplus
}
#endif

#endif
