/* SPDX-License-Identifier: Apache-2.0 */
#include "../kws_simd.h"
#if KWS_SIMD

#include "fft_load_dsp.h"

/* Points 0, 64, 128, 192 further on: four samples' and four window values' pairs, loaded in one row. */
#define LOAD_3                                                                                               \
    "ldr in0, [samples], #4\n\t"                                                                             \
    "ldr in1, [samples, #252]\n\t"                                                                           \
    "ldr in2, [samples, #508]\n\t"                                                                           \
    "ldr win0, [window], #4\n\t"                                                                             \
    "ldr win1, [window, #252]\n\t"                                                                           \
    "ldr win2, [window, #508]\n\t"
#define LOAD_4                                                                                               \
    LOAD_3                                                                                                   \
    "ldr in3, [samples, #764]\n\t"                                                                           \
    "ldr win3, [window, #764]\n\t"

/* re and im of a windowed point at full scale; the sample's register is free afterwards. */
#define WINDOWED(re, im, sample)                                                                             \
    "smulbb " re ", " sample ", " im "\n\t"                                                                  \
    "smultt " im ", " sample ", " im "\n\t"                                                                  \
    "lsl " re ", " re ", packed\n\t"                                                                         \
    "lsl " im ", " im ", packed\n\t"

/* sum = a + b, difference = a - b, b waiting for its right shift; sum may be any free register. */
#define SUM_AND_DIFFERENCE(sum, a, b)                                                                        \
    "add " sum ", " a ", " b ", asr #7\n\t"                                                                  \
    "sub " a ", " a ", " b ", asr #7\n\t"

/* a, b = a + b, a - b without a spare register. */
#define IN_PLACE(a, b)                                                                                       \
    "add " a ", " a ", " b "\n\t"                                                                            \
    "sub " b ", " a ", " b ", lsl #1\n\t"

/* The butterfly goes where bit reversal wants it: 32 bytes times the 6 reversed bits of n. */
#define ADDRESS_OF_OUTPUT(address)                                                                           \
    "rbit " address ", n\n\t"                                                                                \
    "add " address ", data, " address ", lsr #21\n\t"

#define LOOP                                                                                                 \
    "add n, n, #1\n\t"                                                                                       \
    "cmp n, packed, lsr #8\n\t"                                                                              \
    "bne 1b\n\t"

/* All fourteen registers are taken, so these functions are assembly as a whole: compilers may keep one for themselves. */
#define NAMES                                                                                                \
    "in0 .req r0\n\tdata .req r1\n\tpacked .req r2\n\tsamples .req r3\n\twindow .req r4\n\tn .req r5\n\t"    \
    "in1 .req r6\n\tin2 .req r7\n\tin3 .req r8\n\tout .req r8\n\twin0 .req r9\n\twin1 .req r10\n\twin2 "     \
    ".req r11\n\t"                                                                                           \
    "win3 .req r12\n\tt .req lr\n\t"                                                                         \
    "push {r0, r4-r11, lr}\n\t"                                                                              \
    "ldm r0, {r3, r4, r5}\n\t"
#define RETURN                                                                                               \
    "pop {r0}\n\t"                                                                                           \
    "stm r0, {r3, r4, r5}\n\t"                                                                               \
    "pop {r4-r11, pc}\n\t"                                                                                   \
    ".unreq in0\n\t.unreq data\n\t.unreq packed\n\t.unreq samples\n\t.unreq window\n\t.unreq n\n\t"          \
    ".unreq in1\n\t.unreq in2\n\t.unreq in3\n\t.unreq out\n\t.unreq win0\n\t.unreq win1\n\t.unreq win2\n\t"  \
    ".unreq win3\n\t.unreq t\n\t"
#define IN_REGISTER __attribute__((unused))

enum {
    QUARTER_POINTS = 64
};

/* Where the next butterfly reads: point n of samples and window. The assembly knows the order of the fields. */
typedef struct {
    const int16_t *samples;
    const int16_t *window_q15;
    uint32_t n;
} cursor_t;

/* Butterflies of the points n .. end - 1 and those 64, 128 and 192 further on: 60 cycles each. `packed` holds
 * the left shift in its low byte, which is all that LSL looks at, and end above it: no other register is
 * free. #7 is kws_dsp_fft_input_shift. */
/* clang-format off */
__attribute__((naked, noinline)) static void butterflies_of_4(cursor_t *cursor IN_REGISTER, int32_t *data IN_REGISTER,
                                                              uint32_t packed IN_REGISTER)
{
    __asm volatile(
        NAMES
        ".balign 4\n"
        "1:\n\t"
        LOAD_4
        WINDOWED("t", "win0", "in0")
        WINDOWED("in0", "win1", "in1")
        WINDOWED("in1", "win2", "in2")
        WINDOWED("in2", "win3", "in3") /* points: 0 in t, win0; 1 in in0, win1; 2 in in1, win2; 3 in in2, win3 */
        "asr t, t, #7\n\t"
        "asr win0, win0, #7\n\t"
        "asr in0, in0, #7\n\t"
        "asr win1, win1, #7\n\t"
        SUM_AND_DIFFERENCE("in3", "t", "in1")  /* sum02.re, difference02.re */
        SUM_AND_DIFFERENCE("in1", "win0", "win2") /* sum02.im, difference02.im */
        SUM_AND_DIFFERENCE("win2", "in0", "in2") /* sum13.re, difference13.re */
        SUM_AND_DIFFERENCE("in2", "win1", "win3") /* sum13.im, difference13.im */
        ADDRESS_OF_OUTPUT("win3")
        IN_PLACE("in3", "win2")
        IN_PLACE("in1", "in2")
        IN_PLACE("t", "win1")
        "sub win0, win0, in0\n\t"
        "add in0, win0, in0, lsl #1\n\t"
        "str in3, [win3]\n\t"
        "str in1, [win3, #4]\n\t"
        "str t, [win3, #8]\n\t"
        "str win0, [win3, #12]\n\t"
        "str win2, [win3, #16]\n\t"
        "str in2, [win3, #20]\n\t"
        "str win1, [win3, #24]\n\t"
        "str in0, [win3, #28]\n\t"
        LOOP
        RETURN);
}

/* The same where the point 192 further on is beyond the window, zero: sum13 = difference13 = point 1. */
__attribute__((naked, noinline)) static void butterflies_of_3(cursor_t *cursor IN_REGISTER, int32_t *data IN_REGISTER,
                                                              uint32_t packed IN_REGISTER)
{
    __asm volatile(
        NAMES
        ".balign 4\n"
        "1:\n\t"
        LOAD_3
        WINDOWED("t", "win0", "in0")
        WINDOWED("in0", "win1", "in1")
        WINDOWED("in1", "win2", "in2") /* points: 0 in t, win0; 1 in in0, win1; 2 in in1, win2 */
        "asr t, t, #7\n\t"
        "asr win0, win0, #7\n\t"
        "asr in0, in0, #7\n\t"
        "asr win1, win1, #7\n\t"
        SUM_AND_DIFFERENCE("in2", "t", "in1")  /* sum02.re, difference02.re */
        SUM_AND_DIFFERENCE("in1", "win0", "win2") /* sum02.im, difference02.im */
        ADDRESS_OF_OUTPUT("out")
        "add win2, in2, in0\n\t"
        "sub in2, in2, in0\n\t"
        "str win2, [out]\n\t"
        "str in2, [out, #16]\n\t"
        "add win2, in1, win1\n\t"
        "sub in1, in1, win1\n\t"
        "str win2, [out, #4]\n\t"
        "str in1, [out, #20]\n\t"
        "add win2, t, win1\n\t"
        "sub t, t, win1\n\t"
        "str win2, [out, #8]\n\t"
        "str t, [out, #24]\n\t"
        "sub win2, win0, in0\n\t"
        "add win0, win0, in0\n\t"
        "str win2, [out, #12]\n\t"
        "str win0, [out, #28]\n\t"
        LOOP
        RETURN);
}
/* clang-format on */

void kws_dsp_fft_load_256(int32_t *data, const int16_t *samples, const int16_t *window_q15,
                          uint32_t num_samples, int32_t exponent)
{
    const uint32_t num_full = num_samples / 2u - 3u * QUARTER_POINTS; /* butterflies with all four points */
    cursor_t cursor = {.samples = samples, .window_q15 = window_q15, .n = 0u};
    if (num_full > 0u) {
        butterflies_of_4(&cursor, data, (uint32_t)exponent | num_full << 8);
    }
    if (num_full < QUARTER_POINTS) {
        butterflies_of_3(&cursor, data, (uint32_t)exponent | QUARTER_POINTS << 8);
    }
}

#endif
