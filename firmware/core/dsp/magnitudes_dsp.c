#include "select.h"
#if KWS_DSP_SIMD

#include "kws_dsp.h"

/* One bin, 32 cycles; real_bin.h and magnitudes.c say what it computes. From the square root on, a1 is the
 * table's index and then its entry. */
#define ONE_BIN                                                                                              \
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
    "smlawt %[b0], %[a1], %[w], %[b0]\n\t"                                                                   \
    "smulwb %[a1], %[a1], %[w]\n\t"                                                                          \
    "smulwt %[t], %[t], %[w]\n\t"                                                                            \
    "add %[a0], %[b0], %[a0], asr #1\n\t" /* re */                                                           \
    "sub %[a1], %[a1], %[t]\n\t"                                                                             \
    "add %[a1], %[a1], %[b1], asr #1\n\t" /* im */                                                           \
    "eor %[t], %[a0], %[a0], asr #31\n\t"                                                                    \
    "eor %[w], %[a1], %[a1], asr #31\n\t"                                                                    \
    "orr %[t], %[t], %[w]\n\t"                                                                               \
    "clz %[t], %[t]\n\t"                                                                                     \
    "sub %[t], %[t], #2\n\t"                                                                                 \
    "lsl %[a0], %[a0], %[t]\n\t"                                                                             \
    "lsl %[a1], %[a1], %[t]\n\t"                                                                             \
    "smmul %[a0], %[a0], %[a0]\n\t"                                                                          \
    "smmla %[a1], %[a1], %[a1], %[a0]\n\t"                                                                   \
    "lsr %[a1], %[a1], #20\n\t"                                                                              \
    "ldrh %[a1], [%[table], %[a1], lsl #1]\n\t"                                                              \
    "lsl %[a1], %[a1], #15\n\t"                                                                              \
    "lsr %[a1], %[a1], %[t]\n\t"                                                                             \
    "str %[a1], [%[bins]], #4\n\t"

void kws_dsp_magnitudes(uint32_t *bins, const int32_t *data, uint32_t log2_points, uint32_t first_bin,
                        uint32_t num_bins, const int16_t *twiddles_q15, const uint16_t *sqrt_table)
{
    const int32_t *point = data + 2u * first_bin;
    const int32_t *mirror = data + 2u * ((1u << log2_points) - first_bin);
    const uint32_t *const end = bins + num_bins;
    int32_t a0, a1, b0, b1, w, t;
    /* Two bins a round; an odd number enters in the middle. */
    /* clang-format off */
    __asm__ volatile(
        "tst %[num_bins], #1\n\t"
        "bne 2f\n\t"
        "1:\n\t"
        ONE_BIN
        "2:\n\t"
        ONE_BIN
        "cmp %[bins], %[end]\n\t"
        "bne 1b\n\t"
        : [bins] "+&r"(bins), [point] "+&r"(point), [mirror] "+&r"(mirror), [twiddles] "+&r"(twiddles_q15),
          [a0] "=&r"(a0), [a1] "=&r"(a1), [b0] "=&r"(b0), [b1] "=&r"(b1), [w] "=&r"(w), [t] "=&r"(t)
        : [end] "r"(end), [table] "r"(sqrt_table), [num_bins] "r"(num_bins)
        : "cc", "memory");
    /* clang-format on */
}

#else
typedef int kws_dsp_nothing_t; /* an empty file is not C */
#endif
