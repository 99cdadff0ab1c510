/* SPDX-License-Identifier: Apache-2.0 */
#include "../kws_simd.h"
#if KWS_SIMD

#include "armv7em.h"
#include "fixed_point.h"
#include "kws_dsp.h"

#define LOAD(pair, bytes_back) "ldr %[" pair "], [%[samples], #-" bytes_back "]\n\t"
#define DIFFERING_BITS(pair)                                                                                 \
    "eor %[" pair "], %[" pair "], %[" pair "], lsl #1\n\t"                                                  \
    "orr %[seen], %[seen], %[" pair "]\n\t"

/* Two samples at a time: pair ^ (pair << 1) is right for both but for bit 0 of the later sample, which is not
 * looked at (headroom.c). 54 cycles for 32 samples. */
int32_t kws_dsp_headroom_s16(const int16_t *samples, uint32_t num_samples)
{
    uint32_t seen = 0u;
    const int16_t *const end = samples + num_samples;
    const int16_t *const end_of_32s = samples + (num_samples & ~31u);
    if (samples != end_of_32s) {
        uint32_t a, b, c, d, e, f, g, h;
        /* clang-format off */
        __asm__ volatile(
            "1:\n\t"
            "ldr %[a], [%[samples]], #64\n\t"
            LOAD("b", "60") LOAD("c", "56") LOAD("d", "52") LOAD("e", "48") LOAD("f", "44") LOAD("g", "40")
            LOAD("h", "36")
            DIFFERING_BITS("a") DIFFERING_BITS("b") DIFFERING_BITS("c") DIFFERING_BITS("d")
            DIFFERING_BITS("e") DIFFERING_BITS("f") DIFFERING_BITS("g") DIFFERING_BITS("h")
            LOAD("a", "32") LOAD("b", "28") LOAD("c", "24") LOAD("d", "20") LOAD("e", "16") LOAD("f", "12")
            LOAD("g", "8") LOAD("h", "4")
            DIFFERING_BITS("a") DIFFERING_BITS("b") DIFFERING_BITS("c") DIFFERING_BITS("d")
            DIFFERING_BITS("e") DIFFERING_BITS("f") DIFFERING_BITS("g") DIFFERING_BITS("h")
            "cmp %[samples], %[end]\n\t"
            "bne 1b\n\t"
            : [samples] "+&r"(samples), [seen] "+&r"(seen), [a] "=&r"(a), [b] "=&r"(b), [c] "=&r"(c),
              [d] "=&r"(d), [e] "=&r"(e), [f] "=&r"(f), [g] "=&r"(g), [h] "=&r"(h)
            : [end] "r"(end_of_32s)
            : "cc", "memory");
        /* clang-format on */
    }
    for (; samples < end; samples += 2) {
        const uint32_t pair = (uint32_t)kws_load_pair(samples);
        seen |= pair ^ (pair << 1);
    }
    return (int32_t)kws_clz(((seen >> 16) | (seen & 0xffffu)) | 1u) - 16;
}

#endif
