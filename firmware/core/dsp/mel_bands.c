/* SPDX-License-Identifier: Apache-2.0 */
#include "../kws_simd.h"
#if !KWS_SIMD

#include "kws_dsp.h"

/* Each bin lies between the peaks of two bands: it falls out of one and rises into the next. Sums of 1024
 * bins stay below 2^10 * 2^32 * 2^15. */
void kws_dsp_mel_bands(uint64_t *bands, const uint32_t *bins, const uint16_t *rise_q15,
                       const uint16_t *segments, uint32_t num_bands)
{
    uint64_t falling = 0u;
    for (uint32_t segment = 0u; segment <= num_bands; ++segment) {
        uint64_t rising = 0u;
        for (uint32_t left = segments[segment]; left > 0u; --left, bins += 2, ++rise_q15) {
            rising += (uint64_t)*bins * *rise_q15;
            falling += (uint64_t)*bins * (32768u - *rise_q15);
        }
        if (segment > 0u) {
            bands[segment - 1u] = falling;
        }
        falling = rising;
    }
}

#endif
