/* SPDX-License-Identifier: Apache-2.0 */
#include "kws_dsp.h"
#include "real_bin.h"

/* Left shift after which |re|, |im| of every bin stay below 2^30: a bin is at most 2 sqrt(2) times its
 * loudest point. */
static uint32_t spare_bits(const int32_t *data, uint32_t num_values)
{
    uint32_t seen = 0u;
    for (uint32_t i = 0u; i < num_values; ++i) {
        seen |= kws_ones_magnitude(data[i]);
    }
    const uint32_t leading = kws_clz(seen);
    return (leading > 4u) ? leading - 4u : 0u;
}

static uint32_t power(kws_dsp_bin_t bin, const void *how)
{
    const uint32_t shift = *(const uint32_t *)how;
    const int32_t re = kws_shift_left(bin.re, shift);
    const int32_t im = kws_shift_left(bin.im, shift);
    const int64_t sum = (int64_t)re * re + (int64_t)im * im;
    return (uint32_t)((sum + (1 << (KWS_DSP_POWER_SHIFT - 1))) >> KWS_DSP_POWER_SHIFT);
}

int32_t kws_dsp_powers(int32_t *data, uint32_t log2_points, uint32_t first_bin, uint32_t num_bins,
                       const int16_t *twiddles_q15)
{
    const uint32_t shift = spare_bits(data, 2u << log2_points);
    kws_dsp_replace_bins(data, log2_points, first_bin, num_bins, twiddles_q15, power, &shift);
    return 2 * (int32_t)shift;
}
