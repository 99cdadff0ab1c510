#include "fixed_point.h"
#include "kws_dsp.h"

/* log2 in Q10 of high : low < 2^63, 0 for 0. Position of the highest bit, then the 6 bits below it look up
 * the table and 16 more interpolate. */
static int32_t log2_q10(uint32_t high, uint32_t low, const uint16_t *table_q15)
{
    uint32_t leading = 32u;
    if (high != 0u) {
        leading = kws_clz(high);
        low = high << leading | low >> (32u - leading); /* the highest bit is set now */
    } else if (low != 0u) {
        leading = 32u + kws_clz(low);
        low <<= leading - 32u;
    } else {
        return 0;
    }
    const uint16_t *entry = table_q15 + ((low >> 25) & 63u);
    const uint32_t step = (uint32_t)(entry[1] - entry[0]) * ((low >> 9) & 0xffffu);
    const uint32_t fraction_q15 = entry[0] + (step >> 16);
    return (int32_t)(((63u - leading) << 10) + ((fraction_q15 + 16u) >> 5));
}

void kws_dsp_log_bands(int16_t *logs_q10, const uint64_t *bands, uint32_t num_bands, uint64_t floor,
                       int32_t bias_q10, const uint16_t *table_q15)
{
    for (const uint64_t *const end = bands + num_bands; bands < end; ++bands) {
        const uint64_t band = *bands + floor;
        *logs_q10++ = kws_clamp_s16(log2_q10((uint32_t)(band >> 32), (uint32_t)band, table_q15) - bias_q10);
    }
}
