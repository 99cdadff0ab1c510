/* SPDX-License-Identifier: Apache-2.0 */
/* The few machine operations the kernels are written in. Each is one instruction of Armv7E-M, which the
 * compiler does not find by itself. */
#ifndef KWS_DSP_FIXED_POINT_H
#define KWS_DSP_FIXED_POINT_H

#include <stdint.h>

#include "../kws_simd.h"

/* (a * b) >> 16, floor: int32 by int16. Q15 twiddles so halve on the way. */
static inline int32_t kws_smulw(int32_t a, int16_t b)
{
#if KWS_SIMD
    int32_t result;
    __asm__("smulwb %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
    return result;
#else
    return (int32_t)(((int64_t)a * b) >> 16);
#endif
}

/* Top word of the 64-bit product, floor. */
static inline int32_t kws_smmul(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b) >> 32);
}

/* Left shift of a signed value whose result is known to fit. */
static inline int32_t kws_shift_left(int32_t value, uint32_t shift)
{
    return (int32_t)((uint32_t)value << shift);
}

/* Leading zero bits, 32 for 0. */
static inline uint32_t kws_clz(uint32_t value)
{
    return (value == 0u) ? 32u : (uint32_t)__builtin_clz(value);
}

static inline int16_t kws_clamp_s16(int32_t value)
{
#if KWS_SIMD
    __asm__("ssat %0, #16, %1" : "=r"(value) : "r"(value));
    return (int16_t)value;
#else
    return (int16_t)((value > INT16_MAX) ? INT16_MAX : (value < INT16_MIN) ? INT16_MIN : value);
#endif
}

static inline int8_t kws_clamp_s8(int32_t value)
{
#if KWS_SIMD
    __asm__("ssat %0, #8, %1" : "=r"(value) : "r"(value));
    return (int8_t)value;
#else
    return (int8_t)((value > INT8_MAX) ? INT8_MAX : (value < INT8_MIN) ? INT8_MIN : value);
#endif
}

/* Non-negative with the same number of significant bits: ~value for a negative value. */
static inline uint32_t kws_ones_magnitude(int32_t value)
{
    return (uint32_t)(value ^ (value >> 31));
}

static inline uint32_t kws_bit_reverse(uint32_t value, uint32_t num_bits)
{
#if KWS_SIMD
    __asm__("rbit %0, %1" : "=r"(value) : "r"(value));
    return value >> (32u - num_bits);
#else
    value = ((value >> 1) & 0x55555555u) | ((value & 0x55555555u) << 1);
    value = ((value >> 2) & 0x33333333u) | ((value & 0x33333333u) << 2);
    value = ((value >> 4) & 0x0f0f0f0fu) | ((value & 0x0f0f0f0fu) << 4);
    value = ((value >> 8) & 0x00ff00ffu) | ((value & 0x00ff00ffu) << 8);
    return ((value >> 16) | (value << 16)) >> (32u - num_bits);
#endif
}

#endif
