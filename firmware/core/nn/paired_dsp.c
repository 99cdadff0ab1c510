/* Armv7E-M: matrix products for KWS_NN_LAYOUT_PAIRED, two columns x four channels at a time.
 *
 * Eight accumulators, four operands and two pointers fill the register file, so the inner loop and what follows
 * it are assembly: compilers spill here. Per four inputs of a column, 64 products take 60 cycles: 16 loads with
 * their start-up, 8 unpacks, 32 dual multiply-accumulates. */
#if defined(__ARM_FEATURE_DSP)

#include "paired.h"
#include "simd_dsp.h"

/* What the assembly takes. Field order is part of it. */
typedef struct {
    const int8_t *block;     /* weights */
    const int16x2_t *inputs; /* two columns: a pair of one, a pair of the other, ... */
    const int16x2_t *end;
    uint32_t skip_bytes;  /* of the unrolled loop, in the first round */
    void *output;         /* int8 of the first column; int32 when output_step is 0 */
    uint32_t output_step; /* from one column to the next; 0: store 256 * accumulator instead */
    uint32_t blocks;
} job_t;

enum {
    ROUND_INPUTS = 32,     /* of the unrolled loops */
    TWO_COLUMNS_CODE = 56, /* bytes of code for two inputs */
    ONE_COLUMN_CODE = 72   /* bytes of code for four inputs */
};

/* clang-format off: assembly reads line by line */

/* 256 * odd and 256 * even from the sums of "both" and "even". */
#define SEPARATE(even, both)                                                                                 \
    "sub.w " both ", " both ", " even "\n\t"                                                                 \
    "lsl.w " even ", " even ", #8\n\t"

/* r2 multiplier, r3 rounding, r4 shift */
#define RESCALE(sum)                                                                                         \
    "smmla " sum ", " sum ", r2, r3\n\t"                                                                     \
    "asr " sum ", " sum ", r4\n\t"                                                                           \
    "ssat " sum ", #8, " sum "\n\t"

/* One channel of two columns: r0 output, r5 step to the second column, r1 constants */
#define FINISH_TWO(first, second)                                                                            \
    "ldm r1!, {r2, r3, r4}\n\t" RESCALE(first) RESCALE(second) "strb " second ", [r0, r5]\n\t"               \
                                                               "strb " first ", [r0], #1\n\t"

#define FINISH_ONE(sum) "ldm r1!, {r2, r3, r4}\n\t" RESCALE(sum) "strb " sum ", [r0], #1\n\t"

/* Lanes of two channels times two inputs of each of two columns (r2, r3). */
#define MULTIPLY_TWO(lanes, even, even2, both, both2)                                                        \
    "smlad " both ", " lanes ", r2, " both "\n\t"                                                            \
    "smlad " both2 ", " lanes ", r3, " both2 "\n\t"                                                          \
    "sxtb16 " lanes ", " lanes "\n\t"                                                                        \
    "smlad " even ", " lanes ", r2, " even "\n\t"                                                            \
    "smlad " even2 ", " lanes ", r3, " even2 "\n\t"

#define MULTIPLY_ONE(lanes, input, even, both)                                                               \
    "smlad " both ", " lanes ", " input ", " both "\n\t"                                                     \
    "sxtb16 " lanes ", " lanes "\n\t"                                                                        \
    "smlad " even ", " lanes ", " input ", " even "\n\t"

/* r0 inputs, r1 weights, r2-r5 operands; even sums of channels 0 and 1 for the two columns r6, r7, both r8, r9;
 * of channels 2 and 3 r10, r11 and r12, lr. On the stack: inputs, end, entry into the loop, output, step, blocks. */
__attribute__((naked, noinline)) static void two_columns(const job_t *job)
{
    (void)job;
    __asm volatile(
        "push {r4-r11, lr}\n\t"
        "ldm r0, {r1, r2, r3, r4, r5, r6, r7}\n\t"
        "adr.w r0, 2f\n\t"
        "add r4, r0\n\t"
        "push {r2, r3, r4, r5, r6, r7}\n"
        "1:\n\t" /* a block of four channels */
        "ldm r1!, {r6, r8, r10, r12}\n\t"
        "mov r7, r6\n\t"
        "mov r9, r8\n\t"
        "mov r11, r10\n\t"
        "mov lr, r12\n\t"
        "ldr r0, [sp]\n\t"
        "ldr r2, [sp, #8]\n\t"
        "mov pc, r2\n\t"
        ".balign 4\n"
        "2:\n\t" /* two inputs each time: TWO_COLUMNS_CODE bytes */
        ".rept 16\n\t"
        "ldr.w r2, [r0], #8\n\t"
        "ldr.w r3, [r0, #-4]\n\t"
        "ldr.w r4, [r1], #8\n\t"
        "ldr.w r5, [r1, #-4]\n\t" MULTIPLY_TWO("r4", "r6", "r7", "r8", "r9") MULTIPLY_TWO(
            "r5", "r10", "r11", "r12",
            "lr") ".endr\n\t"
                  "ldr r2, [sp, #4]\n\t"
                  "cmp r0, r2\n\t"
                  "bne.w 2b\n\t"
                  "ldr r0, [sp, #12]\n\t"
                  "ldr r5, [sp, #16]\n\t" SEPARATE("r6", "r8") SEPARATE("r7", "r9") SEPARATE("r10", "r12")
                      SEPARATE("r11", "lr") "cmp r5, #0\n\t"
                                            "beq.w 3f\n\t" FINISH_TWO("r6", "r7") FINISH_TWO("r8", "r9")
                                                FINISH_TWO("r10", "r11") FINISH_TWO(
                                                    "r12",
                                                    "lr") "str r0, [sp, #12]\n\t"
                                                          "ldr r2, [sp, #20]\n\t"
                                                          "subs r2, #1\n\t"
                                                          "str r2, [sp, #20]\n\t"
                                                          "bne.w 1b\n\t"
                                                          "add sp, #24\n\t"
                                                          "pop {r4-r11, pc}\n"
                                                          "3:\n\t" /* one block, as it is */
                                                          "stm r0, {r6, r7, r8, r9, r10, r11, r12, lr}\n\t"
                                                          "add sp, #24\n\t"
                                                          "pop {r4-r11, pc}\n\t");
}

/* The same for one column, four inputs at a time: r0 inputs, r1 weights, r2-r5, r10, r11 operands; sums even
 * r6, r8, both r7, r9; r12 end, lr entry into the loop. On the stack: inputs, output, step, blocks. */
__attribute__((naked, noinline)) static void one_column(const job_t *job)
{
    (void)job;
    __asm volatile("push {r4-r11, lr}\n\t"
                   "ldm r0, {r1, r2, r3, r4, r5, r6, r7}\n\t"
                   "mov r12, r3\n\t"
                   "adr.w lr, 2f\n\t"
                   "add lr, r4\n\t"
                   "push {r2, r5, r6, r7}\n"
                   "1:\n\t" /* a block of four channels */
                   "ldm r1!, {r6, r7, r8, r9}\n\t"
                   "ldr r0, [sp]\n\t"
                   "mov pc, lr\n\t"
                   ".balign 4\n"
                   "2:\n\t" /* four inputs each time: ONE_COLUMN_CODE bytes */
                   ".rept 8\n\t"
                   "ldr.w r2, [r0], #8\n\t"
                   "ldr.w r3, [r0, #-4]\n\t"
                   "ldr.w r4, [r1], #16\n\t"
                   "ldr.w r5, [r1, #-12]\n\t"
                   "ldr.w r10, [r1, #-8]\n\t"
                   "ldr.w r11, [r1, #-4]\n\t" MULTIPLY_ONE("r4", "r2", "r6", "r7")
                       MULTIPLY_ONE("r5", "r2", "r8", "r9") MULTIPLY_ONE("r10", "r3", "r6", "r7")
                           MULTIPLY_ONE("r11", "r3", "r8",
                                        "r9") ".endr\n\t"
                                              "cmp r0, r12\n\t"
                                              "bne.w 2b\n\t"
                                              "ldr r0, [sp, #4]\n\t"
                                              "ldr r5, [sp, #8]\n\t" SEPARATE("r6", "r7") SEPARATE(
                                                  "r8", "r9") "cmp r5, #0\n\t"
                                                              "beq.w 3f\n\t" FINISH_ONE("r6") FINISH_ONE("r7")
                                                                  FINISH_ONE("r8") FINISH_ONE(
                                                                      "r9") "str r0, [sp, #4]\n\t"
                                                                            "ldr r2, [sp, #12]\n\t"
                                                                            "subs r2, #1\n\t"
                                                                            "str r2, [sp, #12]\n\t"
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
    const uint32_t inputs = kws_nn_paired_inputs(layer);
    if (run % 4u != 0u) {
        int8_t *room = (int8_t *)(pairs + inputs);
        kws_nn_paired_gather(layer, rows, x, room);
        if (columns == 1u) {
            (void)widen_one(room, inputs, pairs);
            return;
        }
        kws_nn_paired_gather(layer, rows, x + 1u, room + inputs);
        (void)widen_two(room, room + inputs, inputs, pairs);
        return;
    }
    for (uint32_t ky = 0u; ky < layer->kernel_height; ++ky) {
        const int8_t *first = rows[ky] + x * step;
        pairs = (columns == 2u) ? widen_two(first, first + step, run, pairs) : widen_one(first, run, pairs);
    }
}

/* Outputs of a block from its sums: [channel][column] */
static void finish_block(const kws_nn_layer_t *layer, const int32_t *sums, const int8_t *scales_at,
                         uint32_t oc, uint32_t columns, int8_t *output)
{
    const kws_nn_rescale_t *scales = (const kws_nn_rescale_t *)(const void *)scales_at;
    for (uint32_t i = 0u; i < KWS_NN_PAIRED_CHANNELS && oc + i < layer->output_channels; ++i) {
        for (uint32_t x = 0u; x < columns; ++x) {
            output[x * layer->output_channels + oc + i] =
                kws_nn_rescale(sums[i * columns + x], &scales[i], layer);
        }
    }
}

/* The blocks from `oc` on: those whose rounding a clamp does not hide, or that have fewer channels. */
static void run_general(const kws_nn_layer_t *layer, job_t *job, uint32_t oc, uint32_t columns,
                        int8_t *output)
{
    const uint32_t inputs = kws_nn_paired_inputs(layer);
    const uint32_t block_bytes = kws_nn_paired_block_bytes(inputs);
    int32_t sums[2 * KWS_NN_PAIRED_CHANNELS];
    job->output = sums;
    job->output_step = 0u;
    for (; oc < layer->output_channels; oc += KWS_NN_PAIRED_CHANNELS) {
        job->block = layer->weights + oc / KWS_NN_PAIRED_CHANNELS * block_bytes;
        if (columns == 2u) {
            two_columns(job);
        } else {
            one_column(job);
        }
        const int8_t *scales = job->block + KWS_NN_PAIRED_CHANNELS * (sizeof(int32_t) + inputs);
        finish_block(layer, sums, scales, oc, columns, output);
    }
}

static void run_columns(const kws_nn_layer_t *layer, const int16x2_t *pairs, uint32_t columns, int8_t *output)
{
    const uint32_t inputs = kws_nn_paired_inputs(layer);
    const uint32_t skipped = (0u - inputs) % ROUND_INPUTS; /* inputs */
    const uint32_t blocks =
        kws_nn_rescale_is_simple(layer) ? layer->output_channels / KWS_NN_PAIRED_CHANNELS : 0u;
    job_t job = {.block = layer->weights,
                 .inputs = pairs,
                 .end = pairs + columns * inputs / 2u,
                 .output = output,
                 .output_step = layer->output_channels,
                 .blocks = blocks};
    job.skip_bytes = (columns == 2u) ? skipped / 2u * TWO_COLUMNS_CODE : skipped / 4u * ONE_COLUMN_CODE;
    if (blocks > 0u && columns == 2u) {
        two_columns(&job);
    } else if (blocks > 0u) {
        one_column(&job);
    }
    if (blocks * KWS_NN_PAIRED_CHANNELS < layer->output_channels) {
        run_general(layer, &job, blocks * KWS_NN_PAIRED_CHANNELS, columns, output);
    }
}

void kws_nn_paired_row_dsp(const kws_nn_layer_t *layer, const int8_t *const *rows, int8_t *output,
                           void *scratch)
{
    int16x2_t *pairs = scratch;
    uint32_t columns = 2u;
    for (uint32_t x = 0u; x < layer->output_width; x += columns) {
        columns = (x + 2u <= layer->output_width) ? 2u : 1u;
        widen_columns(layer, rows, x, columns, pairs);
        run_columns(layer, pairs, columns, output + x * layer->output_channels);
    }
}

#else
typedef int kws_nn_paired_dsp_is_empty_t; /* a translation unit needs something in it */
#endif
