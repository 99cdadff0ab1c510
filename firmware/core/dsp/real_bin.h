/* SPDX-License-Identifier: Apache-2.0 */
/* The last step of a real signal's FFT, shared by the magnitude and the power kernel. */
#ifndef KWS_DSP_REAL_BIN_H
#define KWS_DSP_REAL_BIN_H

#include "fixed_point.h"

typedef struct {
    int32_t re;
    int32_t im;
} kws_dsp_bin_t;

/* Bins k and M - k of the real signal, the latter conjugated, from points k and M - k of the FFT of (even samples, odd
 * samples): X[k] = E + e^(-j angle) O and conj X[M - k] = E - e^(-j angle) O, with 2 E = Z[k] + conj Z[M - k] and
 * 2 j O = Z[k] - conj Z[M - k]. twiddle = (cos, sin). */
static inline void kws_dsp_real_bins(const int32_t *point, const int32_t *mirror, const int16_t *twiddle,
                                     kws_dsp_bin_t *lower, kws_dsp_bin_t *upper)
{
    const int32_t odd_re = point[1] + mirror[1]; /* 2 O */
    const int32_t odd_im = mirror[0] - point[0];
    const int32_t even_re = (point[0] + mirror[0]) >> 1;
    const int32_t even_im = (point[1] - mirror[1]) >> 1;
    const int32_t turned_re = kws_smulw(odd_re, twiddle[0]) + kws_smulw(odd_im, twiddle[1]);
    const int32_t turned_im = kws_smulw(odd_im, twiddle[0]) - kws_smulw(odd_re, twiddle[1]);
    *lower = (kws_dsp_bin_t){even_re + turned_re, even_im + turned_im};
    *upper = (kws_dsp_bin_t){even_re - turned_re, even_im - turned_im};
}

/* Of first_bin .. first_bin + num_bins - 1: the bins k <= M / 2 whose M - k is wanted too. They are the last ones up to
 * M / 2, which is its own mirror. */
static inline uint32_t kws_dsp_num_pairs(uint32_t log2_points, uint32_t first_bin, uint32_t num_bins)
{
    const uint32_t behind = first_bin + num_bins;
    const uint32_t half = 1u << (log2_points - 1u);
    return (behind > half) ? behind - half : 0u;
}

/* The bins before those. */
static inline uint32_t kws_dsp_num_alone(uint32_t num_pairs, uint32_t num_bins)
{
    return (num_pairs > 0u) ? num_bins + 1u - 2u * num_pairs : num_bins;
}

/* Turn the FFT's points into sizes of bins first_bin .. first_bin + num_bins - 1, in place: bin k at data[2 k]. Compilers
 * put size_of where it is called. */
static inline void kws_dsp_replace_bins(int32_t *data, uint32_t log2_points, uint32_t first_bin,
                                        uint32_t num_bins, const int16_t *twiddles_q15,
                                        uint32_t (*size_of)(kws_dsp_bin_t bin, const void *how),
                                        const void *how)
{
    const uint32_t num_pairs = kws_dsp_num_pairs(log2_points, first_bin, num_bins);
    uint32_t left = kws_dsp_num_alone(num_pairs, num_bins) + num_pairs;
    int32_t *point = data + 2u * first_bin;
    int32_t *mirror = data + 2u * ((1u << log2_points) - first_bin);
    for (; left > 0u; --left) {
        kws_dsp_bin_t lower, upper;
        kws_dsp_real_bins(point, mirror, twiddles_q15, &lower, &upper);
        *point = (int32_t)size_of(lower, how);
        if (left <= num_pairs) {
            *mirror = (int32_t)size_of(upper, how);
        }
        point += 2;
        mirror -= 2;
        twiddles_q15 += 2;
    }
}

#endif
