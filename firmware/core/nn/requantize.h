/* int32 accumulator -> int8, exactly as TFLite's reference kernels round: a saturating rounding doubling high
 * multiply, then a rounding division by a power of two. Inline: it is the inner loop of every layer. */
#ifndef KWS_NN_REQUANTIZE_H
#define KWS_NN_REQUANTIZE_H

#include <stdint.h>

/* round(value * multiplier / 2^31), ties upwards. TFLite's sign-dependent nudge with truncating division gives the
 * same number; its one saturating case (both -2^31) cannot occur because multipliers are not negative. */
static inline int32_t kws_nn_high_multiply(int32_t value, int32_t multiplier)
{
    return (int32_t)(((int64_t)value * multiplier + ((int64_t)1 << 30)) >> 31);
}

/* value / 2^exponent, ties away from zero. exponent: 0 .. 31 */
static inline int32_t kws_nn_shift_right(int32_t value, int32_t exponent)
{
    const int32_t mask = (int32_t)(((int64_t)1 << exponent) - 1);
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

#endif
