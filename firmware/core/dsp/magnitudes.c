/* SPDX-License-Identifier: Apache-2.0 */
#include "../kws_simd.h"
#if !KWS_SIMD

#include "kws_dsp.h"
#include "real_bin.h"

/* Both parts are shifted up until the larger has 31 bits (value ^ (value << 1) has one bit more than the value); the
 * table is asked with 9 bits of the sum of their squares, and the shift is taken out of the root. |re|, |im| < 2^30. */
static uint32_t magnitude(kws_dsp_bin_t bin, const void *how)
{
    const uint16_t *sqrt_table = how;
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
    kws_dsp_replace_bins(data, log2_points, first_bin, num_bins, twiddles_q15, magnitude, sqrt_table);
}

#endif
