/* Armv7E-M: depthwise 3 x 3 at stride 1, four channels x five columns at a time.
 *
 * The inputs under a tile are first paired, four channels to a load, then each channel takes five outputs in
 * registers: 45 products in 25 multiply instructions. */
#if defined(__ARM_FEATURE_DSP)

#include <stddef.h>

#include "simd_dsp.h"
#include "stencil.h"

enum {
    TILE_COLUMNS = KWS_NN_STENCIL_OUTPUTS + KWS_NN_STENCIL_SIZE /* one more than needed: they come in twos */
};

/* What the assembly works on; it knows the offsets. Words of upper and lower hold two inputs of two channels:
 * bytes { first of channel 0, first of channel 1, second of channel 0, second of channel 1 }. */
typedef struct {
    uint32_t upper[2][TILE_COLUMNS];          /* [channels 0 1, 2 3]; rows 0 and 1 of each column */
    uint32_t lower[2][TILE_COLUMNS / 2];      /* row 2, two columns to a word */
    uint32_t outputs[KWS_NN_STENCIL_OUTPUTS]; /* four channels of int8 each */
    const int8_t *rows[3];                    /* of the first column and the next channel */
    uint32_t step;                            /* bytes from one column to the next */
    uint32_t twos;                            /* pairs of input columns, or 0: all seven, the fast way */
    uint32_t last_step;                       /* step in the last pair: 0 when it has one column */
    const kws_nn_stencil_t *stencil;
    int8_t *output;
    uint32_t skip_bytes; /* of the code that stores: four for each of the five outputs that is not wanted */
    uint32_t groups;     /* of four channels, that are left */
} work_t;

_Static_assert(offsetof(work_t, rows) == 116 && sizeof(work_t) == 156,
               "the assembly and scratch_bytes know it");

/* Assembly reads line by line. */
/* clang-format off */

/* Unpacks channel 0 or 1 of a word. */
#define UNPACK_0(word) "sxtb16 " word ", " word "\n\t"
#define UNPACK_1(word) "sxtb16 " word ", " word ", ror #8\n\t"

/* sum = base + two products; the other two take one product: columns 1 and 2, or 0, of the lower row. */
#define DUAL(sum, inputs, weights, base) "smlad " sum ", " inputs ", " weights ", " base "\n\t"
#define LAST(sum, inputs)                "smlabt " sum ", " inputs ", r4, " sum "\n\t"
#define FIRST(sum, inputs)               "smlatb " sum ", " inputs ", r3, " sum "\n\t"

#define LOAD(to, offset) "ldr " to ", [r0, #" offset "]\n\t"

/* The sums of a channel in r6-r10. r0 work, r1 stencil, r2-r5 start and weights, r11, r12, lr inputs; U and L are
 * the offsets of upper and lower. */
#define SUM_CHANNEL(U, L, UNPACK)                                                                            \
    "ldm r1!, {r2, r3, r4, r5}\n\t" LOAD("r11", U) LOAD("r12", U " + 4") LOAD("lr", U " + 8") UNPACK("r11")  \
        UNPACK("r12") UNPACK("lr") DUAL("r6", "r11", "r3", "r2") DUAL("r6", "r12", "r4", "r6")               \
            DUAL("r7", "r12", "r3", "r2") DUAL("r6", "lr", "r5", "r6") DUAL("r7", "lr", "r4", "r7") DUAL(    \
                "r8", "lr", "r3", "r2") LOAD("r11", U " + 12") LOAD("r12", U " + 16") LOAD("lr", U " + 20")  \
                UNPACK("r11") UNPACK("r12") UNPACK("lr") DUAL("r7", "r11", "r5", "r7") DUAL(                 \
                    "r8", "r11", "r4", "r8") DUAL("r9", "r11", "r3", "r2") DUAL("r8", "r12", "r5", "r8")     \
                    DUAL("r9", "r12", "r4", "r9") DUAL("r10", "r12", "r3", "r2")                             \
                        DUAL("r9", "lr", "r5", "r9") DUAL("r10", "lr", "r4", "r10") LOAD("r11", U " + 24")   \
                            LOAD("r12", L) LOAD("lr", L " + 4") LOAD("r2", L " + 8") UNPACK("r11")           \
                                DUAL("r10", "r11", "r5", "r10")                                              \
                                    LOAD("r5", L " + 12") "ldm r1!, {r3, r4, r11}\n\t" UNPACK("r12")         \
                                        UNPACK("lr") UNPACK("r2") UNPACK("r5") DUAL("r6", "r12", "r3", "r6") \
                                            LAST("r6", "lr") FIRST("r7", "r12") DUAL("r7", "lr", "r4", "r7") \
                                                DUAL("r8", "lr", "r3", "r8") LAST("r8", "r2")                \
                                                    FIRST("r9", "lr") DUAL("r9", "r2", "r4", "r9")           \
                                                        DUAL("r10", "r2", "r3", "r10") LAST("r10", "r5")

/* at is the byte of the channel and column in outputs; r11 multiplier */
#define FINISH(sum, at)                                                                                      \
    "smmul " sum ", " sum ", r11\n\t"                                                                        \
    "ssat " sum ", #8, " sum ", asr #" RESCALE_SHIFT "\n\t"                                                  \
    "strb " sum ", [r0, #" at "]\n\t"

#define CHANNEL(U, L, UNPACK, index)                                                                         \
    SUM_CHANNEL(U, L, UNPACK)                                                                                \
    FINISH("r6", "96 + " index)                                                                              \
    FINISH("r7", "100 + " index) FINISH("r8", "104 + " index) FINISH("r9", "108 + " index)                   \
        FINISH("r10", "112 + " index)

/* Two columns of four channels, at offsets A and B of each row (r1, r2, r3), into the words at U and L. */
#define PACK_TWO(A, B, U, L)                                                                                 \
    "ldr r6, [r1" A "]\n\t"                                                                                  \
    "ldr r7, [r1" B "]\n\t"                                                                                  \
    "ldr r8, [r2" A "]\n\t"                                                                                  \
    "ldr r9, [r2" B "]\n\t"                                                                                  \
    "ldr r10, [r3" A "]\n\t"                                                                                 \
    "ldr r11, [r3" B "]\n\t"                                                                                 \
    "pkhbt lr, r6, r8, lsl #16\n\t"                                                                          \
    "str lr, [r0, #" U "]\n\t"                                                                               \
    "pkhtb r6, r8, r6, asr #16\n\t"                                                                          \
    "str r6, [r0, #" U " + 32]\n\t"                                                                          \
    "pkhbt lr, r7, r9, lsl #16\n\t"                                                                          \
    "str lr, [r0, #" U " + 4]\n\t"                                                                           \
    "pkhtb r7, r9, r7, asr #16\n\t"                                                                          \
    "str r7, [r0, #" U " + 36]\n\t"                                                                          \
    "pkhbt lr, r10, r11, lsl #16\n\t"                                                                        \
    "str lr, [r0, #" L "]\n\t"                                                                               \
    "pkhtb r10, r11, r10, asr #16\n\t"                                                                       \
    "str r10, [r0, #" L " + 16]\n\t"

#define PACK_LAST(A, U, L)                                                                                   \
    "ldr r6, [r1" A "]\n\t"                                                                                  \
    "ldr r8, [r2" A "]\n\t"                                                                                  \
    "ldr r10, [r3" A "]\n\t"                                                                                 \
    "pkhbt lr, r6, r8, lsl #16\n\t"                                                                          \
    "str lr, [r0, #" U "]\n\t"                                                                               \
    "pkhtb r6, r8, r6, asr #16\n\t"                                                                          \
    "str r6, [r0, #" U " + 32]\n\t"                                                                          \
    "str r10, [r0, #" L "]\n\t"                                                                              \
    "lsr r10, r10, #16\n\t"                                                                                  \
    "str r10, [r0, #" L " + 16]\n\t"

/* All channels of a tile, r0 work throughout. */
__attribute__((naked, noinline)) static void run_tile(work_t *work)
{
    (void)work;
    __asm volatile(
        "push {r4-r11, lr}\n"
        "1:\n\t" /* a group of four channels */
        "add r12, r0, #116\n\t"
        "ldm r12, {r1, r2, r3, r4, r5}\n\t" /* rows, step, twos */
        "cmp r5, #0\n\t"
        "bne.w 4f\n\t"
        "add r5, r4, r4, lsl #1\n\t" /* 3 and 5 steps */
        "add r12, r4, r4, lsl #2\n\t" PACK_TWO("", ", r4", "0", "64") PACK_TWO(", r4, lsl #1", ", r5", "8",
                                                                               "68")
            PACK_TWO(", r4, lsl #2", ", r12", "16", "72") PACK_LAST(
                ", r5, lsl #1", "24",
                "76") "2:\n\t"
                      "ldr r1, [r0, #140]\n\t" CHANNEL("0", "64", UNPACK_0, "0")
                          CHANNEL("0", "64", UNPACK_1, "1") CHANNEL("32", "80", UNPACK_0, "2") CHANNEL(
                              "32", "80", UNPACK_1,
                              "3") "str r1, [r0, #140]\n\t"
                                   "add r12, r0, #96\n\t"
                                   "ldm r12!, {r6, r7, r8, r9, r10}\n\t" /* outputs */
                                   "ldm r12, {r1, r2, r3, r4}\n\t"       /* rows, step */
                                   "adds r1, #4\n\t"
                                   "adds r2, #4\n\t"
                                   "adds r3, #4\n\t"
                                   "stm r12, {r1, r2, r3}\n\t"
                                   "add r12, r0, #144\n\t"
                                   "ldm r12, {r1, r2, r3}\n\t" /* output, bytes to skip, groups */
                                   "adr.w r5, 3f\n\t"
                                   "add r2, r5\n\t"
                                   "add r5, r1, r4\n\t"
                                   "mov pc, r2\n\t"
                                   ".balign 4\n"
                                   "3:\n\t"
                                   "str.w r10, [r1, r4, lsl #2]\n\t"
                                   "str.w r9, [r5, r4, lsl #1]\n\t"
                                   "str.w r8, [r1, r4, lsl #1]\n\t"
                                   "str.w r7, [r1, r4]\n\t"
                                   "str.w r6, [r1], #4\n\t"
                                   "str r1, [r0, #144]\n\t"
                                   "subs r3, #1\n\t"
                                   "str r3, [r0, #152]\n\t"
                                   "bne.w 1b\n\t"
                                   "pop {r4-r11, pc}\n"
                                   "4:\n\t" /* fewer columns, pair by pair: r5 counts; r0 moves through upper, and lower is behind r12 */
                                   "push {r0, r1, r2, r3}\n\t"
                                   "ldr r11, [r0, #136]\n\t" /* last_step */
                                   "add r12, r0, #64\n"
                                   "5:\n\t"
                                   "subs r5, #1\n\t"
                                   "it eq\n\t"
                                   "moveq r4, r11\n\t"
                                   "ldr r6, [r1]\n\t"
                                   "ldr r7, [r1, r4]\n\t"
                                   "ldr r8, [r2]\n\t"
                                   "ldr r9, [r2, r4]\n\t"
                                   "pkhbt lr, r6, r8, lsl #16\n\t"
                                   "pkhtb r6, r8, r6, asr #16\n\t"
                                   "str r6, [r0, #32]\n\t"
                                   "pkhbt r10, r7, r9, lsl #16\n\t"
                                   "pkhtb r7, r9, r7, asr #16\n\t"
                                   "str r7, [r0, #36]\n\t"
                                   "str r10, [r0, #4]\n\t"
                                   "str lr, [r0], #8\n\t"
                                   "ldr r6, [r3]\n\t"
                                   "ldr r7, [r3, r4]\n\t"
                                   "pkhbt lr, r6, r7, lsl #16\n\t"
                                   "pkhtb r6, r7, r6, asr #16\n\t"
                                   "str r6, [r12, #16]\n\t"
                                   "str lr, [r12], #4\n\t"
                                   "add r1, r1, r4, lsl #1\n\t"
                                   "add r2, r2, r4, lsl #1\n\t"
                                   "add r3, r3, r4, lsl #1\n\t"
                                   "cmp r5, #0\n\t"
                                   "bne 5b\n\t"
                                   "pop {r0, r1, r2, r3}\n\t"
                                   "b.w 2b\n\t");
}

/* clang-format on */

void kws_nn_stencil_row_dsp(const kws_nn_layer_t *layer, const int8_t *const *rows, int8_t *output,
                            void *scratch)
{
    work_t *work = scratch;
    work->step = layer->output_channels;
    uint32_t x = 0u;
    while (x < layer->output_width) {
        const uint32_t left = layer->output_width - x;
        if (left < KWS_NN_STENCIL_OUTPUTS && x > 0u) {
            x = layer->output_width - KWS_NN_STENCIL_OUTPUTS; /* a whole tile: some outputs come twice */
        }
        const bool whole = layer->output_width >= KWS_NN_STENCIL_OUTPUTS;
        const uint32_t outputs = whole ? (uint32_t)KWS_NN_STENCIL_OUTPUTS : left;
        const uint32_t columns = outputs + KWS_NN_STENCIL_SIZE - 1u;
        for (uint32_t ky = 0u; ky < KWS_NN_STENCIL_SIZE; ++ky) {
            work->rows[ky] = rows[ky] + x * work->step;
        }
        work->twos = whole ? 0u : (columns + 1u) / 2u;
        work->last_step = (columns % 2u == 0u) ? work->step : 0u;
        work->stencil = (const kws_nn_stencil_t *)(const void *)layer->weights;
        work->output = output + x * work->step;
        work->skip_bytes = 4u * (KWS_NN_STENCIL_OUTPUTS - outputs);
        work->groups = work->step / KWS_NN_STENCIL_CHANNELS;
        run_tile(work);
        x += outputs;
    }
}

#else
typedef int kws_nn_stencil_dsp_is_empty_t; /* a translation unit needs something in it */
#endif
