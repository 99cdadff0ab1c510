/* SPDX-License-Identifier: Apache-2.0 */
/* Armv7E-M: the tiles of conv_tiles_dsp.h.
 *
 * Accumulators, operands and two pointers fill the register file, so the inner loops and what follows them are
 * assembly: compilers spill here. Of two columns, 16 products take 15 cycles: 4 loads with their start-up, 2 unpacks, 8
 * dual multiply-accumulates. Of three, 12 take 12. */
#include "../kws_simd.h"
#if KWS_SIMD

#include "conv_tiles_dsp.h"
#include "simd_dsp.h"

_Static_assert(KWS_NN_TO_PAIRS == 0x40000, "in assembly");

/* Assembly reads line by line. */
/* clang-format off */

/* Sums of an odd and an even channel from those of "both" and "even". start: of the even one */
#define SEPARATE(start, even, both)                                                                          \
    "sub.w " both ", " both ", " even "\n\t"                                                                 \
    "add.w " even ", " start ", " even ", lsl #8\n\t"

#define RESCALE(sum, multiplier)                                                                             \
    "smmul " sum ", " sum ", " multiplier "\n\t"                                                             \
    "ssat " sum ", #8, " sum ", asr #" RESCALE_SHIFT "\n\t"

/* The same as value + 128: r5 KWS_NN_TO_PAIRS */
#define RESCALE_UNSIGNED(sum, multiplier)                                                                    \
    "smmla " sum ", " sum ", " multiplier ", r5\n\t"                                                         \
    "usat " sum ", #8, " sum ", asr #" RESCALE_SHIFT "\n\t"

#define STORE(value, place) "strb " value ", [" place "]\n\t"

/* One channel of two columns: r3 output, r5 step to the second column */
#define STORE_TWO(first, second, multiplier)                                                                 \
    RESCALE(first, multiplier) RESCALE(second, multiplier)                                                   \
    "strb " second ", [r3, r5]\n\t"                                                                          \
    "strb " first ", [r3], #1\n\t"

/* A pair of channels, into a row: r1 its kws_nn_paired_end_t */
#define FINISH_TWO(even, even2, both, both2)                                                                 \
    "ldm r1!, {r0, r2, r4}\n\t" SEPARATE("r0", even, both) SEPARATE("r0", even2, both2)                      \
    STORE_TWO(even, even2, "r2") STORE_TWO(both, both2, "r4")

/* The same into channel pairs. */
#define PAIR_TWO(even, even2, both, both2)                                                                   \
    "ldm r1!, {r0, r2, r4}\n\t" SEPARATE("r0", even, both) SEPARATE("r0", even2, both2)                      \
    RESCALE_UNSIGNED(even, "r2") RESCALE_UNSIGNED(even2, "r2")                                               \
    RESCALE_UNSIGNED(both, "r4") RESCALE_UNSIGNED(both2, "r4")                                               \
    STORE(even, "r3") STORE(both, "r3, #1") STORE(even2, "r3, #2") STORE(both2, "r3, #3")

#define STORE_THREE(first, second, third, multiplier)                                                        \
    RESCALE(first, multiplier) RESCALE(second, multiplier) RESCALE(third, multiplier)                        \
    "strb " second ", [r0, r5]\n\t"                                                                          \
    "strb " third ", [r0, r5, lsl #1]\n\t"                                                                   \
    "strb " first ", [r0], #1\n\t"

#define FINISH_ONE(even, both)                                                                               \
    "ldm r1!, {r2, r3, r4}\n\t" SEPARATE("r2", even, both) RESCALE(even, "r3")                               \
        RESCALE(both, "r4") "strb " even ", [r0], #1\n\t"                                                    \
                            "strb " both ", [r0], #1\n\t"

/* Lanes of two channels times two inputs of each of two columns (r2, r3). */
#define MULTIPLY_TWO(lanes, even, even2, both, both2)                                                        \
    "smlad " both ", " lanes ", r2, " both "\n\t"                                                            \
    "smlad " both2 ", " lanes ", r3, " both2 "\n\t"                                                          \
    "sxtb16 " lanes ", " lanes "\n\t"                                                                        \
    "smlad " even ", " lanes ", r2, " even "\n\t"                                                            \
    "smlad " even2 ", " lanes ", r3, " even2 "\n\t"

/* The same for the first two inputs: the sums of "both" start with those in `both`. */
#define START_TWO(lanes, even, even2, both, both2)                                                           \
    "smlad " both2 ", " lanes ", r3, " both "\n\t"                                                           \
    "smlad " both ", " lanes ", r2, " both "\n\t"                                                            \
    "sxtb16 " lanes ", " lanes "\n\t"                                                                        \
    "smuad " even ", " lanes ", r2\n\t"                                                                      \
    "smuad " even2 ", " lanes ", r3\n\t"

#define LOAD_TWO                                                                                             \
    "ldr r2, [r0], #8\n\t"                                                                                   \
    "ldr r3, [r0, #-4]\n\t"                                                                                  \
    "ldr r4, [r1], #8\n\t"                                                                                   \
    "ldr r5, [r1, #-4]\n\t"

/* Lanes of two channels (r5) and two inputs of each of three columns. */
#define LOAD_THREE                                                                                           \
    "ldr r2, [r0], #12\n\t"                                                                                  \
    "ldr r3, [r0, #-8]\n\t"                                                                                  \
    "ldr r4, [r0, #-4]\n\t"                                                                                  \
    "ldr r5, [r1], #8\n\t"

#define MULTIPLY_ONE(lanes, input, even, both)                                                               \
    "smlad " both ", " lanes ", " input ", " both "\n\t"                                                     \
    "sxtb16 " lanes ", " lanes "\n\t"                                                                        \
    "smlad " even ", " lanes ", " input ", " even "\n\t"

/* r0 inputs, r1 weights, r2-r5 operands; even sums of channels 0 and 1 for the two columns r6, r7, both r8, r9;
 * of channels 2 and 3 r10, r11 and r12, lr. On the stack: inputs, end, entry into the loop, output, column_bytes,
 * pair_bytes, last. */
__attribute__((naked, noinline)) void kws_nn_two_columns(const kws_nn_tile_t *tile __attribute__((unused)))
{
    __asm volatile(
        "push {r4-r11, lr}\n\t"
        "ldm r0, {r1, r2, r3, r4, r5, r6, r7, r8}\n\t"
        "adr.w r0, 2f\n\t"
        "add r4, r0\n\t"
        "add r4, #1\n\t" /* Thumb */
        "push {r2, r3, r4, r5, r6, r7, r8}\n"
        "1:\n\t" /* a block of four channels */
        "ldr r8, [r1], #4\n\t"
        "ldr r12, [r1], #4\n\t"
        "ldr r0, [sp]\n\t"
        LOAD_TWO
        START_TWO("r4", "r6", "r7", "r8", "r9")
        START_TWO("r5", "r10", "r11", "r12", "lr")
        "ldr pc, [sp, #8]\n\t"
        ".balign 4\n"
        "2:\n\t" /* two inputs each time: TWO_COLUMNS_CODE bytes */
        ".rept 32\n\t"
        LOAD_TWO
        MULTIPLY_TWO("r4", "r6", "r7", "r8", "r9")
        MULTIPLY_TWO("r5", "r10", "r11", "r12", "lr")
        ".endr\n\t"
        "ldr r2, [sp, #4]\n\t"
        "ldr r3, [sp, #12]\n\t"
        "ldr r5, [sp, #16]\n\t"
        "cmp r0, r2\n\t"
        "bne.w 2b\n\t"
        "cmp r5, #0x40000\n\t"
        "bne.w 3f\n\t"
        PAIR_TWO("r6", "r7", "r8", "r9")
        "ldr r6, [sp, #20]\n\t"
        "ldr r7, [sp, #24]\n\t"
        "add r3, r6\n\t"
        PAIR_TWO("r10", "r11", "r12", "lr")
        "add r3, r6\n\t"
        "str r3, [sp, #12]\n\t"
        "cmp r1, r7\n\t"
        "bne.w 1b\n\t"
        "add sp, #28\n\t"
        "pop {r4-r11, pc}\n"
        "3:\n\t" /* into a row */
        FINISH_TWO("r6", "r7", "r8", "r9")
        FINISH_TWO("r10", "r11", "r12", "lr")
        "ldr r2, [sp, #24]\n\t"
        "str r3, [sp, #12]\n\t"
        "cmp r1, r2\n\t"
        "bne.w 1b\n\t"
        "add sp, #28\n\t"
        "pop {r4-r11, pc}\n\t");
}

/* Two channels of each block after one another, first channels 0 and 1, then 2 and 3: r0 inputs, r1 weights, r2-r5
 * operands; even sums of the three columns r6-r8, both r9-r11; r12 end, lr entry into the loop. On the stack: block,
 * inputs, output, column_bytes, step of the output to the next block, last, output of channel 2, and how far the ends of
 * the channels lie behind their weights. */
__attribute__((naked, noinline)) void kws_nn_three_columns(const kws_nn_tile_t *tile __attribute__((unused)))
{
    __asm volatile(
        "push {r4-r11, lr}\n\t"
        "ldm r0, {r1, r2, r3, r4, r5, r6, r7, r8}\n\t"
        "mov r12, r3\n\t"
        "adr.w lr, 2f\n\t"
        "add lr, r4\n\t"
        "lsls r7, r7, #1\n\t" /* two pairs on, or in a row four channels */
        "it eq\n\t"
        "moveq r7, #4\n\t"
        "add r9, r5, r7, lsr #1\n\t"
        "mov r10, #0\n\t"
        "push {r1, r2, r5, r6, r7, r8, r9, r10}\n"
        "1:\n\t" /* two channels */
        "ldr r9, [r1], #8\n\t"
        "ldr r0, [sp, #4]\n\t"
        LOAD_THREE
        "smlad r10, r5, r3, r9\n\t"
        "smlad r11, r5, r4, r9\n\t"
        "smlad r9, r5, r2, r9\n\t"
        "sxtb16 r5, r5\n\t"
        "smuad r6, r5, r2\n\t"
        "smuad r7, r5, r3\n\t"
        "smuad r8, r5, r4\n\t"
        "mov pc, lr\n\t"
        ".balign 4\n"
        "2:\n\t" /* two inputs each time: THREE_COLUMNS_CODE bytes */
        ".rept 32\n\t"
        LOAD_THREE
        "smlad r9, r5, r2, r9\n\t"
        "smlad r10, r5, r3, r10\n\t"
        "smlad r11, r5, r4, r11\n\t"
        "sxtb16 r5, r5\n\t"
        "smlad r6, r5, r2, r6\n\t"
        "smlad r7, r5, r3, r7\n\t"
        "smlad r8, r5, r4, r8\n\t"
        ".endr\n\t"
        "cmp r0, r12\n\t"
        "bne.w 2b\n\t"
        "ldr r0, [sp, #8]\n\t"
        "ldr r2, [sp, #28]\n\t"
        "ldr r3, [sp, #16]\n\t"
        "ldr r4, [sp, #20]\n\t"
        "ldr r5, [sp, #12]\n\t"
        "add r3, r0\n\t"
        "str r3, [sp, #8]\n\t"
        "add r2, r1\n\t"
        "adds r1, #24\n\t"
        "tst r5, #0x40000\n\t"
        "beq.n 3f\n\t"
        "cmp r1, r4\n\t" /* nothing before the branch touches the flags */
        "ldm r2, {r2, r3, r4}\n\t"
        SEPARATE("r2", "r6", "r9") SEPARATE("r2", "r7", "r10") SEPARATE("r2", "r8", "r11")
        RESCALE_UNSIGNED("r6", "r3") RESCALE_UNSIGNED("r7", "r3") RESCALE_UNSIGNED("r8", "r3")
        RESCALE_UNSIGNED("r9", "r4") RESCALE_UNSIGNED("r10", "r4") RESCALE_UNSIGNED("r11", "r4")
        STORE("r6", "r0") STORE("r9", "r0, #1") STORE("r7", "r0, #2")
        STORE("r10", "r0, #3") STORE("r8", "r0, #4") STORE("r11", "r0, #5")
        "bne.w 1b\n\t"
        "b.n 4f\n"
        "3:\n\t" /* into a row */
        "cmp r1, r4\n\t"
        "ldm r2, {r2, r3, r4}\n\t"
        SEPARATE("r2", "r6", "r9") SEPARATE("r2", "r7", "r10") SEPARATE("r2", "r8", "r11")
        STORE_THREE("r6", "r7", "r8", "r3")
        STORE_THREE("r9", "r10", "r11", "r4")
        "bne.w 1b\n"
        "4:\n\t" /* channels 2 and 3 */
        "ldr r2, [sp, #28]\n\t"
        "cbnz r2, 5f\n\t"
        "ldr r1, [sp]\n\t"
        "ldr r3, [sp, #24]\n\t"
        "ldr r4, [sp, #20]\n\t"
        "movs r2, #8\n\t"
        "adds r1, #4\n\t"
        "adds r4, #4\n\t"
        "str r2, [sp, #28]\n\t"
        "str r3, [sp, #8]\n\t"
        "str r4, [sp, #20]\n\t"
        "b.w 1b\n"
        "5:\n\t"
        "add sp, #32\n\t"
        "pop {r4-r11, pc}\n\t");
}

/* One column x four channels, four inputs at a time: r0 inputs, r1 weights, r2-r5, r10, r11 operands; sums even
 * r6, r8, both r7, r9; r12 end, lr entry into the loop. On the stack: inputs, output, column_bytes, last. */
__attribute__((naked, noinline)) void kws_nn_one_column(const kws_nn_tile_t *tile __attribute__((unused)))
{
    __asm volatile(
        "push {r4-r11, lr}\n\t"
        "ldm r0, {r1, r2, r3, r4, r5, r6, r7, r8}\n\t"
        "mov r12, r3\n\t"
        "adr.w lr, 2f\n\t"
        "add lr, r4\n\t"
        "push {r2, r5, r6, r8}\n"
        "1:\n\t" /* a block of four channels */
        "ldr r0, [sp]\n\t"
        "ldm r1!, {r7, r9}\n\t"
        "movs r6, #0\n\t"
        "mov r8, r6\n\t"
        "mov pc, lr\n\t"
        ".balign 4\n"
        "2:\n\t" /* four inputs each time: ONE_COLUMN_CODE bytes */
        ".rept 8\n\t"
        "ldr r2, [r0], #8\n\t"
        "ldr r3, [r0, #-4]\n\t"
        "ldr r4, [r1], #16\n\t"
        "ldr r5, [r1, #-12]\n\t"
        "ldr r10, [r1, #-8]\n\t"
        "ldr r11, [r1, #-4]\n\t"
        MULTIPLY_ONE("r4", "r2", "r6", "r7")
        MULTIPLY_ONE("r5", "r2", "r8", "r9")
        MULTIPLY_ONE("r10", "r3", "r6", "r7")
        MULTIPLY_ONE("r11", "r3", "r8", "r9")
        ".endr\n\t"
        "cmp r0, r12\n\t"
        "bne.w 2b\n\t"
        "ldr r0, [sp, #4]\n\t"
        "ldr r5, [sp, #8]\n\t"
        "cbz r5, 3f\n\t"
        FINISH_ONE("r6", "r7")
        FINISH_ONE("r8", "r9")
        "ldr r2, [sp, #12]\n\t"
        "str r0, [sp, #4]\n\t"
        "cmp r1, r2\n\t"
        "bne.w 1b\n\t"
        "add sp, #16\n\t"
        "pop {r4-r11, pc}\n"
        "3:\n\t" /* one block, as it is */
        "stm r0, {r6, r7, r8, r9}\n\t"
        "add sp, #16\n\t"
        "pop {r4-r11, pc}\n\t");
}

/* clang-format on */

#endif
