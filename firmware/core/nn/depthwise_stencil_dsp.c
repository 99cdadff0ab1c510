/* SPDX-License-Identifier: Apache-2.0 */
/* Armv7E-M: depthwise 3 x 3, four channels x four or five output columns (a tile) at a time.
 *
 * The inputs under a tile are first paired, four channels to a load; then each channel takes its outputs in
 * registers: 36 or 45 products in 20 or 25 multiply instructions. Three tiles: four and five columns at stride 1,
 * four at stride 2. */
#include "../kws_simd.h"
#if KWS_SIMD

#include "depthwise_stencil.h"
#include "simd_dsp.h"

enum {
    MAX_COLUMNS = 9 /* of inputs under a tile */
};

/* Inputs of two channels. Words hold two inputs of each: bytes { first of channel 0, first of channel 1, second of
 * channel 0, second of channel 1 }. The assembly tells the first from the second pair by bit 3 of their address. */
typedef struct {
    uint32_t upper[MAX_COLUMNS];           /* rows 0 and 1 of each column */
    uint32_t lower[(MAX_COLUMNS + 1) / 2]; /* row 2, two columns to a word */
} pair_t;

_Static_assert(sizeof(pair_t) == 56, "PAIR in the assembly");
_Static_assert(2 * sizeof(pair_t) <= KWS_NN_STENCIL_SCRATCH_BYTES, "the scratch they lie in");

/* What the assembly takes. Field order is part of it. */
typedef struct {
    pair_t *pairs; /* two, aligned to 16 bytes */
    const kws_nn_stencil_t *stencil;
    int8_t *output;
    uint32_t step;         /* bytes from one column to the next */
    uint32_t steps;        /* 3 * step */
    const int8_t *rows[3]; /* of the first input column */
    uint32_t groups;       /* of four channels */
} job_t;

typedef void run_tile_t(const job_t *job);

/* Assembly reads line by line. */
/* clang-format off */

#define PAIR "56"
#define LOWER "36" /* in a pair */

/* r0 pair, r1 stencil. On the stack: output, step, 3 * step, three rows, groups, and room for r1. */
#define ENTER                                                                                                \
    "push {r4-r11, lr}\n\t"                                                                                  \
    "ldm r0, {r0, r1, r2, r3, r4, r5, r6, r7, r8}\n\t"                                                       \
    "mov r10, r2\n\t"                                                                                        \
    "push {r2, r3, r4, r5, r6, r7, r8, lr}\n"                                                                \
    "1:\n\t" /* four channels */                                                                             \
    "str r1, [sp, #28]\n\t"                                                                                  \
    "add r12, sp, #12\n\t"                                                                                   \
    "ldm r12, {r1, r2, r3}\n\t"                                                                              \
    "adds r4, r1, #4\n\t"                                                                                    \
    "adds r5, r2, #4\n\t"                                                                                    \
    "adds r6, r3, #4\n\t"                                                                                    \
    "stm r12, {r4, r5, r6}\n\t"                                                                              \
    "ldr r4, [sp, #4]\n\t"                                                                                   \
    "ldr r5, [sp, #8]\n\t"                                                                                   \
    "add r12, r4, r4, lsl #2\n\t" /* 5 * step */

/* Two columns of four channels, at offsets A and B of each row (r1, r2, r3): words U and U + 4, and word L. */
#define PACK_TWO(A, B, U, L)                                                                                 \
    "ldr r6, [r1" A "]\n\t"                                                                                  \
    "ldr r7, [r1" B "]\n\t"                                                                                  \
    "ldr r8, [r2" A "]\n\t"                                                                                  \
    "ldr r9, [r2" B "]\n\t"                                                                                  \
    "pkhbt lr, r6, r8, lsl #16\n\t"                                                                          \
    "pkhtb r6, r8, r6, asr #16\n\t"                                                                          \
    "str lr, [r0, #" U "]\n\t"                                                                               \
    "str r6, [r0, #" U " + " PAIR "]\n\t"                                                                    \
    "pkhbt lr, r7, r9, lsl #16\n\t"                                                                          \
    "pkhtb r7, r9, r7, asr #16\n\t"                                                                          \
    "str lr, [r0, #" U " + 4]\n\t"                                                                           \
    "str r7, [r0, #" U " + 4 + " PAIR "]\n\t"                                                                \
    "ldr r6, [r3" A "]\n\t"                                                                                  \
    "ldr r7, [r3" B "]\n\t"                                                                                  \
    "pkhbt lr, r6, r7, lsl #16\n\t"                                                                          \
    "pkhtb r6, r7, r6, asr #16\n\t"                                                                          \
    "str lr, [r0, #" LOWER " + " L "]\n\t"                                                                   \
    "str r6, [r0, #" LOWER " + " L " + " PAIR "]\n\t"

#define PACK_LAST(A, U, L)                                                                                   \
    "ldr r6, [r1" A "]\n\t"                                                                                  \
    "ldr r8, [r2" A "]\n\t"                                                                                  \
    "ldr r7, [r3" A "]\n\t"                                                                                  \
    "pkhbt lr, r6, r8, lsl #16\n\t"                                                                          \
    "pkhtb r6, r8, r6, asr #16\n\t"                                                                          \
    "str lr, [r0, #" U "]\n\t"                                                                               \
    "str r6, [r0, #" U " + " PAIR "]\n\t"                                                                    \
    "lsrs r6, r7, #16\n\t"                                                                                   \
    "str r7, [r0, #" LOWER " + " L "]\n\t"                                                                   \
    "str r6, [r0, #" LOWER " + " L " + " PAIR "]\n\t"

#define PACK_SIX                                                                                             \
    PACK_TWO("", ", r4", "0", "0")                                                                           \
    PACK_TWO(", r4, lsl #1", ", r5", "8", "4")                                                               \
    PACK_TWO(", r4, lsl #2", ", r12", "16", "8")

/* Between packing and the first of two channels; and behind them, once for each pair and once for the group. */
#define CHANNELS                                                                                             \
    "ldr r1, [sp, #28]\n"                                                                                    \
    "2:\n\t"

#define LEAVE                                                                                                \
    "tst r0, #8\n\t"                                                                                         \
    "itt eq\n\t"                                                                                             \
    "addeq r0, #" PAIR "\n\t"                                                                                \
    "beq.w 2b\n\t"                                                                                           \
    "ldr r2, [sp, #24]\n\t"                                                                                  \
    "subs r0, #" PAIR "\n\t"                                                                                 \
    "subs r2, #1\n\t"                                                                                        \
    "str r2, [sp, #24]\n\t"                                                                                  \
    "bne.w 1b\n\t"                                                                                           \
    "add sp, #32\n\t"                                                                                        \
    "pop {r4-r11, pc}\n\t"

#define LOAD(to, offset) "ldr " to ", [r0, #" offset "]\n\t"

/* Unpacks channel 0 or 1 of a word. */
#define UNPACK_0(word) "sxtb16 " word ", " word "\n\t"
#define UNPACK_1(word) "sxtb16 " word ", " word ", ror #8\n\t"

/* sum = base + two products */
#define DUAL(sum, inputs, weights, base) "smlad " sum ", " inputs ", " weights ", " base "\n\t"
/* One product, of the lower row: the first input and the last weight, or the second input and the first weight. */
#define LAST(sum, inputs, weights) "smlabt " sum ", " inputs ", " weights ", " sum "\n\t"
#define FIRST(sum, inputs, weights) "smlatb " sum ", " inputs ", " weights ", " sum "\n\t"

/* r11 multiplier */
#define RESCALE(sum)                                                                                         \
    "smmul " sum ", " sum ", r11\n\t"                                                                        \
    "ssat " sum ", #8, " sum ", asr #" RESCALE_SHIFT "\n\t"

/* The outputs of a channel: r10 where the first goes. */
#define STORE_FOUR                                                                                           \
    "ldr r2, [sp, #4]\n\t"                                                                                   \
    "ldr r3, [sp, #8]\n\t"                                                                                   \
    RESCALE("r6") RESCALE("r7") RESCALE("r8") RESCALE("r9")                                                  \
    "strb r7, [r10, r2]\n\t"                                                                                 \
    "strb r8, [r10, r2, lsl #1]\n\t"                                                                         \
    "strb r9, [r10, r3]\n\t"                                                                                 \
    "strb r6, [r10], #1\n\t"

#define STORE_FIVE                                                                                           \
    "ldr r2, [sp]\n\t"                                                                                       \
    "ldr r3, [sp, #4]\n\t"                                                                                   \
    "ldr r4, [sp, #8]\n\t"                                                                                   \
    RESCALE("r6") RESCALE("r7") RESCALE("r8") RESCALE("r9") RESCALE("r10")                                   \
    "strb r7, [r2, r3]\n\t"                                                                                  \
    "strb r8, [r2, r3, lsl #1]\n\t"                                                                          \
    "strb r9, [r2, r4]\n\t"                                                                                  \
    "strb r10, [r2, r3, lsl #2]\n\t"                                                                         \
    "strb r6, [r2], #1\n\t"                                                                                  \
    "str r2, [sp]\n\t"

/* What tiles of four and five columns begin with, the upper two rows of the first six input columns: sums r6-r9; r2 start,
 * r3-r5 weights, the others inputs. */
#define FIRST_COLUMNS(UNPACK)                                                                                \
    "ldm r1!, {r2, r3, r4, r5}\n\t"                                                                          \
    LOAD("r11", "0") LOAD("r12", "4") LOAD("lr", "8")                                                        \
    UNPACK("r11") UNPACK("r12") UNPACK("lr")                                                                 \
    DUAL("r6", "r11", "r3", "r2") DUAL("r6", "r12", "r4", "r6") DUAL("r6", "lr", "r5", "r6")                 \
    DUAL("r7", "r12", "r3", "r2") DUAL("r7", "lr", "r4", "r7") DUAL("r8", "lr", "r3", "r2")                  \
    LOAD("r11", "12") LOAD("r12", "16") LOAD("lr", "20")                                                     \
    UNPACK("r11") UNPACK("r12") UNPACK("lr")                                                                 \
    DUAL("r7", "r11", "r5", "r7") DUAL("r8", "r11", "r4", "r8") DUAL("r9", "r11", "r3", "r2")

/* A channel of four columns. */
#define CHANNEL_FOUR(UNPACK)                                                                                 \
    FIRST_COLUMNS(UNPACK)                                                                                    \
    DUAL("r8", "r12", "r5", "r8") DUAL("r9", "r12", "r4", "r9") DUAL("r9", "lr", "r5", "r9")                 \
    LOAD("r12", LOWER) LOAD("lr", LOWER " + 4") LOAD("r2", LOWER " + 8")                                     \
    "ldm r1!, {r3, r4, r11}\n\t"                                                                             \
    UNPACK("r12") UNPACK("lr") UNPACK("r2")                                                                  \
    DUAL("r6", "r12", "r3", "r6") LAST("r6", "lr", "r4")                                                     \
    FIRST("r7", "r12", "r3") DUAL("r7", "lr", "r4", "r7")                                                    \
    DUAL("r8", "lr", "r3", "r8") LAST("r8", "r2", "r4")                                                      \
    FIRST("r9", "lr", "r3") DUAL("r9", "r2", "r4", "r9")                                                     \
    STORE_FOUR

/* Five columns: sums r6-r10. */
#define CHANNEL_FIVE(UNPACK)                                                                                 \
    FIRST_COLUMNS(UNPACK)                                                                                    \
    DUAL("r8", "r12", "r5", "r8") DUAL("r9", "r12", "r4", "r9") DUAL("r10", "r12", "r3", "r2")               \
    DUAL("r9", "lr", "r5", "r9") DUAL("r10", "lr", "r4", "r10")                                              \
    LOAD("r11", "24") LOAD("r12", LOWER) LOAD("lr", LOWER " + 4") LOAD("r2", LOWER " + 8")                   \
    LOAD("r3", LOWER " + 12")                                                                                \
    UNPACK("r11") UNPACK("r12") UNPACK("lr") UNPACK("r2") UNPACK("r3")                                       \
    DUAL("r10", "r11", "r5", "r10")                                                                          \
    "ldm r1!, {r4, r5, r11}\n\t"                                                                             \
    DUAL("r6", "r12", "r4", "r6") LAST("r6", "lr", "r5")                                                     \
    FIRST("r7", "r12", "r4") DUAL("r7", "lr", "r5", "r7")                                                    \
    DUAL("r8", "lr", "r4", "r8") LAST("r8", "r2", "r5")                                                      \
    FIRST("r9", "lr", "r4") DUAL("r9", "r2", "r5", "r9")                                                     \
    DUAL("r10", "r2", "r4", "r10") LAST("r10", "r3", "r5")                                                   \
    STORE_FIVE

/* Four columns at stride 2: sums r6-r9. */
#define CHANNEL_STRIDE_2(UNPACK)                                                                             \
    "ldm r1!, {r2, r3, r4, r5}\n\t"                                                                          \
    LOAD("r11", "0") LOAD("r12", "4") LOAD("lr", "8")                                                        \
    UNPACK("r11") UNPACK("r12") UNPACK("lr")                                                                 \
    DUAL("r6", "r11", "r3", "r2") DUAL("r6", "r12", "r4", "r6") DUAL("r6", "lr", "r5", "r6")                 \
    DUAL("r7", "lr", "r3", "r2")                                                                             \
    LOAD("r11", "12") LOAD("r12", "16") LOAD("lr", "20")                                                     \
    UNPACK("r11") UNPACK("r12") UNPACK("lr")                                                                 \
    DUAL("r7", "r11", "r4", "r7") DUAL("r7", "r12", "r5", "r7")                                              \
    DUAL("r8", "r12", "r3", "r2") DUAL("r8", "lr", "r4", "r8")                                               \
    LOAD("r11", "24") LOAD("r12", "28") LOAD("lr", "32")                                                     \
    UNPACK("r11") UNPACK("r12") UNPACK("lr")                                                                 \
    DUAL("r8", "r11", "r5", "r8")                                                                            \
    DUAL("r9", "r11", "r3", "r2") DUAL("r9", "r12", "r4", "r9") DUAL("r9", "lr", "r5", "r9")                 \
    LOAD("r11", LOWER) LOAD("r12", LOWER " + 4") LOAD("lr", LOWER " + 8") LOAD("r2", LOWER " + 12")          \
    LOAD("r3", LOWER " + 16")                                                                                \
    UNPACK("r11") UNPACK("r12") UNPACK("lr") UNPACK("r2") UNPACK("r3")                                       \
    "ldr r4, [r1], #4\n\t"                                                                                   \
    "ldr r5, [r1], #4\n\t"                                                                                   \
    DUAL("r6", "r11", "r4", "r6") LAST("r6", "r12", "r5")                                                    \
    DUAL("r7", "r12", "r4", "r7") LAST("r7", "lr", "r5")                                                     \
    DUAL("r8", "lr", "r4", "r8") LAST("r8", "r2", "r5")                                                      \
    DUAL("r9", "r2", "r4", "r9") LAST("r9", "r3", "r5")                                                      \
    "ldr r11, [r1], #4\n\t"                                                                                  \
    STORE_FOUR

__attribute__((naked, noinline)) static void run_four(const job_t *job __attribute__((unused)))
{
    __asm volatile(ENTER PACK_SIX CHANNELS CHANNEL_FOUR(UNPACK_0) CHANNEL_FOUR(UNPACK_1) LEAVE);
}

__attribute__((naked, noinline)) static void run_five(const job_t *job __attribute__((unused)))
{
    __asm volatile(ENTER PACK_SIX PACK_LAST(", r5, lsl #1", "24", "12")
                   CHANNELS CHANNEL_FIVE(UNPACK_0) CHANNEL_FIVE(UNPACK_1) LEAVE);
}

__attribute__((naked, noinline)) static void run_stride_2(const job_t *job __attribute__((unused)))
{
    __asm volatile(ENTER PACK_SIX
                   "rsb r12, r4, r4, lsl #3\n\t" /* 7 * step */
                   PACK_TWO(", r5, lsl #1", ", r12", "24", "12")
                   PACK_LAST(", r4, lsl #3", "32", "16")
                   CHANNELS CHANNEL_STRIDE_2(UNPACK_0) CHANNEL_STRIDE_2(UNPACK_1) LEAVE);
}

/* clang-format on */

void kws_nn_depthwise_stencil_row(const kws_nn_layer_t *layer, const int8_t *const *rows, int8_t *output,
                                  void *scratch)
{
    const uint32_t width = layer->output_width; /* 4 or more */
    const uint32_t step = layer->output_channels;
    job_t job = {.pairs = scratch,
                 .stencil = (const kws_nn_stencil_t *)(const void *)layer->weights,
                 .step = step,
                 .steps = 3u * step,
                 .groups = step / KWS_NN_STENCIL_CHANNELS};
    uint32_t x = 0u;
    while (x < width) {
        const uint32_t left = width - x;
        const bool five = layer->stride_width == 1u && left % 4u != 0u && left >= 5u;
        const uint32_t columns = five ? 5u : 4u;
        if (left < columns) {
            x = width - columns; /* a whole tile: some outputs come twice */
        }
        job.output = output + x * step;
        for (uint32_t ky = 0u; ky < KWS_NN_STENCIL_SIZE; ++ky) {
            job.rows[ky] = rows[ky] + x * layer->stride_width * step;
        }
        if (layer->stride_width == 2u) {
            run_stride_2(&job);
        } else if (five) {
            run_five(&job);
        } else {
            run_four(&job);
        }
        x += columns;
    }
}

#endif
