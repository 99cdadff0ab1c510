/* SPDX-License-Identifier: Apache-2.0 */
/* int32 accumulator -> int8, exactly as TFLite's reference kernels round. Convolutions round twice: a saturating
 * rounding doubling high multiply, then a rounding division by a power of two. Dense layers round once (TFLite
 * 2.21, tests/parity/test_model_tflite.py). Inline: it is the inner loop of every layer. */
#ifndef KWS_NN_REQUANTIZE_H
#define KWS_NN_REQUANTIZE_H

#include "nn.h"

/* round(value * multiplier / 2^31), ties upwards. TFLite's sign-dependent nudge with truncating division
 * gives the same number; its one saturating case (both -2^31) cannot occur because multipliers are not
 * negative. */
static inline int32_t kws_nn_high_multiply(int32_t value, int32_t multiplier)
{
    return (int32_t)(((int64_t)value * multiplier + ((int64_t)1 << 30)) >> 31);
}

/* value / 2^exponent, ties away from zero. exponent: 0 .. 31 */
static inline int32_t kws_nn_shift_right(int32_t value, int32_t exponent)
{
    const int32_t mask = (int32_t)((1u << exponent) - 1u);
    const int32_t threshold = (mask >> 1) + (value < 0 ? 1 : 0);
    return (value >> exponent) + ((value & mask) > threshold ? 1 : 0);
}

/* value * multiplier / 2^31 * 2^shift with TFLite's two roundings. A left shift wraps as TFLite's does. */
static inline int32_t kws_nn_scale(int32_t value, int32_t multiplier, int32_t shift)
{
    if (shift > 0) {
        return kws_nn_high_multiply((int32_t)((uint32_t)value << shift), multiplier);
    }
    return kws_nn_shift_right(kws_nn_high_multiply(value, multiplier), -shift);
}

static inline int32_t kws_nn_clamp(int32_t value, int32_t low, int32_t high)
{
    return value < low ? low : (value > high ? high : value);
}

/* One finished int8 output. Clamping before the zero point is added cannot overflow. */
static inline int8_t kws_nn_requantize(int32_t accumulator, const kws_nn_channel_t *channel,
                                       const kws_nn_layer_t *layer)
{
    const int32_t zero_point = layer->output_zero_point;
    const int32_t scaled = kws_nn_scale(accumulator, channel->multiplier, channel->shift);
    return (int8_t)(kws_nn_clamp(scaled, layer->output_min - zero_point, layer->output_max - zero_point) +
                    zero_point);
}

/* The same for dense layers: one rounding, ties upwards. */
static inline int8_t kws_nn_requantize_once(int32_t accumulator, const kws_nn_channel_t *channel,
                                            const kws_nn_layer_t *layer)
{
    const int32_t right = 31 - channel->shift; /* 1 .. 62 */
    const int64_t product = (int64_t)accumulator * channel->multiplier + ((int64_t)1 << (right - 1));
    const int64_t value = (product >> right) + layer->output_zero_point;
    return (int8_t)(value < layer->output_min ? layer->output_min
                                              : (value > layer->output_max ? layer->output_max : value));
}

#endif
