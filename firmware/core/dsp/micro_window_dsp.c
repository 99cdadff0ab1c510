/* SPDX-License-Identifier: Apache-2.0 */
#include "../kws_simd.h"
#if KWS_SIMD

#include <arm_acle.h>

#include "armv7em.h"
#include "fixed_point.h"
#include "kws_micro_dsp.h"

enum {
    BITS_OF_BOTH = 0x7fff7fff
};

/* Two products, floor, side by side. */
static inline int32_t windowed(int32_t samples, int32_t window)
{
    const int32_t low = (int16_t)samples * (int16_t)window;
    const int32_t high = (samples >> 16) * (window >> 16);
    int32_t both;
    __asm__("pkhtb %0, %1, %2, asr #12" : "=r"(both) : "r"(kws_shift_left(high, 4u)), "r"(low));
    return both;
}

/* Only the top bit of the loudest magnitude is wanted, so the magnitudes are joined by or. That of -32768 has no bit
 * among the lower 15: it counts for nothing, as in plain C. 10 cycles a pair. */
uint32_t kws_micro_window(int16_t *output, const int16_t *samples, const int16_t *window_q12,
                          uint32_t num_samples)
{
    int32_t bits = 0;
    int32_t *out = (int32_t *)(void *)output;
    for (uint32_t i = 0u; i < num_samples; i += 2u) {
        const int32_t pair = windowed(kws_load_pair(samples + i), kws_load_pair(window_q12 + i));
        *out++ = pair;
        const int32_t negative = (int32_t)__ssub16(0, pair); /* sets the flags that __sel reads */
        bits |= (int32_t)__sel((uint8x4_t)negative, (uint8x4_t)pair);
    }
    bits &= BITS_OF_BOTH;
    return kws_clz((uint32_t)bits >> 16 | ((uint32_t)bits & 0x7fffu)) - 17u;
}

#endif
