/* SPDX-License-Identifier: Apache-2.0 */
#include "../kws_simd.h"
#include "fixed_point.h"
#include "kws_dsp.h"

/* Position of the highest bit, then the 6 bits below it look up the table and 16 more interpolate. band + floor < 2^63. */
static inline int16_t log_of(uint64_t band, const kws_dsp_log_t *log)
{
    band += log->floor;
    const uint32_t high = (uint32_t)(band >> 32);
    uint32_t low = (uint32_t)band;
    uint32_t leading = kws_clz(high);
    if (__builtin_expect(high != 0u, 1)) {
        low = high << leading | low >> (32u - leading); /* the highest bit is set now */
    } else if (low != 0u) {
        leading = 32u + kws_clz(low);
        low <<= leading - 32u;
    } else {
        return kws_clamp_s16(-log->bias_q10);
    }
    const uint16_t *entry = log->table_q15 + ((low >> 25) & 63u);
    const uint32_t step = (uint32_t)(entry[1] - entry[0]) * ((low >> 9) & 0xffffu);
    const uint32_t fraction_q15 = entry[0] + (step >> 16);
    const int32_t whole_q10 = (63 * 1024 - log->bias_q10) - (int32_t)(leading << 10);
    return kws_clamp_s16(whole_q10 + (int32_t)((fraction_q15 + 16u) >> 5));
}

void kws_dsp_log_bands(int16_t *logs_q10, const uint64_t *bands, uint32_t num_bands, const kws_dsp_log_t *log)
{
    const kws_dsp_log_t here = *log; /* which the stores cannot change */
    for (const uint64_t *const end = bands + num_bands; bands < end; ++bands) {
        *logs_q10++ = log_of(*bands, &here);
    }
}

#if !KWS_SIMD
void kws_dsp_log_features(int8_t *features, const uint64_t *bands, uint32_t num_bands,
                          const kws_dsp_log_t *log, int16_t factor, int32_t offset, uint32_t shift)
{
    const kws_dsp_log_t here = *log;
    for (const uint64_t *const end = bands + num_bands; bands < end; ++bands) {
        *features++ = kws_clamp_s8((log_of(*bands, &here) * factor + offset) >> shift);
    }
}
#endif
