/* SPDX-License-Identifier: Apache-2.0 */
/* TFLite's integer softmax, bit for bit. Its fixed-point numbers are int32 with a stated number of integer
 * bits: Q0.31 for values in [-1, 1), Q5.26 for scaled differences, Q12.19 for the sum, Q2.29 inside the
 * reciprocal. */
#include "nn.h"
#include "requantize.h"

enum {
    ONE_Q0_31 = 0x7FFFFFFF,
    ONE_Q2_29 = 1 << 29,
    SUM_INTEGER_BITS = 12,
    KEPT_EXPONENTIALS = 16 /* of the first outputs; those of others are computed twice */
};

/* 2^exponent * value with saturation; exponent > 0 */
static int32_t saturating_shift_left(int32_t value, int32_t exponent)
{
    const int64_t shifted = (int64_t)value * ((int64_t)1 << exponent);
    return (int32_t)(shifted > INT32_MAX ? INT32_MAX : (shifted < INT32_MIN ? INT32_MIN : shifted));
}

/* kws_nn_high_multiply for |small| < 2^30: one instruction on Armv7E-M. */
static inline int32_t high_multiply_small(int32_t small, int32_t b)
{
    return (int32_t)(((int64_t)(small * 2) * b + 0x80000000) >> 32);
}

/* exp(x) for x in [-1/4, 0), Q0.31 -> Q0.31: Taylor series around -1/8 */
static int32_t exp_small(int32_t x)
{
    const int32_t exp_of_minus_one_eighth = 1895147668;
    const int32_t one_third = 715827883;
    const int32_t y = x + (1 << 28); /* -2^28 .. 2^28 - 1 */
    const int32_t y2 = high_multiply_small(y, y);
    const int32_t y3 = high_multiply_small(y2, y);
    const int32_t y4 = high_multiply_small(y2, y2);
    const int32_t tail = high_multiply_small(one_third, kws_nn_shift_right(y4, 2) + y3) + y2;
    const int32_t series = y + kws_nn_shift_right(tail, 1);
    return exp_of_minus_one_eighth + high_multiply_small(series, exp_of_minus_one_eighth);
}

/* kws_nn_high_multiply of two numbers that are not negative: no sign to carry. */
static inline uint32_t high_multiply_unsigned(uint32_t a, uint32_t b)
{
    return (uint32_t)(((uint64_t)a * (b << 1) + 0x80000000u) >> 32);
}

/* exp(x) for x <= 0, Q5.26 -> Q0.31 */
static int32_t exp_of_negative(int32_t x)
{
    static const uint32_t exp_of_minus_powers[7] = {1672461947, 1302514674, 790015084, 290630308,
                                                    39332535,   720401,     242}; /* exp(-2^(i - 2)) */
    const int32_t quarter = 1 << 24;
    if (x == 0) {
        return ONE_Q0_31;
    }
    const int32_t fraction = (x & (quarter - 1)) - quarter;              /* x modulo 1/4, minus 1/4 */
    uint32_t result = (uint32_t)exp_small(fraction * 32);                /* Q5.26 -> Q0.31 */
    uint32_t quarters = ((uint32_t)fraction - (uint32_t)x) / (1u << 24); /* what is left of -x, 0 .. 127 */
    for (const uint32_t *power = exp_of_minus_powers; quarters != 0u; quarters >>= 1, ++power) {
        if ((quarters & 1u) != 0u) {
            result = high_multiply_unsigned(result, *power);
        }
    }
    return (int32_t)result;
}

/* 1 / (1 + x) for x in [0, 1), Q0.31 -> Q0.31: three Newton-Raphson steps from 48/17 - 32/17 d, d = (1 + x) /
 * 2 */
static int32_t reciprocal_of_one_plus(int32_t x)
{
    const int32_t d = (int32_t)(((int64_t)x + ONE_Q0_31 + 1) / 2);
    int32_t r = 1515870810 + kws_nn_high_multiply(d, -1010580540); /* Q2.29 */
    for (int32_t step = 0; step < 3; ++step) {
        const int32_t error = ONE_Q2_29 - kws_nn_high_multiply(d, r);
        r += saturating_shift_left(kws_nn_high_multiply(r, error), 2);
    }
    return saturating_shift_left(r, 1); /* 1/d in Q2.29 is 1/(1 + x) in Q1.30 */
}

static int32_t leading_zeros(uint32_t value)
{
    int32_t count = 0;
    while ((value & 0x80000000u) == 0u && count < 32) {
        value <<= 1;
        ++count;
    }
    return count;
}

static int32_t maximum(const int8_t *values, uint32_t length)
{
    int32_t largest = values[0];
    for (uint32_t i = 1u; i < length; ++i) {
        largest = (values[i] > largest) ? values[i] : largest;
    }
    return largest;
}

/* exp of a scaled difference to the maximum, Q0.31; 0 where TFLite does not look at it any more. */
static int32_t exponential(const kws_nn_channel_t *scaling, int32_t difference)
{
    if (difference < scaling->bias) {
        return 0;
    }
    return exp_of_negative(kws_nn_scale(difference, scaling->multiplier, scaling->shift));
}

void kws_nn_softmax(const kws_nn_layer_t *layer, const int8_t *input, int8_t *output)
{
    const kws_nn_channel_t *scaling = &layer->channels[0];
    const uint32_t length = layer->output_channels;
    const int32_t largest = maximum(input, length);
    int32_t kept[KEPT_EXPONENTIALS];
    int32_t sum = 0; /* Q12.19: up to 4095 values of 1.0 fit, read allows 255 */
    for (uint32_t i = 0u; i < length; ++i) {
        const int32_t value = exponential(scaling, input[i] - largest);
        sum += kws_nn_shift_right(value, SUM_INTEGER_BITS);
        if (i < KEPT_EXPONENTIALS) {
            kept[i] = value;
        }
    }
    const int32_t headroom = leading_zeros((uint32_t)sum);
    const int32_t reciprocal = reciprocal_of_one_plus((int32_t)(((uint32_t)sum << headroom) - 0x80000000u));
    const int32_t exponent = SUM_INTEGER_BITS - headroom + 31 - 8; /* output scale is 2^-8 */
    for (uint32_t i = 0u; i < length; ++i) {
        const int32_t value = (i < KEPT_EXPONENTIALS) ? kept[i] : exponential(scaling, input[i] - largest);
        const uint32_t scaled = high_multiply_unsigned((uint32_t)reciprocal, (uint32_t)value);
        const int32_t share = (value == 0) ? 0 : kws_nn_shift_right((int32_t)scaled, exponent);
        output[i] = (int8_t)kws_nn_clamp(INT8_MIN + share, INT8_MIN, INT8_MAX);
    }
}
