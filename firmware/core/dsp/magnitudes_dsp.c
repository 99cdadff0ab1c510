/* SPDX-License-Identifier: Apache-2.0 */
#include "../kws_simd.h"
#if KWS_SIMD

#include "kws_dsp.h"
#include "real_bin.h"

/* Twice the even and odd parts of a bin and its mirror: a0, b1 even, t, a1 odd. Then b0, a1: the odd part turned. */
#define EVEN_AND_TURNED_ODD                                                                                  \
    "ldr %[a0], [%[point]], #8\n\t"                                                                          \
    "ldr %[a1], [%[point], #-4]\n\t"                                                                         \
    "ldr %[b0], [%[mirror]], #-8\n\t"                                                                        \
    "ldr %[b1], [%[mirror], #12]\n\t"                                                                        \
    "ldr %[w], [%[twiddles]], #4\n\t"                                                                        \
    "add %[t], %[a1], %[b1]\n\t"  /* odd_re */                                                               \
    "sub %[b1], %[a1], %[b1]\n\t" /* even_im */                                                              \
    "sub %[a1], %[b0], %[a0]\n\t" /* odd_im */                                                               \
    "add %[a0], %[a0], %[b0]\n\t" /* even_re */                                                              \
    "smulwb %[b0], %[t], %[w]\n\t"                                                                           \
    "smlawt %[b0], %[a1], %[w], %[b0]\n\t" /* turned_re */                                                   \
    "smulwb %[a1], %[a1], %[w]\n\t"                                                                          \
    "smulwt %[t], %[t], %[w]\n\t"                                                                            \
    "sub %[a1], %[a1], %[t]\n\t" /* turned_im */

/* re, im -> re: the index into the table of roots, shift: what to take out of the root. magnitudes.c says how. */
#define INDEX(re, im, shift, spare)                                                                          \
    "eor %[" shift "], %[" re "], %[" re "], lsl #1\n\t"                                                     \
    "eor %[" spare "], %[" im "], %[" im "], lsl #1\n\t"                                                     \
    "orr %[" shift "], %[" shift "], %[" spare "]\n\t"                                                       \
    "clz %[" shift "], %[" shift "]\n\t"                                                                     \
    "lsl %[" re "], %[" re "], %[" shift "]\n\t"                                                             \
    "lsl %[" im "], %[" im "], %[" shift "]\n\t"                                                             \
    "smmul %[" re "], %[" re "], %[" re "]\n\t"                                                              \
    "smmla %[" re "], %[" im "], %[" im "], %[" re "]\n\t"                                                   \
    "lsr %[" re "], %[" re "], #22\n\t"
#define ROOT(index) "ldrh %[" index "], [%[table], %[" index "], lsl #1]\n\t"
#define UNSHIFTED(root, shift)                                                                               \
    "lsl %[" root "], %[" root "], #16\n\t"                                                                  \
    "lsr %[" root "], %[" root "], %[" shift "]\n\t"

/* clang-format off */
/* 31 cycles */
#define ONE_BIN                                                                                              \
    EVEN_AND_TURNED_ODD                                                                                      \
    "add %[b0], %[b0], %[a0], asr #1\n\t"                                                                    \
    "add %[a1], %[a1], %[b1], asr #1\n\t"                                                                    \
    INDEX("b0", "a1", "t", "w")                                                                              \
    ROOT("b0")                                                                                               \
    UNSHIFTED("b0", "t")                                                                                     \
    "str %[b0], [%[point], #-8]\n\t"

/* Bin k and its mirror M - k: 46 cycles */
#define TWO_BINS                                                                                             \
    EVEN_AND_TURNED_ODD                                                                                      \
    "add %[t], %[b0], %[a0], asr #1\n\t"                                                                     \
    "rsb %[b0], %[b0], %[a0], asr #1\n\t"                                                                    \
    "add %[w], %[a1], %[b1], asr #1\n\t"                                                                     \
    "rsb %[a1], %[a1], %[b1], asr #1\n\t"                                                                    \
    INDEX("t", "w", "a0", "b1")                                                                              \
    INDEX("b0", "a1", "w", "b1")                                                                             \
    ROOT("t")                                                                                                \
    ROOT("b0")                                                                                               \
    UNSHIFTED("t", "a0")                                                                                     \
    UNSHIFTED("b0", "w")                                                                                     \
    "str %[t], [%[point], #-8]\n\t"                                                                          \
    "str %[b0], [%[mirror], #8]\n\t"
/* clang-format on */

#define REGISTERS                                                                                            \
    [point] "+&r"(point), [mirror] "+&r"(mirror), [twiddles] "+&r"(twiddles_q15), [a0] "=&r"(a0),            \
        [a1] "=&r"(a1), [b0] "=&r"(b0), [b1] "=&r"(b1), [w] "=&r"(w), [t] "=&r"(t)

void kws_dsp_magnitudes(int32_t *data, uint32_t log2_points, uint32_t first_bin, uint32_t num_bins,
                        const int16_t *twiddles_q15, const uint16_t *sqrt_table)
{
    const uint32_t num_pairs = kws_dsp_num_pairs(log2_points, first_bin, num_bins);
    const uint32_t num_alone = kws_dsp_num_alone(num_pairs, num_bins);
    int32_t *point = data + 2u * first_bin;
    int32_t *mirror = data + 2u * ((1u << log2_points) - first_bin);
    const int32_t *const end_alone = point + 2u * num_alone;
    const int32_t *const end = end_alone + 2u * num_pairs;
    int32_t a0, a1, b0, b1, w, t;
    /* clang-format off */
    if (num_alone > 0u) { /* both loops: two a round; an odd number enters in the middle */
        __asm__ volatile(
            "lsls %[t], %[num_alone], #31\n\t"
            "bne 2f\n\t"
            "1:\n\t"
            ONE_BIN
            "2:\n\t"
            ONE_BIN
            "cmp %[point], %[end]\n\t"
            "bne 1b\n\t"
            : REGISTERS
            : [end] "r"(end_alone), [table] "r"(sqrt_table), [num_alone] "r"(num_alone)
            : "cc", "memory");
    }
    if (num_pairs > 0u) {
        __asm__ volatile(
            "lsls %[t], %[num_pairs], #31\n\t"
            "bne 2f\n\t"
            "1:\n\t"
            TWO_BINS
            "2:\n\t"
            TWO_BINS
            "cmp %[point], %[end]\n\t"
            "bne 1b\n\t"
            : REGISTERS
            : [end] "r"(end), [table] "r"(sqrt_table), [num_pairs] "r"(num_pairs)
            : "cc", "memory");
    }
    /* clang-format on */
}

#endif
