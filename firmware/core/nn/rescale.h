/* SPDX-License-Identifier: Apache-2.0 */
/* int32 accumulator -> int8 for the layouts of the Armv7E-M kernels: layout.h says what the constants mean. */
#ifndef KWS_NN_RESCALE_H
#define KWS_NN_RESCALE_H

#include "requantize.h"

/* What SMMUL and SSAT do. sum: 256 * accumulator + start. */
static inline int8_t kws_nn_rescale(uint32_t sum, int32_t multiplier)
{
    const int32_t high = (int32_t)(((int64_t)(int32_t)sum * multiplier) >> 32);
    return (int8_t)kws_nn_clamp(high >> KWS_NN_RESCALE_SHIFT, INT8_MIN, INT8_MAX);
}

/* The output of a channel, by the channel table where there is one. */
static inline int8_t kws_nn_finish(const kws_nn_layer_t *layer, uint32_t channel, uint32_t sum,
                                   int32_t multiplier)
{
    if (layer->channels == NULL) {
        return kws_nn_rescale(sum, multiplier);
    }
    return kws_nn_requantize((int32_t)sum >> 8, &layer->channels[channel], layer);
}

#endif
