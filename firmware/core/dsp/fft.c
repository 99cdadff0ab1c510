/* SPDX-License-Identifier: Apache-2.0 */
#include "../kws_simd.h"
#include "fixed_point.h"
#include "kws_dsp.h"

typedef struct {
    int32_t re;
    int32_t im;
} complex_t;

/* point * e^(-j angle) / 2, twiddle = (cos, sin) of the angle. */
static inline complex_t turned(const int32_t *point, int16_t cosine, int16_t sine)
{
    const complex_t result = {kws_smulw(point[0], cosine) + kws_smulw(point[1], sine),
                              kws_smulw(point[1], cosine) - kws_smulw(point[0], sine)};
    return result;
}

static inline complex_t turned_back(const int32_t *point, int16_t cosine, int16_t sine)
{
    const complex_t result = {kws_smulw(point[0], cosine) - kws_smulw(point[1], sine),
                              kws_smulw(point[1], cosine) + kws_smulw(point[0], sine)};
    return result;
}

static inline complex_t negated(complex_t value)
{
    const complex_t result = {-value.re, -value.im};
    return result;
}

static inline complex_t halved(const int32_t *point)
{
    const complex_t result = {point[0] >> 1, point[1] >> 1};
    return result;
}

/* One radix-4 butterfly on points a quarter group apart: bit reversal left them in the order 0, 2, 1, 3. */
static inline void butterfly(int32_t *x, uint32_t quarter, complex_t x0, complex_t x2, complex_t x1,
                             complex_t x3)
{
    const complex_t sum02 = {x0.re + x2.re, x0.im + x2.im};
    const complex_t difference02 = {x0.re - x2.re, x0.im - x2.im};
    const complex_t sum13 = {x1.re + x3.re, x1.im + x3.im};
    const complex_t difference13 = {x1.re - x3.re, x1.im - x3.im};
    x[0] = sum02.re + sum13.re;
    x[1] = sum02.im + sum13.im;
    x += 2u * quarter;
    x[0] = difference02.re + difference13.im;
    x[1] = difference02.im - difference13.re;
    x += 2u * quarter;
    x[0] = sum02.re - sum13.re;
    x[1] = sum02.im - sum13.im;
    x += 2u * quarter;
    x[0] = difference02.re - difference13.im;
    x[1] = difference02.im + difference13.re;
}

/* One pass over one group of 4 * quarter points. Butterfly quarter - k takes the twiddles of k: its angles are 180, 90
 * and 270 degrees less those of k's points 2, 1 and 3. */
static inline void group_pass(int32_t *x, uint32_t quarter, const int16_t *twiddles)
{
    const uint32_t step = 2u * quarter;
    butterfly(x, quarter, halved(x), halved(x + step), halved(x + 2u * step), halved(x + 3u * step));
    for (uint32_t k = 1u; k < quarter; ++k) {
        complex_t x2, x1, x3;
        x += 2;
        if (k <= quarter / 2u) {
            const int16_t *w = twiddles + 6u * (k - 1u);
            x2 = turned(x + step, w[0], w[1]);
            x1 = turned(x + 2u * step, w[2], w[3]);
            x3 = turned(x + 3u * step, w[4], w[5]);
        } else {
            const int16_t *w = twiddles + 6u * (quarter - k - 1u);
            x2 = negated(turned_back(x + step, w[0], w[1]));
            x1 = turned(x + 2u * step, w[3], w[2]);
            x3 = negated(turned(x + 3u * step, w[5], w[4]));
        }
        butterfly(x, quarter, halved(x), x2, x1, x3);
    }
}

void kws_dsp_fft_pass(int32_t *data, uint32_t num_points, uint32_t quarter, const int16_t *twiddles_q15)
{
    for (uint32_t group = 0u; group < num_points; group += 4u * quarter) {
        group_pass(data + 2u * group, quarter, twiddles_q15);
    }
}

#if !KWS_SIMD
void kws_dsp_fft_s32(int32_t *data, uint32_t log2_points, const int16_t *twiddles_q15)
{
    const uint32_t num_points = 1u << log2_points;
    for (uint32_t quarter = 4u >> (log2_points & 1u); quarter < num_points; quarter *= 4u) {
        kws_dsp_fft_pass(data, num_points, quarter, twiddles_q15);
        twiddles_q15 += 3u * quarter;
    }
}
#endif

int32_t kws_dsp_fft_halvings(uint32_t log2_points)
{
    return (int32_t)(log2_points - 1u) / 2;
}

uint32_t kws_dsp_fft_num_twiddles(uint32_t log2_points)
{
    uint32_t num_values = 0u;
    for (uint32_t quarter = 4u >> (log2_points & 1u); quarter < 1u << log2_points; quarter *= 4u) {
        num_values += 3u * quarter;
    }
    return num_values;
}
