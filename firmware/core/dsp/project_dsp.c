#include "../kws_simd.h"
#if KWS_SIMD

#include <arm_acle.h>

#include "armv7em.h"
#include "fixed_point.h"
#include "kws_dsp.h"

#define LOAD_4(a, b, c, d, from)                                                                             \
    "ldr %[" a "], [%[" from "]], #16\n\t"                                                                   \
    "ldr %[" b "], [%[" from "], #-12]\n\t"                                                                  \
    "ldr %[" c "], [%[" from "], #-8]\n\t"                                                                   \
    "ldr %[" d "], [%[" from "], #-4]\n\t"
#define DOT_4(sum)                                                                                           \
    "smlad %[" sum "], %[l0], %[w0], %[" sum "]\n\t"                                                         \
    "smlad %[" sum "], %[l1], %[w1], %[" sum "]\n\t"                                                         \
    "smlad %[" sum "], %[l2], %[w2], %[" sum "]\n\t"                                                         \
    "smlad %[" sum "], %[l3], %[w3], %[" sum "]\n\t"

typedef struct {
    int32_t even;
    int32_t odd;
} two_sums_t;

/* Two rows of weights times the logs: the logs are loaded once for both, eight at a time. */
static inline two_sums_t two_rows(const int16_t *logs, uint32_t row_length, const int16_t *even,
                                  const int16_t *odd, two_sums_t sums)
{
    const int16_t *const end = logs + row_length;
    const int16_t *const end_of_8s = logs + (row_length & ~7u);
    if (logs != end_of_8s) {
        int32_t l0, l1, l2, l3, w0, w1, w2, w3;
        /* clang-format off */
        __asm__ volatile(
            "1:\n\t"
            LOAD_4("l0", "l1", "l2", "l3", "logs")
            LOAD_4("w0", "w1", "w2", "w3", "even")
            DOT_4("sum_even")
            LOAD_4("w0", "w1", "w2", "w3", "odd")
            DOT_4("sum_odd")
            "cmp %[logs], %[end]\n\t"
            "bne 1b\n\t"
            : [logs] "+&r"(logs), [even] "+&r"(even), [odd] "+&r"(odd), [sum_even] "+&r"(sums.even),
              [sum_odd] "+&r"(sums.odd), [l0] "=&r"(l0), [l1] "=&r"(l1), [l2] "=&r"(l2), [l3] "=&r"(l3),
              [w0] "=&r"(w0), [w1] "=&r"(w1), [w2] "=&r"(w2), [w3] "=&r"(w3)
            : [end] "r"(end_of_8s)
            : "cc", "memory");
        /* clang-format on */
    }
    for (; logs < end; logs += 2, even += 2, odd += 2) {
        sums.even = __smlad(kws_load_pair(logs), kws_load_pair(even), sums.even);
        sums.odd = __smlad(kws_load_pair(logs), kws_load_pair(odd), sums.odd);
    }
    return sums;
}

void kws_dsp_project(int8_t *features, uint32_t num_features, const int16_t *logs_q10, uint32_t row_length,
                     const int16_t *weights, const int32_t *offsets, uint32_t shift)
{
    for (uint32_t row = 0u; row < num_features; row += 2u) {
        const uint32_t odd =
            (row + 1u < num_features) ? row + 1u : row; /* the last of an odd number: twice */
        const two_sums_t start = {offsets[row], offsets[odd]};
        const two_sums_t sums =
            two_rows(logs_q10, row_length, weights + row * row_length, weights + odd * row_length, start);
        features[row] = kws_clamp_s8(sums.even >> shift);
        features[odd] = kws_clamp_s8(sums.odd >> shift);
    }
}

#endif
