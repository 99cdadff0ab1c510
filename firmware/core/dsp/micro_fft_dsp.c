/* SPDX-License-Identifier: Apache-2.0 */
#include "../kws_simd.h"
#if KWS_SIMD

#include <arm_acle.h>

#include "fixed_point.h"
#include "kws_micro_dsp.h"

/* A complex point is one register: the real part in the low half. */
typedef int32_t point_t;

enum {
    QUARTER_Q15 = 32767 / 4,
    HALF_Q15 = 32767 / 2,
    ROUNDING = 1 << 14
};

/* Bits 15 .. 30 of each: what is larger wraps, as in plain C. */
static inline point_t packed(int32_t re_q15, int32_t im_q15)
{
    point_t point;
    __asm__("pkhtb %0, %1, %2, asr #15" : "=r"(point) : "r"(kws_shift_left(im_q15, 1u)), "r"(re_q15));
    return point;
}

static inline point_t low_and_high(point_t low, point_t high)
{
    point_t point;
    __asm__("pkhtb %0, %1, %2" : "=r"(point) : "r"(high), "r"(low));
    return point;
}

static inline point_t scaled(point_t a, int32_t factor_q15)
{
    return packed(__smlabb(a, factor_q15, ROUNDING), __smlatb(a, factor_q15, ROUNDING));
}

static inline point_t turned(point_t a, point_t twiddle)
{
    return packed(__smlsd(a, twiddle, ROUNDING), __smladx(a, twiddle, ROUNDING));
}

static inline void butterfly(point_t *points, uint32_t stride, point_t a, point_t b, point_t c, point_t d)
{
    const point_t even = __sadd16(a, c), odd = __ssub16(a, c);
    const point_t sum = __sadd16(b, d), difference = __ssub16(b, d);
    points[0] = __sadd16(even, sum);
    points[stride] = __ssax(odd, difference);
    points[2u * stride] = __ssub16(even, sum);
    points[3u * stride] = __sasx(odd, difference);
}

/* Groups of four neighbours turn nothing. 40 cycles each. */
static void first_pass(point_t *points, uint32_t num_points)
{
    for (const point_t *const end = points + num_points; points < end; points += 4) {
        butterfly(points, 1u, scaled(points[0], QUARTER_Q15), scaled(points[1], QUARTER_Q15),
                  scaled(points[2], QUARTER_Q15), scaled(points[3], QUARTER_Q15));
    }
}

/* 55 cycles a butterfly. */
static void pass(point_t *points, uint32_t num_points, uint32_t quarter, const point_t *twiddles_q15)
{
    const point_t *const end = points + num_points;
    for (uint32_t k = 0u; k < quarter; ++k) {
        const uint32_t turn = k * (num_points / (4u * quarter));
        const point_t first = twiddles_q15[turn], second = twiddles_q15[2u * turn],
                      third = twiddles_q15[3u * turn];
        for (point_t *point = points + k; point < end; point += 4u * quarter) {
            const point_t a = scaled(point[0], QUARTER_Q15);
            const point_t b = turned(scaled(point[quarter], QUARTER_Q15), first);
            const point_t c = turned(scaled(point[2u * quarter], QUARTER_Q15), second);
            const point_t d = turned(scaled(point[3u * quarter], QUARTER_Q15), third);
            butterfly(point, quarter, a, b, c, d);
        }
    }
}

/* The base-4 digits of value, log2_points / 2 of them, in the opposite order. */
static inline uint32_t digits_reversed(uint32_t value, uint32_t log2_points)
{
    const uint32_t bits = kws_bit_reverse(value, log2_points);
    return (bits & 0x55555555u) << 1 | (bits >> 1 & 0x55555555u);
}

static inline point_t shifted(point_t a, uint32_t shift, uint32_t kept)
{
    return (point_t)(((uint32_t)a << shift) & kept);
}

static void sort(point_t *points, uint32_t log2_points, uint32_t shift)
{
    const uint32_t half = (0xffffu << shift) & 0xffffu;
    const uint32_t kept = half << 16 | half;
    for (uint32_t i = 0u; i < 1u << log2_points; ++i) {
        const uint32_t other = digits_reversed(i, log2_points);
        if (other >= i) {
            const point_t a = points[i];
            points[i] = shifted(points[other], shift, kept);
            points[other] = shifted(a, shift, kept);
        }
    }
}

void kws_micro_fft(int16_t *points, uint32_t log2_points, uint32_t shift, const int16_t *twiddles_q15)
{
    const uint32_t num_points = 1u << log2_points;
    point_t *data = (point_t *)(void *)points;
    const point_t *twiddles = (const point_t *)(const void *)twiddles_q15;
    sort(data, log2_points, shift);
    first_pass(data, num_points);
    for (uint32_t quarter = 4u; quarter < num_points; quarter *= 4u) {
        pass(data, num_points, quarter, twiddles);
    }
}

/* 30 cycles for two bins. */
void kws_micro_energies(int16_t *points, uint32_t log2_points, const int16_t *twiddles_q15)
{
    const uint32_t num_points = 1u << log2_points;
    point_t *data = (point_t *)(void *)points;
    const point_t *twiddles = (const point_t *)(const void *)twiddles_q15;
    for (uint32_t k = 1u; k <= num_points / 2u; ++k) {
        const point_t low = scaled(data[k], HALF_Q15), high = scaled(data[num_points - k], HALF_Q15);
        const point_t sums = __sadd16(low, high), differences = __ssub16(low, high);
        const point_t sum = low_and_high(sums, differences);
        const point_t odd = turned(low_and_high(differences, sums), twiddles[k - 1u]);
        const point_t bin = __shadd16(sum, odd);
        const point_t mirrored = low_and_high(__shsub16(sum, odd), __shsub16(odd, sum));
        data[k] = __smuad(bin, bin);
        data[num_points - k] = __smuad(mirrored, mirrored);
    }
}

#endif
