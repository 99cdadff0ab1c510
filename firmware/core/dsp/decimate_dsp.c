/* SPDX-License-Identifier: Apache-2.0 */
/* Armv7E-M: two products an instruction, loads in rows. All fourteen registers are taken, so these functions are assembly as
 * a whole: compilers may keep one for themselves. */
#include "../kws_simd.h"
#if KWS_SIMD

#include "decimate.h"

#define IN_REGISTER __attribute__((unused))
#define TEXT_OF(x)  #x
#define TEXT(x)     TEXT_OF(x)

/* Two words: r1 words, r3 sums, r4 and r5 the tables, r6 (-1, REST), r7 the parts before, r8 the next sum. QSAX adds the
 * high half of the parts to the low half of the sum. */
#define TWO_WORDS                                                                                            \
    "ldrb r10, [r1], #4\n\t"                                                                                 \
    "ldrb r9, [r1, #-3]\n\t"                                                                                 \
    "ldrb r12, [r1, #-2]\n\t"                                                                                \
    "ldrb r11, [r1, #-1]\n\t"                                                                                \
    "ldr r9, [r4, r9, lsl #2]\n\t"                                                                           \
    "ldr r10, [r5, r10, lsl #2]\n\t"                                                                         \
    "ldr r11, [r4, r11, lsl #2]\n\t"                                                                         \
    "ldr r12, [r5, r12, lsl #2]\n\t"                                                                         \
    "add r9, r10\n\t"                                                                                        \
    "qsax r0, r8, r9\n\t"                                                                                    \
    "strh r0, [r3], #4\n\t"                                                                                  \
    "smlad r8, r7, r6, r9\n\t"                                                                               \
    "add r7, r11, r12\n\t"                                                                                   \
    "qsax r0, r8, r7\n\t"                                                                                    \
    "strh r0, [r3, #-2]\n\t"                                                                                 \
    "smlad r8, r9, r6, r7\n\t"

__attribute__((naked)) void kws_dsp_sum_bits(kws_dsp_bits_t *self IN_REGISTER,
                                             const uint16_t *words IN_REGISTER,
                                             uint32_t num_words IN_REGISTER, int16_t *sums IN_REGISTER)
{
    /* clang-format off */
    __asm__ volatile("push {r0, r4-r11, lr}\n\t"
                     "ldrd r4, r5, [r0]\n\t"
                     "ldrd r7, r8, [r0, #8]\n\t"
                     "movw r6, #" TEXT(KWS_DSP_REST) "\n\t"
                     "movt r6, #0xffff\n\t"
                     "add r2, r1, r2, lsl #1\n\t"
                     "1:\n\t"
                     TWO_WORDS TWO_WORDS TWO_WORDS TWO_WORDS
                     "cmp r1, r2\n\t"
                     "bne 1b\n\t"
                     "pop {r0}\n\t"
                     "strd r7, r8, [r0, #8]\n\t"
                     "pop {r4-r11, pc}\n\t");
    /* clang-format on */
}

/* One output: six pairs of values, r10 to r12 half of the weights; the other half crosses over. r2: 2^(32 - shift). */
#define ONE_BY_4(a, b, c, d, e, f)                                                                           \
    "smuad lr, " a ", r10\n\t"                                                                               \
    "smlad lr, " b ", r11, lr\n\t"                                                                           \
    "smlad lr, " c ", r12, lr\n\t"                                                                           \
    "smladx lr, " d ", r12, lr\n\t"                                                                          \
    "smladx lr, " e ", r11, lr\n\t"                                                                          \
    "smladx lr, " f ", r10, lr\n\t"                                                                          \
    "smmulr lr, lr, r2\n\t"                                                                                  \
    "ssat lr, #16, lr\n\t"
#define FIRST_OF_TWO                                                                                         \
    "strh lr, [r3, #4]\n\t"                                                                                  \
    "strh lr, [r3, #-2]\n\t"
#define SECOND_OF_TWO                                                                                        \
    "strh lr, [r3], #8\n\t"                                                                                  \
    "strh lr, [r3, #-14]\n\t"
#define NEXT_PAIRS(a, b, at)                                                                                 \
    "ldr " a ", [r0, #" at "]\n\t"                                                                           \
    "ldr " b ", [r0, #" at " + 4]\n\t"

__attribute__((naked)) void kws_dsp_decimate_by_4(const int16_t *values IN_REGISTER,
                                                  const int16_t *weights IN_REGISTER,
                                                  uint32_t shift IN_REGISTER, int16_t *phases IN_REGISTER,
                                                  uint32_t num_outputs IN_REGISTER)
{
    /* clang-format off */
    __asm__ volatile("push {r4-r11, lr}\n\t"
                     "ldm r1, {r10, r11, r12}\n\t"
                     "ldr r1, [sp, #36]\n\t"
                     "add r1, r3, r1, lsl #2\n\t" /* end of the phases */
                     "rsb r2, r2, #32\n\t"
                     "movs r4, #1\n\t"
                     "lsl r2, r4, r2\n\t"
                     "1:\n\t"
                     NEXT_PAIRS("r4", "r5", "0")
                     NEXT_PAIRS("r6", "r7", "8")
                     NEXT_PAIRS("r8", "r9", "16")
                     ONE_BY_4("r4", "r5", "r6", "r7", "r8", "r9")
                     FIRST_OF_TWO
                     NEXT_PAIRS("r4", "r5", "24")
                     ONE_BY_4("r6", "r7", "r8", "r9", "r4", "r5")
                     SECOND_OF_TWO
                     NEXT_PAIRS("r6", "r7", "32")
                     ONE_BY_4("r8", "r9", "r4", "r5", "r6", "r7")
                     FIRST_OF_TWO
                     NEXT_PAIRS("r8", "r9", "40")
                     ONE_BY_4("r4", "r5", "r6", "r7", "r8", "r9")
                     SECOND_OF_TWO
                     NEXT_PAIRS("r4", "r5", "48")
                     ONE_BY_4("r6", "r7", "r8", "r9", "r4", "r5")
                     FIRST_OF_TWO
                     NEXT_PAIRS("r6", "r7", "56")
                     ONE_BY_4("r8", "r9", "r4", "r5", "r6", "r7")
                     SECOND_OF_TWO
                     NEXT_PAIRS("r8", "r9", "64")
                     ONE_BY_4("r4", "r5", "r6", "r7", "r8", "r9")
                     FIRST_OF_TWO
                     NEXT_PAIRS("r4", "r5", "72")
                     "adds r0, #64\n\t"
                     ONE_BY_4("r6", "r7", "r8", "r9", "r4", "r5")
                     SECOND_OF_TWO
                     "cmp r3, r1\n\t"
                     "bne 1b\n\t"
                     "pop {r4-r11, pc}\n\t");
    /* clang-format on */
}

#define SHIFT TEXT(KWS_DSP_BY_2_SHIFT)
#define NEAR  "(8 * " TEXT(KWS_DSP_NEAR_BEGIN) " + 4)" /* bytes from an output's far pairs to its near ones */

/* Of four outputs r2 to r5, a pair of weights times the pairs of values a to d; the next output's lie one further. */
#define FOUR_BY_2(weight, a, b, c, d)                                                                        \
    "smlad r2, " weight ", " a ", r2\n\t"                                                                    \
    "smlad r3, " weight ", " b ", r3\n\t"                                                                    \
    "smlad r4, " weight ", " c ", r4\n\t"                                                                    \
    "smlad r5, " weight ", " d ", r5\n\t"
#define LOAD(a) "ldr " a ", [r0], #16\n\t"
#define LOAD_TWO(a, b)                                                                                       \
    "ldr r11, [r1], #8\n\t"                                                                                  \
    "ldr r12, [r1, #-4]\n\t" LOAD(a) LOAD(b)

/* Ten taps: r1 weights, r0 pairs of values, of which r6, r7, r8 are there, and are again afterwards. */
#define TEN_TAPS                                                                                             \
    LOAD_TWO("r9", "r10")                                                                                    \
    FOUR_BY_2("r11", "r6", "r7", "r8", "r9")                                                                 \
    FOUR_BY_2("r12", "r7", "r8", "r9", "r10")                                                                \
    LOAD_TWO("r6", "r7")                                                                                     \
    FOUR_BY_2("r11", "r8", "r9", "r10", "r6")                                                                \
    FOUR_BY_2("r12", "r9", "r10", "r6", "r7")                                                                \
    "ldr r11, [r1], #4\n\t" LOAD("r8") FOUR_BY_2("r11", "r10", "r6", "r7", "r8")

/* Every other output, of which four together look at the same weights; r1: 40 of them. */
__attribute__((naked, noinline)) static void decimate_every_other(const int16_t *phases IN_REGISTER,
                                                                  const int16_t *weights IN_REGISTER,
                                                                  int16_t *outputs IN_REGISTER,
                                                                  const int16_t *end IN_REGISTER)
{
    /* clang-format off */
    __asm__ volatile("push {r2, r3, r4-r11, lr}\n\t"
                     "1:\n\t"
                     "mov r2, #1 << (" SHIFT " - 1)\n\t"
                     "mov r3, r2\n\t"
                     "mov r4, r2\n\t"
                     "mov r5, r2\n\t"
                     "movs lr, #3\n\t"
                     LOAD("r6") LOAD("r7") LOAD("r8")
                     "2:\n\t"
                     TEN_TAPS
                     "subs lr, #1\n\t"
                     "bne 2b\n\t"
                     "subs r0, #18 * 16 - " NEAR "\n\t"
                     LOAD("r6") LOAD("r7") LOAD("r8")
                     TEN_TAPS
                     "ldrd r6, r7, [sp]\n\t"
                     "ssat r2, #16, r2, asr #" SHIFT "\n\t"
                     "ssat r3, #16, r3, asr #" SHIFT "\n\t"
                     "ssat r4, #16, r4, asr #" SHIFT "\n\t"
                     "ssat r5, #16, r5, asr #" SHIFT "\n\t"
                     "strh r2, [r6], #16\n\t"
                     "strh r3, [r6, #-12]\n\t"
                     "strh r4, [r6, #-8]\n\t"
                     "strh r5, [r6, #-4]\n\t"
                     "str r6, [sp]\n\t"
                     "subs r0, #8 * 16 + " NEAR " - 8 * 8\n\t" /* eight outputs on */
                     "subs r1, #80\n\t"
                     "cmp r6, r7\n\t"
                     "bne 1b\n\t"
                     "pop {r2, r3, r4-r11, pc}\n\t");
    /* clang-format on */
}

void kws_dsp_decimate_by_2(const int16_t *phases, const int16_t *weights, int16_t *outputs,
                           uint32_t num_outputs)
{
    decimate_every_other(phases, weights, outputs, outputs + num_outputs);
    decimate_every_other(phases + KWS_DSP_PHASES, weights, outputs + 1, outputs + 1 + num_outputs);
}

#endif
