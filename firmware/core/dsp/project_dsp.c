/* SPDX-License-Identifier: Apache-2.0 */
#include "../kws_simd.h"
#if KWS_SIMD

#include <arm_acle.h>

#include "armv7em.h"
#include "fixed_point.h"
#include "kws_dsp.h"

#define LOAD_4(a, b, c, d, from)                                                                             \
    "ldr " a ", [" from "], #16\n\t"                                                                         \
    "ldr " b ", [" from ", #-12]\n\t"                                                                        \
    "ldr " c ", [" from ", #-8]\n\t"                                                                         \
    "ldr " d ", [" from ", #-4]\n\t"
#define DOT_4(sum)                                                                                           \
    "smlad " sum ", l0, w0, " sum "\n\t"                                                                     \
    "smlad " sum ", l1, w1, " sum "\n\t"                                                                     \
    "smlad " sum ", l2, w2, " sum "\n\t"                                                                     \
    "smlad " sum ", l3, w3, " sum "\n\t"
#define IN_REGISTER __attribute__((unused))

/* In the two words of a result in registers. */
typedef union {
    struct {
        int32_t even;
        int32_t odd;
    } of;
    uint64_t both;
} two_sums_t;

/* Two rows of weights times the logs up to `end`, at least eight: the logs are loaded once for both. All fourteen
 * registers are taken, so the function is assembly as a whole: compilers may keep one for themselves. */
/* clang-format off */
__attribute__((naked, noinline)) static uint64_t add_eights(const int16_t *input IN_REGISTER,
                                                            const int16_t *end IN_REGISTER,
                                                            const int16_t *even IN_REGISTER,
                                                            const int16_t *odd IN_REGISTER,
                                                            int32_t sum_even IN_REGISTER, int32_t sum_odd IN_REGISTER)
{
    __asm volatile(
        "input .req r0\n\tend .req r1\n\teven .req r2\n\todd .req r3\n\tsum_even .req r4\n\tsum_odd .req r5\n\t"
        "l0 .req r6\n\tl1 .req r7\n\tl2 .req r8\n\tl3 .req r9\n\t"
        "w0 .req r10\n\tw1 .req r11\n\tw2 .req r12\n\tw3 .req lr\n\t"
        "push {r4-r11, lr}\n\t"
        "ldrd sum_even, sum_odd, [sp, #36]\n" /* above nine registers */
        "1:\n\t"
        LOAD_4("l0", "l1", "l2", "l3", "input")
        LOAD_4("w0", "w1", "w2", "w3", "even")
        DOT_4("sum_even")
        LOAD_4("w0", "w1", "w2", "w3", "odd")
        DOT_4("sum_odd")
        "cmp input, end\n\t"
        "bne 1b\n\t"
        "mov r0, sum_even\n\t"
        "mov r1, sum_odd\n\t"
        "pop {r4-r11, pc}\n\t"
        ".unreq input\n\t.unreq end\n\t.unreq even\n\t.unreq odd\n\t.unreq sum_even\n\t.unreq sum_odd\n\t"
        ".unreq l0\n\t.unreq l1\n\t.unreq l2\n\t.unreq l3\n\t.unreq w0\n\t.unreq w1\n\t.unreq w2\n\t.unreq w3\n\t");
}
/* clang-format on */

static inline two_sums_t two_rows(const int16_t *logs, uint32_t row_length, const int16_t *even,
                                  const int16_t *odd, two_sums_t sums)
{
    const uint32_t in_eights = row_length & ~7u;
    if (in_eights > 0u) {
        sums.both = add_eights(logs, logs + in_eights, even, odd, sums.of.even, sums.of.odd);
    }
    for (uint32_t i = in_eights; i < row_length; i += 2u) {
        sums.of.even = __smlad(kws_load_pair(logs + i), kws_load_pair(even + i), sums.of.even);
        sums.of.odd = __smlad(kws_load_pair(logs + i), kws_load_pair(odd + i), sums.of.odd);
    }
    return sums;
}

void kws_dsp_project(int8_t *features, uint32_t num_features, const int16_t *logs_q10, uint32_t row_length,
                     const int16_t *weights, const int32_t *offsets, uint32_t shift)
{
    for (uint32_t row = 0u; row < num_features; row += 2u) {
        const uint32_t odd =
            (row + 1u < num_features) ? row + 1u : row; /* the last of an odd number: twice */
        const two_sums_t start = {.of = {offsets[row], offsets[odd]}};
        const two_sums_t sums =
            two_rows(logs_q10, row_length, weights + row * row_length, weights + odd * row_length, start);
        features[row] = kws_clamp_s8(sums.of.even >> shift);
        features[odd] = kws_clamp_s8(sums.of.odd >> shift);
    }
}

#endif
