/* SPDX-License-Identifier: Apache-2.0 */
#include "../kws_simd.h"
#if !KWS_SIMD

#include "fixed_point.h"
#include "kws_dsp.h"

/* value ^ (value << 1) has its highest set bit where the sign extension ends; the highest over all samples is
 * that of their OR. Bit 0 is forced, so that only bits 1 .. 15 decide: the packed version sees a neighbour's
 * bit there. */
int32_t kws_dsp_headroom_s16(const int16_t *samples, uint32_t num_samples)
{
    uint32_t seen = 1u;
    for (uint32_t i = 0u; i < num_samples; ++i) {
        const uint32_t value = (uint16_t)samples[i];
        seen |= value ^ (value << 1);
    }
    return (int32_t)kws_clz(seen & 0xffffu) - 16;
}

#endif
