#include "select.h"
#if !KWS_DSP_SIMD

#include "kws_dsp.h"
#include "real_bin.h"

/* Both parts are shifted up until the larger has 31 bits (value ^ (value << 1) has one bit more than the value); the
 * table is asked with 9 bits of the sum of their squares, and the shift is taken out of the root. |re|, |im| < 2^30. */
static uint32_t magnitude(kws_dsp_bin_t bin, const uint16_t *sqrt_table)
{
    const uint32_t re = (uint32_t)bin.re;
    const uint32_t im = (uint32_t)bin.im;
    const uint32_t shift = kws_clz((re ^ (re << 1)) | (im ^ (im << 1)) | 1u);
    const int32_t scaled_re = kws_shift_left(bin.re, shift);
    const int32_t scaled_im = kws_shift_left(bin.im, shift);
    const uint32_t power =
        (uint32_t)kws_smmul(scaled_re, scaled_re) + (uint32_t)kws_smmul(scaled_im, scaled_im); /* <= 2^31 */
    return ((uint32_t)sqrt_table[power >> 22] << 16) >> shift;
}

void kws_dsp_magnitudes(int32_t *data, uint32_t log2_points, uint32_t first_bin, uint32_t num_bins,
                        const int16_t *twiddles_q15, const uint16_t *sqrt_table)
{
    const uint32_t num_pairs = kws_dsp_num_pairs(log2_points, first_bin, num_bins);
    uint32_t left = kws_dsp_num_alone(num_pairs, num_bins) + num_pairs;
    int32_t *point = data + 2u * first_bin;
    int32_t *mirror = data + 2u * ((1u << log2_points) - first_bin);
    for (; left > 0u; --left) {
        kws_dsp_bin_t lower, upper;
        kws_dsp_real_bins(point, mirror, twiddles_q15, &lower, &upper);
        *point = (int32_t)magnitude(lower, sqrt_table);
        if (left <= num_pairs) {
            *mirror = (int32_t)magnitude(upper, sqrt_table);
        }
        point += 2;
        mirror -= 2;
        twiddles_q15 += 2;
    }
}

#else
typedef int kws_dsp_nothing_t; /* an empty file is not C */
#endif
