#include "select.h"
#if KWS_DSP_SIMD

#include "armv7em.h"
#include "fixed_point.h"
#include "kws_dsp.h"

#define DIFFERING_BITS(pair)                                                                                 \
    "eor %[" pair "], %[" pair "], %[" pair "], lsl #1\n\t"                                                  \
    "orr %[seen], %[seen], %[" pair "]\n\t"

/* Two samples at a time: pair ^ (pair << 1) is right for both but for bit 0 of the later sample, which is not
 * looked at (headroom.c). 29 cycles for 16 samples. */
int32_t kws_dsp_headroom_s16(const int16_t *samples, uint32_t num_samples)
{
    uint32_t seen = 0u;
    const int16_t *const end = samples + num_samples;
    const int16_t *const end_of_16s = samples + (num_samples & ~15u);
    if (samples != end_of_16s) {
        uint32_t a, b, c, d, e, f, g, h;
        /* clang-format off */
        __asm__ volatile(
            "1:\n\t"
            "ldr %[a], [%[samples]], #32\n\t"
            "ldr %[b], [%[samples], #-28]\n\t"
            "ldr %[c], [%[samples], #-24]\n\t"
            "ldr %[d], [%[samples], #-20]\n\t"
            "ldr %[e], [%[samples], #-16]\n\t"
            "ldr %[f], [%[samples], #-12]\n\t"
            "ldr %[g], [%[samples], #-8]\n\t"
            "ldr %[h], [%[samples], #-4]\n\t"
            DIFFERING_BITS("a") DIFFERING_BITS("b") DIFFERING_BITS("c") DIFFERING_BITS("d")
            DIFFERING_BITS("e") DIFFERING_BITS("f") DIFFERING_BITS("g") DIFFERING_BITS("h")
            "cmp %[samples], %[end]\n\t"
            "bne 1b\n\t"
            : [samples] "+&r"(samples), [seen] "+&r"(seen), [a] "=&r"(a), [b] "=&r"(b), [c] "=&r"(c),
              [d] "=&r"(d), [e] "=&r"(e), [f] "=&r"(f), [g] "=&r"(g), [h] "=&r"(h)
            : [end] "r"(end_of_16s)
            : "cc", "memory");
        /* clang-format on */
    }
    for (; samples < end; samples += 2) {
        const uint32_t pair = (uint32_t)kws_load_pair(samples);
        seen |= pair ^ (pair << 1);
    }
    return (int32_t)kws_clz(((seen >> 16) | (seen & 0xffffu)) | 1u) - 16;
}

#else
typedef int kws_dsp_nothing_t; /* an empty file is not C */
#endif
