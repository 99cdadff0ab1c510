#include "fixed_point.h"
#include "kws_dsp.h"

/* Position of the highest bit, then the 6 bits below it look up the table and 16 more interpolate. */
int32_t kws_dsp_log2_q10(uint64_t value, const uint16_t *table_q15)
{
    const uint32_t high = (uint32_t)(value >> 32);
    const uint32_t leading = (high != 0u) ? kws_clz(high) : 32u + kws_clz((uint32_t)value | 1u);
    const uint32_t mantissa = (uint32_t)((value << leading) >> 32); /* its highest bit is set */
    const uint16_t *entry = table_q15 + ((mantissa >> 25) & 63u);
    const uint32_t step = (uint32_t)(entry[1] - entry[0]) * ((mantissa >> 9) & 0xffffu);
    const uint32_t fraction_q15 = entry[0] + (step >> 16);
    return (int32_t)(((63u - leading) << 10) + ((fraction_q15 + 16u) >> 5));
}
