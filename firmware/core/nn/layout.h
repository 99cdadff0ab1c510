/* What lies in the bundle for the kernels: weights and channel tables. The writer in Python reads this too. */
#ifndef KWS_NN_LAYOUT_H
#define KWS_NN_LAYOUT_H

#include <stdint.h>

/* How `weights` is stored. Both versions of a kernel read every layout that names their operation. */
typedef enum {
    /* int8 as in TFLite: conv, pointwise, dense [oc][ky][kx][ic]; depthwise [ky][kx][channel] */
    KWS_NN_LAYOUT_COMPACT = 0
} kws_nn_layout_t;

/* Per output channel. In the bundle as is: three little-endian words. */
typedef struct {
    int32_t bias; /* |bias| <= 2^30; scale: input x weight; holds -input_zero_point * sum(weights) too */
    int32_t multiplier; /* Q31, 0 or 2^30 .. 2^31 - 1 */
    int32_t shift;      /* -31 .. 30: exponent of two, negative shifts right */
} kws_nn_channel_t;

#endif
