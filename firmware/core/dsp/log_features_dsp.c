/* SPDX-License-Identifier: Apache-2.0 */
#include "../kws_simd.h"
#if KWS_SIMD

#include <stddef.h>

#include "kws_dsp.h"

_Static_assert(offsetof(kws_dsp_log_t, floor) == 0 && offsetof(kws_dsp_log_t, bias_q10) == 8 &&
                   offsetof(kws_dsp_log_t, table_q15) == 12,
               "the assembly reads them there");

#define IN_REGISTER __attribute__((unused))

/* 32 cycles a band; log_bands.c says what they do. All fourteen registers are taken, so the function is assembly as a
 * whole: compilers may keep one for themselves. */
/* clang-format off */
__attribute__((naked)) void kws_dsp_log_features(int8_t *features IN_REGISTER, const uint64_t *bands IN_REGISTER,
                                                 uint32_t num_bands IN_REGISTER, const kws_dsp_log_t *log IN_REGISTER,
                                                 int16_t factor IN_REGISTER, int32_t offset IN_REGISTER,
                                                 uint32_t shift IN_REGISTER)
{
    __asm volatile(
        "features .req r0\n\tbands .req r1\n\tend .req r2\n\ttable .req r3\n\tfloor_low .req r4\n\tfloor_high .req r5\n\t"
        "whole .req r6\n\tfactor .req r7\n\toffset .req r8\n\tshift .req r9\n\tlow .req r10\n\thigh .req r11\n\t"
        "n .req r12\n\tt .req lr\n\t"
        "push {r4-r11, lr}\n\t"
        "ldrd floor_low, floor_high, [r3]\n\t"
        "ldr whole, [r3, #8]\n\t"
        "ldr table, [r3, #12]\n\t"
        "ldr factor, [sp, #36]\n\t" /* the first three arguments that came on the stack, above nine registers */
        "ldr offset, [sp, #40]\n\t"
        "ldr shift, [sp, #44]\n\t"
        "add end, bands, r2, lsl #3\n\t"
        "rsb whole, whole, #64512\n\t" /* 63 * 1024 - bias: of a band with no leading zero */
        "1:\n\t"
        "ldr low, [bands], #8\n\t"
        "ldr high, [bands, #-4]\n\t"
        "adds low, low, floor_low\n\t"
        "adcs high, high, floor_high\n\t"
        "clz n, high\n\t"
        "beq 3f\n\t"
        "lsl high, high, n\n\t"
        "rsb t, n, #32\n\t"
        "lsr low, low, t\n\t"
        "orr low, low, high\n\t"
        "2:\n\t" /* the highest bit of low is set; n leading zeros before it */
        "ubfx t, low, #25, #6\n\t"
        "add t, table, t, lsl #1\n\t"
        "ldrh high, [t]\n\t"
        "ldrh t, [t, #2]\n\t"
        "ubfx low, low, #9, #16\n\t"
        "sub t, t, high\n\t"
        "mul t, t, low\n\t"
        "add high, high, #16\n\t"
        "add t, high, t, lsr #16\n\t"
        "sub n, whole, n, lsl #10\n\t"
        "add n, n, t, lsr #5\n\t"
        "ssat n, #16, n\n\t"
        "smlabb n, n, factor, offset\n\t"
        "asr n, n, shift\n\t"
        "ssat n, #8, n\n\t"
        "strb n, [features], #1\n\t"
        "cmp bands, end\n\t"
        "bne 1b\n\t"
        "pop {r4-r11, pc}\n"
        "3:\n\t" /* high is 0 */
        "clz t, low\n\t"
        "add n, t, #32\n\t"
        "lsls low, low, t\n\t"
        "bne 2b\n\t"
        "mov n, #63\n\t" /* low too: the log of 0 is 0 */
        "b 2b\n\t"
        ".unreq features\n\t.unreq bands\n\t.unreq end\n\t.unreq table\n\t.unreq floor_low\n\t.unreq floor_high\n\t"
        ".unreq whole\n\t.unreq factor\n\t.unreq offset\n\t.unreq shift\n\t.unreq low\n\t.unreq high\n\t"
        ".unreq n\n\t.unreq t\n\t");
}
/* clang-format on */

#endif
