#include "fixed_point.h"
#include "kws_dsp.h"
#include "select.h"

typedef struct {
    int32_t re;
    int32_t im;
} complex_t;

/* point * e^(-j angle) / 2, twiddle = (cos, sin) of the angle. */
static complex_t turned(const int32_t *point, const int16_t *twiddle)
{
    const complex_t result = {kws_smulw(point[0], twiddle[0]) + kws_smulw(point[1], twiddle[1]),
                              kws_smulw(point[1], twiddle[0]) - kws_smulw(point[0], twiddle[1])};
    return result;
}

static complex_t halved(const int32_t *point)
{
    const complex_t result = {point[0] >> 1, point[1] >> 1};
    return result;
}

/* One radix-4 butterfly on points a quarter group apart: bit reversal left them in the order 0, 2, 1, 3. */
static void butterfly(int32_t *x, uint32_t quarter, complex_t x0, complex_t x2, complex_t x1, complex_t x3)
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

/* One pass over one group of 4 * quarter points. */
static void group_pass(int32_t *x, uint32_t quarter, const int16_t *twiddles)
{
    const uint32_t step = 2u * quarter;
    butterfly(x, quarter, halved(x), halved(x + step), halved(x + 2u * step), halved(x + 3u * step));
    for (uint32_t k = 1u; k < quarter; ++k) {
        x += 2;
        butterfly(x, quarter, halved(x), turned(x + step, twiddles), turned(x + 2u * step, twiddles + 2),
                  turned(x + 3u * step, twiddles + 4));
        twiddles += 6;
    }
}

void kws_dsp_fft_pass(int32_t *data, uint32_t num_points, uint32_t quarter, const int16_t *twiddles_q15)
{
    for (uint32_t group = 0u; group < num_points; group += 4u * quarter) {
        group_pass(data + 2u * group, quarter, twiddles_q15);
    }
}

#if !KWS_DSP_SIMD
void kws_dsp_fft_s32(int32_t *data, uint32_t log2_points, const int16_t *twiddles_q15)
{
    const uint32_t num_points = 1u << log2_points;
    for (uint32_t quarter = 4u >> (log2_points & 1u); quarter < num_points; quarter *= 4u) {
        kws_dsp_fft_pass(data, num_points, quarter, twiddles_q15);
        twiddles_q15 += 6u * (quarter - 1u);
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
        num_values += 6u * (quarter - 1u);
    }
    return num_values;
}
