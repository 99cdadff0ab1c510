#include "select.h"
#if !KWS_DSP_SIMD

#include "kws_dsp.h"
#include "real_bin.h"

/* Both parts are shifted up until the larger has 30 bits; the table is asked with 9 bits of the sum of their
 * squares, and the shift is taken out of the root. |re|, |im| < 2^30. */
static uint32_t magnitude(int32_t re, int32_t im, const uint16_t *sqrt_table)
{
    const uint32_t shift = kws_clz(kws_ones_magnitude(re) | kws_ones_magnitude(im)) - 2u;
    const int32_t scaled_re = kws_shift_left(re, shift);
    const int32_t scaled_im = kws_shift_left(im, shift);
    const int32_t power = kws_smmul(scaled_re, scaled_re) + kws_smmul(scaled_im, scaled_im); /* <= 2^29 */
    return ((uint32_t)sqrt_table[power >> 20] << 15) >> shift;
}

void kws_dsp_magnitudes(uint32_t *bins, const int32_t *data, uint32_t log2_points, uint32_t first_bin,
                        uint32_t num_bins, const int16_t *twiddles_q15, const uint16_t *sqrt_table)
{
    const int32_t *point = data + 2u * first_bin;
    const int32_t *mirror = data + 2u * ((1u << log2_points) - first_bin);
    for (uint32_t i = 0u; i < num_bins; ++i) {
        int32_t re, im;
        kws_dsp_real_bin(point, mirror, twiddles_q15, &re, &im);
        bins[i] = magnitude(re, im, sqrt_table);
        point += 2;
        mirror -= 2;
        twiddles_q15 += 2;
    }
}

#else
typedef int kws_dsp_nothing_t; /* an empty file is not C */
#endif
