#include "../kws_simd.h"
#if KWS_SIMD

#include "kws_dsp.h"

/* 32 cycles a band; log_bands.c says what they do. */
void kws_dsp_log_features(int8_t *features, const uint64_t *bands, uint32_t num_bands,
                          const kws_dsp_log_t *log, int16_t factor, int32_t offset, uint32_t shift)
{
    const uint32_t floor_low = (uint32_t)log->floor, floor_high = (uint32_t)(log->floor >> 32);
    const int32_t whole_q10 = 63 * 1024 - log->bias_q10; /* of a band with no leading zero */
    uint32_t low, high, t;
    int32_t n;
    /* clang-format off */
    __asm__ volatile(
        "1:\n\t"
        "ldr %[low], [%[bands]], #8\n\t"
        "ldr %[high], [%[bands], #-4]\n\t"
        "adds %[low], %[low], %[floor_low]\n\t"
        "adcs %[high], %[high], %[floor_high]\n\t"
        "clz %[n], %[high]\n\t"
        "beq 3f\n\t"
        "lsl %[high], %[high], %[n]\n\t"
        "rsb %[t], %[n], #32\n\t"
        "lsr %[low], %[low], %[t]\n\t"
        "orr %[low], %[low], %[high]\n\t"
        "2:\n\t" /* the highest bit of low is set; n leading zeros before it */
        "ubfx %[t], %[low], #25, #6\n\t"
        "add %[t], %[table], %[t], lsl #1\n\t"
        "ldrh %[high], [%[t]]\n\t"
        "ldrh %[t], [%[t], #2]\n\t"
        "ubfx %[low], %[low], #9, #16\n\t"
        "sub %[t], %[t], %[high]\n\t"
        "mul %[t], %[t], %[low]\n\t"
        "add %[high], %[high], #16\n\t"
        "add %[t], %[high], %[t], lsr #16\n\t"
        "sub %[n], %[whole], %[n], lsl #10\n\t"
        "add %[n], %[n], %[t], lsr #5\n\t"
        "ssat %[n], #16, %[n]\n\t"
        "smlabb %[n], %[n], %[factor], %[offset]\n\t"
        "asr %[n], %[n], %[shift]\n\t"
        "ssat %[n], #8, %[n]\n\t"
        "strb %[n], [%[features]], #1\n\t"
        "cmp %[bands], %[end]\n\t"
        "bne 1b\n\t"
        "b 4f\n\t"
        "3:\n\t" /* high is 0 */
        "clz %[t], %[low]\n\t"
        "add %[n], %[t], #32\n\t"
        "lsls %[low], %[low], %[t]\n\t"
        "bne 2b\n\t"
        "mov %[n], #63\n\t" /* low too: the log of 0 is 0 */
        "b 2b\n\t"
        "4:\n\t"
        : [features] "+&r"(features), [bands] "+&r"(bands), [low] "=&r"(low), [high] "=&r"(high), [n] "=&r"(n),
          [t] "=&r"(t)
        : [end] "r"(bands + num_bands), [floor_low] "r"(floor_low), [floor_high] "r"(floor_high),
          [table] "r"(log->table_q15), [whole] "r"(whole_q10), [factor] "r"(factor), [offset] "r"(offset),
          [shift] "r"(shift)
        : "cc", "memory");
    /* clang-format on */
}

#endif
