/* SPDX-License-Identifier: Apache-2.0 */
/* Armv7E-M: depthwise 3 x 3, four or five output columns (a tile) of four channels at a time.
 *
 * A word of the input holds two columns of two channels, and unpacks into what a dual multiply-accumulate takes: a tile
 * of five columns is made of nine words. Outputs go where the pointwise layer behind this one reads them
 * (conv_tiles_dsp.h). Three tiles: four and five columns at stride 1, four at stride 2. */
#include "../kws_simd.h"
#if KWS_SIMD

#include "conv_tiles_dsp.h"
#include "depthwise_stencil.h"
#include "simd_dsp.h"

/* What the assembly takes. Field order is part of it. */
typedef struct {
    const int8_t *row; /* of the first input column */
    const kws_nn_stencil_t *stencil;
    const int8_t *row_1;
    const int8_t *row_2;
    int16_t *first;      /* output of the first two columns */
    int16_t *second;     /* of the others */
    uint32_t pair_bytes; /* of the input: from one pair of channels to the next */
    const kws_nn_stencil_t *end;
    uint32_t last_column; /* stride 2: 0 where it is padding of zero that nobody stores */
} job_t;

typedef void run_tile_t(const job_t *job);

/* Assembly reads line by line. */
/* clang-format off */

/* r0, r2, r3 rows, r1 stencil. On the stack: first, second, pair_bytes, end, last_column. */
#define ENTER                                                                                                \
    "push {r4-r11, lr}\n\t"                                                                                  \
    "ldm r0, {r0, r1, r2, r3, r4, r5, r6, r7, r8}\n\t"                                                       \
    "push {r4, r5, r6, r7, r8}\n"                                                                            \
    "1:\n\t" /* four channels */

/* lr end */
#define LEAVE                                                                                                \
    "cmp r1, lr\n\t"                                                                                         \
    "bne.w 1b\n\t"                                                                                           \
    "add sp, #20\n\t"                                                                                        \
    "pop {r4-r11, pc}\n\t"

/* Unpacks channel 0 or 1 of a pair. */
#define UNPACK_0(word) "uxtb16 " word ", " word "\n\t"
#define UNPACK_1(word) "uxtb16 " word ", " word ", ror #8\n\t"

/* sum = base + two products: weights r4 are those of columns 0 and 1, r5 those of columns 1 and 2 */
#define DUAL(sum, inputs, weights, base) "smlad " sum ", " inputs ", " weights ", " base "\n\t"
/* The product missing for three: of column 2 and the first of two inputs, or of column 0 and the second. */
#define LAST(sum, inputs) "smlabt " sum ", " inputs ", r5, " sum "\n\t"
#define FIRST(sum, inputs) "smlatb " sum ", " inputs ", r4, " sum "\n\t"

#define LOAD_START(to) "ldr " to ", [r1], #4\n\t"
#define LOAD_WEIGHTS "ldr r4, [r1], #4\n\t" "ldr r5, [r1], #4\n\t"

/* A row under four outputs, r6-r9, which begin with `base`. */
#define FOUR(row, UNPACK, b6, b7, b8, b9)                                                                    \
    LOAD_WEIGHTS                                                                                             \
    "ldr r11, [" row "]\n\t"                                                                                 \
    "ldr r12, [" row ", #4]\n\t"                                                                             \
    "ldr lr, [" row ", #8]\n\t"                                                                              \
    UNPACK("r11") UNPACK("r12") UNPACK("lr")                                                                 \
    DUAL("r6", "r11", "r4", b6) LAST("r6", "r12")                                                            \
    DUAL("r7", "r12", "r5", b7) FIRST("r7", "r11")                                                           \
    DUAL("r8", "r12", "r4", b8) LAST("r8", "lr")                                                             \
    DUAL("r9", "lr", "r5", b9) FIRST("r9", "r12")

/* And under a fifth, beyond which there is only padding of zero. */
#define FIVE(row, UNPACK, b6, b7, b8, b9)                                                                    \
    FOUR(row, UNPACK, b6, b7, b8, b9) DUAL("r10", "lr", "r4", "r10")

/* Four outputs at stride 2; equal: the last column is nowhere. */
#define STRIDE_2(row, UNPACK, b6, b7, b8, b9)                                                                \
    LOAD_WEIGHTS                                                                                             \
    "ldr r10, [" row "]\n\t"                                                                                 \
    "ldr r11, [" row ", #4]\n\t"                                                                             \
    "ldr r12, [" row ", #8]\n\t"                                                                             \
    UNPACK("r10") UNPACK("r11") UNPACK("r12")                                                                \
    DUAL("r6", "r10", "r4", b6) LAST("r6", "r11")                                                            \
    DUAL("r7", "r11", "r4", b7) LAST("r7", "r12")                                                            \
    DUAL("r8", "r12", "r4", b8)                                                                              \
    "it ne\n\t"                                                                                              \
    "ldrne r12, [" row ", #16]\n\t"                                                                          \
    "ldr r11, [" row ", #12]\n\t"                                                                            \
    UNPACK("r12") UNPACK("r11")                                                                              \
    LAST("r8", "r11")                                                                                        \
    DUAL("r9", "r11", "r4", b9)                                                                              \
    "it ne\n\t"                                                                                              \
    "smlabtne r9, r12, r5, r9\n\t"

#define ROWS(TILE, UNPACK, start)                                                                            \
    LOAD_START(start)                                                                                        \
    TILE("r0", UNPACK, start, start, start, start)                                                           \
    TILE("r2", UNPACK, "r6", "r7", "r8", "r9")                                                               \
    TILE("r3", UNPACK, "r6", "r7", "r8", "r9")

#define LOAD_ENDS                                                                                            \
    "ldr r4, [r1], #4\n\t" /* multiplier */                                                                  \
    "ldr r5, [sp]\n\t"                                                                                       \
    "ldr r11, [sp, #4]\n\t"

#define LOAD_END "ldr lr, [sp, #12]\n\t"

/* To the next pair of channels. */
#define NEXT_PAIR                                                                                            \
    "ldr r12, [sp, #8]\n\t"                                                                                  \
    "add r0, r12\n\t"                                                                                        \
    "add r2, r12\n\t"                                                                                        \
    "add r3, r12\n\t"
#define SAME_PAIR ""

#define STORE(sum, place)                                                                                    \
    "smmul " sum ", " sum ", r4\n\t"                                                                         \
    "ssat " sum ", #8, " sum ", asr #" RESCALE_SHIFT "\n\t"                                                  \
    "strh " sum ", " place "\n\t"

/* Channel 0 of four or five columns: r5 first and r11 second go on to the next four channels, r11 by `step`. `more` is
 * where the fifth column is stored. */
#define CHANNEL_0(TILE, start, step, more)                                                                   \
    ROWS(TILE, UNPACK_0, start) LOAD_ENDS                                                                    \
    STORE("r6", "[r5], #16") STORE("r7", "[r5, #-12]")                                                       \
    STORE("r8", "[r11], #" step) STORE("r9", "[r11, #4-" step "]") more                                      \
    "str r5, [sp]\n\t"                                                                                       \
    "str r11, [sp, #4]\n\t"

/* Another one; A and B: where it lies among its four in the first two columns and in the others. */
#define CHANNEL(TILE, UNPACK, start, A, B, step, AFTER)                                                      \
    ROWS(TILE, UNPACK, start) LOAD_ENDS AFTER                                                                \
    STORE("r6", "[r5, #" A "-16]") STORE("r7", "[r5, #" A "-12]")                                            \
    STORE("r8", "[r11, #" B "-" step "]") STORE("r9", "[r11, #" B "+4-" step "]")

#define CHANNEL_FIVE(UNPACK, A, B, AFTER)                                                                    \
    CHANNEL(FIVE, UNPACK, "r10", A, B, "24", AFTER) STORE("r10", "[r11, #" B "+8-24]")

#define FOUR_CHANNELS(TILE, start)                                                                           \
    CHANNEL_0(TILE, start, "16", "") CHANNEL(TILE, UNPACK_1, start, "8", "8", "16", NEXT_PAIR)               \
    CHANNEL(TILE, UNPACK_0, start, "2", "2", "16", SAME_PAIR)                                                \
    CHANNEL(TILE, UNPACK_1, start, "10", "10", "16", LOAD_END NEXT_PAIR)

__attribute__((naked, noinline)) static void run_four(const job_t *job __attribute__((unused)))
{
    __asm volatile(ENTER FOUR_CHANNELS(FOUR, "r10") LEAVE);
}

__attribute__((naked, noinline)) static void run_five(const job_t *job __attribute__((unused)))
{
    __asm volatile(ENTER
                   CHANNEL_0(FIVE, "r10", "24", STORE("r10", "[r11, #8-24]"))
                   CHANNEL_FIVE(UNPACK_1, "8", "12", NEXT_PAIR)
                   CHANNEL_FIVE(UNPACK_0, "2", "2", SAME_PAIR)
                   CHANNEL_FIVE(UNPACK_1, "10", "14", LOAD_END NEXT_PAIR)
                   LEAVE);
}

__attribute__((naked, noinline)) static void run_stride_2(const job_t *job __attribute__((unused)))
{
    __asm volatile(ENTER
                   "ldr r4, [sp, #16]\n\t"
                   "cmp r4, #0\n\t"
                   FOUR_CHANNELS(STRIDE_2, "r9") LEAVE);
}

/* clang-format on */

static inline void run_at(job_t *job, run_tile_t *run, const kws_nn_layer_t *layer, const int8_t *const *rows,
                          int16_t *wide, uint32_t x)
{
    const uint32_t column = 2u * x * layer->stride_width;
    job->last_column = (column + 16u < job->pair_bytes) ? 1u : 0u;
    job->row = rows[0] + column;
    job->row_1 = rows[1] + column;
    job->row_2 = rows[2] + column;
    job->first = wide + x * layer->output_channels;
    job->second = job->first + 2u * layer->output_channels;
    run(job);
}

/* The outputs as int16, tile after tile, as the pointwise layer reads them. Not inlined: it is counted by its name. */
__attribute__((noinline)) static void separable_depthwise(const kws_nn_layer_t *layer,
                                                          const int8_t *const *rows, int16_t *wide)
{
    const uint32_t width = layer->output_width; /* 4 or more */
    const uint32_t channels = layer->output_channels;
    const kws_nn_stencil_t *stencils = (const kws_nn_stencil_t *)(const void *)layer->weights;
    const uint32_t pair_bytes = 2u * kws_nn_stencil_columns(layer->input_width);
    job_t job; /* the rest of it changes with the tile */
    job.stencil = stencils;
    job.end = stencils + channels;
    job.pair_bytes = pair_bytes;
    const bool odd = width % 2u != 0u;
    const uint32_t last =
        width - (odd ? 5u : 4u); /* where the last tile begins: some outputs may come twice */
    run_tile_t *const run_first = (layer->stride_width == 2u) ? run_stride_2 : run_four;
    run_tile_t *const run_last = odd ? run_five : run_first;
    for (uint32_t x = 0u; x < last; x += 4u) {
        run_at(&job, run_first, layer, rows, wide, x);
    }
    run_at(&job, run_last, layer, rows, wide, last);
}

/* A row from the inputs of tiles. */
static void narrow(const kws_nn_layer_t *layer, const int16_t *wide, int8_t *output)
{
    static const uint8_t pair_of[4] = {0u, 1u, 0u, 1u}; /* inputs 0 and 2, then 1 and 3 */
    const uint32_t channels = layer->output_channels;
    for (uint32_t x = 0u, columns; x < layer->output_width; x += columns) {
        columns = kws_nn_tile_columns(layer->output_width - x);
        for (uint32_t i = 0u; i < columns; ++i) {
            for (uint32_t c = 0u; c < channels; ++c) {
                const uint32_t pair = c / 4u * 2u + pair_of[c % 4u];
                *output++ = (int8_t)wide[(pair * columns + i) * 2u + c % 4u / 2u];
            }
        }
        wide += columns * channels;
    }
}

void kws_nn_depthwise_stencil_row(const kws_nn_layer_t *layer, const int8_t *const *rows, int8_t *output,
                                  void *scratch)
{
    separable_depthwise(layer, rows, scratch);
    narrow(layer, scratch, output);
}

/* The layer behind it, from these inputs. */
__attribute__((noinline, used)) static void separable_pointwise(const kws_nn_pointwise_t *layer,
                                                                const int16_t *wide, uint32_t width,
                                                                uint32_t inputs, int8_t *output)
{
    kws_nn_tile_t tile = kws_nn_tile_of(layer, inputs, output);
    for (uint32_t left = width; left > 0u;) {
        const uint32_t columns = kws_nn_tile_columns(left);
        kws_nn_run_tile(&tile, columns, inputs, wide);
        wide += columns * inputs;
        left -= columns;
    }
}

void kws_nn_separable_row(const kws_nn_layer_t *stencil, const kws_nn_pointwise_t *pointwise,
                          const int8_t *const *rows, int8_t *output, void *scratch)
{
    separable_depthwise(stencil, rows, scratch);
    separable_pointwise(pointwise, scratch, stencil->output_width, stencil->output_channels, output);
}

#endif
