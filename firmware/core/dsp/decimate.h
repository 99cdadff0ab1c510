/* SPDX-License-Identifier: Apache-2.0 */
/* What both versions of the decimating filters share. */
#ifndef KWS_DSP_DECIMATE_H
#define KWS_DSP_DECIMATE_H

#include <stdint.h>

/* Half a step of the output, for rounding. */
static inline int32_t kws_dsp_half(uint32_t shift)
{
    return (shift > 0u) ? (int32_t)1 << (shift - 1u) : 0;
}

#endif
