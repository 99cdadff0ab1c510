/* SPDX-License-Identifier: Apache-2.0 */
#include "../kws_simd.h"
#if KWS_SIMD

#include "kws_dsp.h"

/* One bin into the rising band, and whole into the falling one: what rose is taken out of that once per segment. */
#define ONE_BIN                                                                                              \
    "ldr %[bin], [%[bins]], #8\n\t"                                                                          \
    "ldrh %[rise], [%[rises]], #2\n\t"                                                                       \
    "umlal %[falling_low], %[falling_high], %[bin], %[one]\n\t"                                              \
    "umlal %[rising_low], %[rising_high], %[bin], %[rise]\n\t"

void kws_dsp_mel_bands(uint64_t *bands, const uint32_t *bins, const uint16_t *rise_q15,
                       const uint16_t *segments, uint32_t num_bands)
{
    uint64_t first = 0u; /* the first segment has no band to fall out of */
    for (uint32_t left = *segments++; left > 0u; --left) {
        first += (uint64_t)*bins * *rise_q15++;
        bins += 2;
    }
    const uint16_t *const end = segments + num_bands;
    const uint32_t one = 1u << 15;
    uint32_t falling_low = (uint32_t)first, falling_high = (uint32_t)(first >> 32);
    uint32_t rising_low, rising_high, bin, rise, left;
    /* clang-format off */
    __asm__ volatile(
        "1:\n\t"
        "ldrh %[left], [%[segments]], #2\n\t"
        "mov %[rising_low], #0\n\t"
        "mov %[rising_high], #0\n\t"
        "lsls %[bin], %[left], #31\n\t" /* two bins a round; an odd number enters in the middle */
        "bne 3f\n\t"
        "cbz %[left], 4f\n\t"
        "2:\n\t"
        ONE_BIN
        "3:\n\t"
        ONE_BIN
        "subs %[left], %[left], #2\n\t"
        "bgt 2b\n\t"
        "4:\n\t"
        "subs %[falling_low], %[falling_low], %[rising_low]\n\t"
        "sbc %[falling_high], %[falling_high], %[rising_high]\n\t"
        "str %[falling_low], [%[bands]], #8\n\t"
        "str %[falling_high], [%[bands], #-4]\n\t"
        "mov %[falling_low], %[rising_low]\n\t"
        "mov %[falling_high], %[rising_high]\n\t"
        "cmp %[segments], %[end]\n\t"
        "bne 1b\n\t"
        : [bands] "+&r"(bands), [bins] "+&r"(bins), [rises] "+&r"(rise_q15), [segments] "+&r"(segments),
          [falling_low] "+&r"(falling_low), [falling_high] "+&r"(falling_high),
          [rising_low] "=&r"(rising_low), [rising_high] "=&r"(rising_high), [bin] "=&r"(bin),
          [rise] "=&r"(rise), [left] "=&l"(left)
        : [end] "r"(end), [one] "r"(one)
        : "cc", "memory");
    /* clang-format on */
}

#endif
