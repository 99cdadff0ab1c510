/* What lies in the bundle for the kernels: weights and channel tables. The writer in Python reads this too. */
#ifndef KWS_NN_LAYOUT_H
#define KWS_NN_LAYOUT_H

#include <stdint.h>

/* How `weights` is stored. Both versions of a kernel read every layout that names their operation. */
typedef enum {
    /* int8 as in TFLite: conv, pointwise, dense [oc][ky][kx][ic]; depthwise [ky][kx][channel] */
    KWS_NN_LAYOUT_COMPACT = 0,
    /* conv, pointwise, for the Armv7E-M kernel: paired.h; the channel table is empty */
    KWS_NN_LAYOUT_PAIRED = 1,
    /* depthwise 3 x 3 at stride width 1, for the Armv7E-M kernel: stencil.h; the channel table is empty */
    KWS_NN_LAYOUT_STENCIL = 2,
    /* any other depthwise layer, for the Armv7E-M kernel: quads.h; the channel table is empty */
    KWS_NN_LAYOUT_QUADS = 3
} kws_nn_layout_t;

/* Per output channel. In the bundle as is: three little-endian words. */
typedef struct {
    int32_t bias; /* |bias| <= 2^30; scale: input x weight; holds -input_zero_point * sum(weights) too */
    int32_t multiplier; /* Q31, 0 or 2^30 .. 2^31 - 1 */
    int32_t shift;      /* -31 .. 30: exponent of two, negative shifts right */
} kws_nn_channel_t;

enum {
    /* Fraction bits of the high half of (256 * accumulator) * multiplier, a Q31 number */
    KWS_NN_RESCALE_FRACTION = 7
};

/* Per output channel. `rounding` adds the halves of TFLite's two roundings and the zero point,
 *   64 + (2 * zero_point + 1) * 2^(shift - 1),
 * so that for outputs not below the zero point, exactly (floors nest),
 *   output = ((256 * accumulator * multiplier >> 32) + rounding) >> shift
 * Below it TFLite's second rounding goes the other way, which a clamp at the zero point hides. */
typedef struct {
    int32_t multiplier; /* Q31, not negative */
    int32_t rounding;
    int32_t shift; /* KWS_NN_RESCALE_FRACTION + TFLite's right shift of 1 to 15 */
} kws_nn_rescale_t;

/* KWS_NN_LAYOUT_PAIRED: paired.h */
enum {
    KWS_NN_PAIRED_CHANNELS = 4,    /* in a block */
    KWS_NN_PAIRED_MAX_INPUTS = 256 /* kernel_height * kernel_width * input_channels */
};

/* KWS_NN_LAYOUT_QUADS: quads.h */
enum {
    KWS_NN_QUADS_CHANNELS = 4,  /* in a group */
    KWS_NN_QUADS_MAX_TAPS = 256 /* kernel_height * kernel_width: 256 * accumulator stays inside 32 bits */
};

/* KWS_NN_LAYOUT_STENCIL: stencil.h */
enum {
    KWS_NN_STENCIL_SIZE = 3,     /* rows and columns of the kernel */
    KWS_NN_STENCIL_CHANNELS = 4, /* worked on together */
    KWS_NN_STENCIL_OUTPUTS = 5   /* columns worked on together */
};

typedef struct {
    int32_t start;       /* 256 * bias */
    int16_t upper[3][2]; /* 256 * weights of column kx in rows 0 and 1 */
    int16_t lower[2][2]; /* 256 * weights of row 2 in columns 0 and 1, and in columns 1 and 2 */
    kws_nn_rescale_t rescale;
} kws_nn_stencil_t;

#endif
