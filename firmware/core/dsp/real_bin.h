/* The last step of a real signal's FFT, shared by the magnitude and the power kernel. */
#ifndef KWS_DSP_REAL_BIN_H
#define KWS_DSP_REAL_BIN_H

#include "fixed_point.h"

/* Bin k of the real signal from points k and M - k of the FFT of (even samples, odd samples): X = E + e^(-j
 * angle) O with 2 E = Z[k] + conj Z[M - k], 2 j O = Z[k] - conj Z[M - k]. twiddle = (cos, sin). */
static inline void kws_dsp_real_bin(const int32_t *point, const int32_t *mirror, const int16_t *twiddle,
                                    int32_t *re, int32_t *im)
{
    const int32_t odd_re = point[1] + mirror[1]; /* 2 O */
    const int32_t odd_im = mirror[0] - point[0];
    *re = ((point[0] + mirror[0]) >> 1) + kws_smulw(odd_re, twiddle[0]) + kws_smulw(odd_im, twiddle[1]);
    *im = ((point[1] - mirror[1]) >> 1) + kws_smulw(odd_im, twiddle[0]) - kws_smulw(odd_re, twiddle[1]);
}

#endif
