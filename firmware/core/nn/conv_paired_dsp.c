/* SPDX-License-Identifier: Apache-2.0 */
/* Armv7E-M: matrix products for KWS_NN_LAYOUT_PAIRED, two columns x four channels at a time.
 *
 * Eight accumulators, four operands and two pointers fill the register file, so the inner loop and what follows
 * it are assembly: compilers spill here. Per four inputs of a column, 64 products take 60 cycles: 16 loads with
 * their start-up, 8 unpacks, 32 dual multiply-accumulates. */
#include "../kws_simd.h"
#if KWS_SIMD

#include "conv_paired.h"
#include "simd_dsp.h"

/* What the assembly takes. Field order is part of it. */
typedef struct {
    const int8_t *block;     /* weights */
    const int16x2_t *inputs; /* two columns: a pair of one, a pair of the other, ... */
    const int16x2_t *end;
    uint32_t
        skip_bytes; /* of the unrolled loop, in the first round; two columns have two inputs behind them */
    void *output;   /* int8 of the first column; raw sums when output_step is 0 */
    uint32_t output_step; /* from one column to the next; 0: store the raw sums of one block instead */
    const int8_t *last;   /* end of the weights of the last block */
} job_t;

enum {
    ROUND_INPUTS = 32,     /* of the unrolled loops */
    TWO_COLUMNS_CODE = 56, /* bytes of code for two inputs */
    ONE_COLUMN_CODE = 72   /* bytes of code for four inputs */
};

/* Assembly reads line by line. */
/* clang-format off */

/* Sums of an odd and an even channel from those of "both" and "even": r2 start of the even one. */
#define SEPARATE(even, both)                                                                                 \
    "sub.w " both ", " both ", " even "\n\t"                                                                 \
    "add.w " even ", r2, " even ", lsl #8\n\t"

#define RESCALE(sum, multiplier)                                                                             \
    "smmul " sum ", " sum ", " multiplier "\n\t"                                                             \
    "ssat " sum ", #8, " sum ", asr #" RESCALE_SHIFT "\n\t"

/* One channel of two columns: r0 output, r5 step to the second column */
#define STORE_TWO(first, second, multiplier)                                                                 \
    RESCALE(first, multiplier)                                                                               \
    RESCALE(second, multiplier)                                                                              \
    "strb " second ", [r0, r5]\n\t"                                                                          \
    "strb " first ", [r0], #1\n\t"

/* A pair of channels: r1 its kws_nn_paired_end_t */
#define FINISH_TWO(even, even2, both, both2)                                                                 \
    "ldm r1!, {r2, r3, r4}\n\t" SEPARATE(even, both) SEPARATE(even2, both2) STORE_TWO(even, even2, "r3")     \
        STORE_TWO(both, both2, "r4")

#define FINISH_ONE(even, both)                                                                               \
    "ldm r1!, {r2, r3, r4}\n\t" SEPARATE(even, both) RESCALE(even, "r3")                                     \
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
    "ldr r2, [r0], #8\n\t"                                                                                 \
    "ldr r3, [r0, #-4]\n\t"                                                                                \
    "ldr r4, [r1], #8\n\t"                                                                                 \
    "ldr r5, [r1, #-4]\n\t"

#define MULTIPLY_ONE(lanes, input, even, both)                                                               \
    "smlad " both ", " lanes ", " input ", " both "\n\t"                                                     \
    "sxtb16 " lanes ", " lanes "\n\t"                                                                        \
    "smlad " even ", " lanes ", " input ", " even "\n\t"

/* r0 inputs, r1 weights, r2-r5 operands; even sums of channels 0 and 1 for the two columns r6, r7, both r8, r9;
 * of channels 2 and 3 r10, r11 and r12, lr. On the stack: inputs, end, entry into the loop, output, step, last. */
__attribute__((naked, noinline)) static void two_columns(const job_t *job __attribute__((unused)))
{
    __asm volatile(
        "push {r4-r11, lr}\n\t"
        "ldm r0, {r1, r2, r3, r4, r5, r6, r7}\n\t"
        "adr.w r0, 2f\n\t"
        "add r4, r0\n\t"
        "push {r2, r3, r4, r5, r6, r7}\n"
        "1:\n\t" /* a block of four channels */
        "ldm r1!, {r8, r12}\n\t"
        "ldr r0, [sp]\n\t"
        LOAD_TWO
        START_TWO("r4", "r6", "r7", "r8", "r9")
        START_TWO("r5", "r10", "r11", "r12", "lr")
        "ldr r2, [sp, #8]\n\t"
        "mov pc, r2\n\t"
        ".balign 4\n"
        "2:\n\t" /* two inputs each time: TWO_COLUMNS_CODE bytes */
        ".rept 16\n\t"
        LOAD_TWO
        MULTIPLY_TWO("r4", "r6", "r7", "r8", "r9")
        MULTIPLY_TWO("r5", "r10", "r11", "r12", "lr")
        ".endr\n\t"
        "ldr r2, [sp, #4]\n\t"
        "cmp r0, r2\n\t"
        "bne.w 2b\n\t"
        "ldr r0, [sp, #12]\n\t"
        "ldr r5, [sp, #16]\n\t"
        FINISH_TWO("r6", "r7", "r8", "r9")
        FINISH_TWO("r10", "r11", "r12", "lr")
        "ldr r2, [sp, #20]\n\t"
        "str r0, [sp, #12]\n\t"
        "cmp r1, r2\n\t"
        "bne.w 1b\n\t"
        "add sp, #24\n\t"
        "pop {r4-r11, pc}\n\t");
}

/* The same for one column, four inputs at a time: r0 inputs, r1 weights, r2-r5, r10, r11 operands; sums even
 * r6, r8, both r7, r9; r12 end, lr entry into the loop. On the stack: inputs, output, step, last. */
__attribute__((naked, noinline)) static void one_column(const job_t *job __attribute__((unused)))
{
    __asm volatile(
        "push {r4-r11, lr}\n\t"
        "ldm r0, {r1, r2, r3, r4, r5, r6, r7}\n\t"
        "mov r12, r3\n\t"
        "adr.w lr, 2f\n\t"
        "add lr, r4\n\t"
        "push {r2, r5, r6, r7}\n"
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

/* Inputs of two columns as int16 pairs in the order of SXTB16: a pair of the first, a pair of the second, ...
 * Returns where the next pair goes. */
static int16x2_t *widen_two(const int8_t *first, const int8_t *second, uint32_t num_inputs, int16x2_t *pairs)
{
    const int8_t *end = first + num_inputs;
    do {
        const int8x4_t a = kws_load_bytes(first);
        const int8x4_t b = kws_load_bytes(second);
        pairs[0] = __sxtb16(a);
        pairs[1] = __sxtb16(b);
        pairs[2] = kws_odd_bytes(a);
        pairs[3] = kws_odd_bytes(b);
        first += 4;
        second += 4;
        pairs += 4;
    } while (first != end);
    return pairs;
}

static int16x2_t *widen_one(const int8_t *inputs, uint32_t num_inputs, int16x2_t *pairs)
{
    const int8_t *end = inputs + num_inputs;
    do {
        const int8x4_t word = kws_load_bytes(inputs);
        pairs[0] = __sxtb16(word);
        pairs[1] = kws_odd_bytes(word);
        inputs += 4;
        pairs += 2;
    } while (inputs != end);
    return pairs;
}

/* The inputs under column x, and under the next one when columns is 2. The runs of a kernel row are widened where
 * they lie unless they are no multiple of four. */
static void widen_columns(const kws_nn_layer_t *layer, const int8_t *const *rows, uint32_t x,
                          uint32_t columns, int16x2_t *pairs)
{
    const uint32_t run = (uint32_t)layer->kernel_width * layer->input_channels;
    const uint32_t step = (uint32_t)layer->stride_width * layer->input_channels;
    const int8_t *const *end = rows + layer->kernel_height;
    if (run % 4u != 0u) {
        const uint32_t inputs = kws_nn_paired_inputs(layer);
        int8_t *room = (int8_t *)(pairs + inputs);
        kws_nn_conv_paired_gather(layer, rows, x, room);
        if (columns == 1u) {
            (void)widen_one(room, inputs, pairs);
            return;
        }
        kws_nn_conv_paired_gather(layer, rows, x + 1u, room + inputs);
        (void)widen_two(room, room + inputs, inputs, pairs);
        return;
    }
    for (; rows != end; ++rows) {
        const int8_t *first = *rows + x * step;
        pairs = (columns == 2u) ? widen_two(first, first + step, run, pairs) : widen_one(first, run, pairs);
    }
}

/* A block of one column from its raw sums: even and both, twice. */
static void finish_block(const kws_nn_layer_t *layer, const uint32_t *raw, const kws_nn_paired_end_t *ends,
                         uint32_t oc, int8_t *output)
{
    for (uint32_t i = 0u; i < KWS_NN_PAIRED_CHANNELS && oc + i < layer->output_channels; ++i) {
        const kws_nn_paired_end_t *end = &ends[i / 2u];
        const uint32_t even = raw[i & ~1u];
        const uint32_t both = raw[i | 1u];
        output[oc + i] =
            (i % 2u == 0u)
                ? kws_nn_finish(layer, oc + i, (even << 8) + (uint32_t)end->start_even, end->multiplier_even)
                : kws_nn_finish(layer, oc + i, both - even, end->multiplier_odd);
    }
}

/* The blocks of one column from channel `oc` on: those finished by the channel table, or of fewer channels. */
static void run_general(const kws_nn_layer_t *layer, job_t job, uint32_t oc, int8_t *output)
{
    const uint32_t inputs = kws_nn_paired_inputs(layer);
    uint32_t raw[KWS_NN_PAIRED_CHANNELS];
    job.output = raw;
    job.output_step = 0u;
    for (; oc < layer->output_channels; oc += KWS_NN_PAIRED_CHANNELS) {
        job.block = layer->weights + oc / KWS_NN_PAIRED_CHANNELS * kws_nn_paired_block_bytes(inputs);
        one_column(&job);
        finish_block(layer, raw, kws_nn_paired_ends(job.block, inputs), oc, output);
    }
}

/* Two columns at a time where the assembly finishes every block, one at a time where something is left to C. */
void kws_nn_conv_paired_row(const kws_nn_layer_t *layer, const int8_t *const *rows, int8_t *output,
                            void *scratch)
{
    const uint32_t width = layer->output_width;
    const uint32_t channels = layer->output_channels;
    const uint32_t inputs = kws_nn_paired_inputs(layer);
    const uint32_t blocks = (layer->channels == NULL) ? channels / KWS_NN_PAIRED_CHANNELS : 0u;
    const bool whole = blocks * KWS_NN_PAIRED_CHANNELS == channels;
    int16x2_t *pairs = scratch;
    job_t job = {.block = layer->weights,
                 .inputs = pairs,
                 .end = pairs + inputs,
                 .skip_bytes = (2u - inputs) % ROUND_INPUTS / 2u * TWO_COLUMNS_CODE,
                 .output_step = channels,
                 .last = layer->weights + blocks * kws_nn_paired_block_bytes(inputs)};
    uint32_t x = 0u;
    for (; whole && x + 2u <= width; x += 2u) {
        widen_columns(layer, rows, x, 2u, pairs);
        job.output = output + x * channels;
        two_columns(&job);
    }
    job.end = pairs + inputs / 2u;
    job.skip_bytes = (0u - inputs) % ROUND_INPUTS / 4u * ONE_COLUMN_CODE;
    for (; x < width; ++x) {
        widen_columns(layer, rows, x, 1u, pairs);
        job.output = output + x * channels;
        if (blocks > 0u) {
            one_column(&job);
        }
        if (!whole) {
            run_general(layer, job, blocks * KWS_NN_PAIRED_CHANNELS, output + x * channels);
        }
    }
}

#endif
