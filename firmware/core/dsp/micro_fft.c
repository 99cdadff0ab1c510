/* SPDX-License-Identifier: Apache-2.0 */
#include "../kws_simd.h"
#if !KWS_SIMD

#include "fixed_point.h"
#include "kws_micro_dsp.h"

enum {
    QUARTER_Q15 = 32767 / 4, /* divisions are products, as the definition has them */
    HALF_Q15 = 32767 / 2
};

typedef struct {
    int32_t re, im;
} complex_t;

/* Of 16 bits: what is larger wraps, as it does in the definition; so do the sums below. */
static int32_t rounded(int32_t value_q15)
{
    return (int16_t)((value_q15 + (1 << 14)) >> 15);
}

static complex_t scaled(const int16_t *point, int32_t factor_q15)
{
    return (complex_t){.re = rounded(point[0] * factor_q15), .im = rounded(point[1] * factor_q15)};
}

static complex_t turned(complex_t a, const int16_t *twiddle)
{
    return (complex_t){.re = rounded(a.re * twiddle[0] - a.im * twiddle[1]),
                       .im = rounded(a.re * twiddle[1] + a.im * twiddle[0])};
}

static void store(int16_t *point, int32_t re, int32_t im)
{
    point[0] = (int16_t)re;
    point[1] = (int16_t)im;
}

static void butterfly(int16_t *points, uint32_t stride, complex_t a, complex_t b, complex_t c, complex_t d)
{
    const complex_t even = {.re = (int16_t)(a.re + c.re), .im = (int16_t)(a.im + c.im)};
    const complex_t odd = {.re = (int16_t)(a.re - c.re), .im = (int16_t)(a.im - c.im)};
    const complex_t sum = {.re = (int16_t)(b.re + d.re), .im = (int16_t)(b.im + d.im)};
    const complex_t difference = {.re = (int16_t)(b.re - d.re), .im = (int16_t)(b.im - d.im)};
    store(points, even.re + sum.re, even.im + sum.im);
    store(points + stride, odd.re + difference.im, odd.im - difference.re);
    store(points + 2u * stride, even.re - sum.re, even.im - sum.im);
    store(points + 3u * stride, odd.re - difference.im, odd.im + difference.re);
}

/* One pass over the groups of 4 * quarter points; the first of each group turns nothing: a factor of 32767 rounds
 * back to what 15 bits less a factor of 4 had been. */
static void pass(int16_t *points, uint32_t num_points, uint32_t quarter, const int16_t *twiddles_q15)
{
    const uint32_t stride = 2u * quarter;
    for (uint32_t k = 0u; k < quarter; ++k) {
        const uint32_t turn = 2u * k * (num_points / (4u * quarter));
        for (uint32_t i = k; i < num_points; i += 4u * quarter) {
            int16_t *point = points + 2u * i;
            const complex_t a = scaled(point, QUARTER_Q15);
            complex_t b = scaled(point + stride, QUARTER_Q15);
            complex_t c = scaled(point + 2u * stride, QUARTER_Q15);
            complex_t d = scaled(point + 3u * stride, QUARTER_Q15);
            if (k > 0u) {
                b = turned(b, twiddles_q15 + turn);
                c = turned(c, twiddles_q15 + 2u * turn);
                d = turned(d, twiddles_q15 + 3u * turn);
            }
            butterfly(point, stride, a, b, c, d);
        }
    }
}

/* The base-4 digits of value, log2_points / 2 of them, in the opposite order. */
static uint32_t digits_reversed(uint32_t value, uint32_t log2_points)
{
    const uint32_t bits = kws_bit_reverse(value, log2_points);
    return (bits & 0x55555555u) << 1 | (bits >> 1 & 0x55555555u);
}

static void sort(int16_t *points, uint32_t log2_points, uint32_t shift)
{
    for (uint32_t i = 0u; i < 1u << log2_points; ++i) {
        const uint32_t other = digits_reversed(i, log2_points);
        if (other < i) {
            continue;
        }
        int16_t *a = points + 2u * i, *b = points + 2u * other;
        const int32_t re = a[0], im = a[1];
        store(a, kws_shift_left(b[0], shift), kws_shift_left(b[1], shift));
        store(b, kws_shift_left(re, shift), kws_shift_left(im, shift));
    }
}

void kws_micro_fft(int16_t *points, uint32_t log2_points, uint32_t shift, const int16_t *twiddles_q15)
{
    const uint32_t num_points = 1u << log2_points;
    sort(points, log2_points, shift);
    for (uint32_t quarter = 1u; quarter < num_points; quarter *= 4u) {
        pass(points, num_points, quarter, twiddles_q15);
    }
}

static uint32_t energy(int32_t twice_re, int32_t twice_im)
{
    const int32_t re = (int16_t)(twice_re >> 1), im = (int16_t)(twice_im >> 1);
    return (uint32_t)(re * re) + (uint32_t)(im * im);
}

void kws_micro_energies(int16_t *points, uint32_t log2_points, const int16_t *twiddles_q15)
{
    const uint32_t num_points = 1u << log2_points;
    uint32_t *energies = (uint32_t *)(void *)points;
    for (uint32_t k = 1u; k <= num_points / 2u; ++k) {
        const complex_t low = scaled(points + 2u * k, HALF_Q15);
        const complex_t high = scaled(points + 2u * (num_points - k), HALF_Q15);
        const complex_t sum = {.re = (int16_t)(low.re + high.re), .im = (int16_t)(low.im - high.im)};
        const complex_t difference = {.re = (int16_t)(low.re - high.re), .im = (int16_t)(low.im + high.im)};
        const complex_t odd = turned(difference, twiddles_q15 + 2u * (k - 1u));
        energies[k] = energy(sum.re + odd.re, sum.im + odd.im);
        energies[num_points - k] = energy(sum.re - odd.re, odd.im - sum.im);
    }
}

#endif
