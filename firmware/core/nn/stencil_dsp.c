/* Armv7E-M: depthwise 3 x 3 at stride 1, four channels x five columns at a time.
 *
 * The inputs under a tile are first paired, four channels to a load, then each channel takes five outputs in
 * registers: 45 products in 25 multiply instructions. */
#if defined(__ARM_FEATURE_DSP)

#include "stencil.h"

enum {
    TILE_COLUMNS = KWS_NN_STENCIL_OUTPUTS + KWS_NN_STENCIL_SIZE /* one more than needed: they come in twos */
};

/* Words hold two inputs of two channels: bytes { first of channel 0, first of channel 1, second of channel 0,
 * second of channel 1 }. The assembly knows the offsets. */
typedef struct {
    uint32_t upper[2][TILE_COLUMNS];         /* [channels 0 1, 2 3]; rows 0 and 1 of each column */
    uint32_t lower[2][TILE_COLUMNS / 2];     /* row 2; two columns to a word */
    uint32_t output[KWS_NN_STENCIL_OUTPUTS]; /* four channels each: int8, or see `sums` */
} tile_t;

_Static_assert(sizeof(tile_t) == 116, "the assembly and TILE_BYTES know it");

/* clang-format off: assembly reads line by line */

/* Unpacks channel 0 or 1 of a word of the tile. */
#define UNPACK_0(word) "sxtb16 " word ", " word "\n\t"
#define UNPACK_1(word) "sxtb16 " word ", " word ", ror #8\n\t"

/* sum += or = base + */
#define DUAL(sum, inputs, weights, base) "smlad " sum ", " inputs ", " weights ", " base "\n\t"

/* The sums of a channel in r6-r10. r0 tile, r1 stencil, r2-r5 start and weights, r11, r12, lr inputs. U and L are
 * the offsets of upper and lower in the tile. */
#define SUM_CHANNEL(U, L, UNPACK)                                                                            \
    "ldm r1!, {r2, r3, r4, r5}\n\t"                                                                          \
    "ldr r11, [r0, #" U "]\n\tldr r12, [r0, #" U " + 4]\n\tldr lr, [r0, #" U " + 8]\n\t" UNPACK(             \
        "r11") UNPACK("r12") UNPACK("lr") DUAL("r6", "r11", "r3", "r2") DUAL("r6", "r12", "r4", "r6")        \
        DUAL("r7", "r12", "r3", "r2") DUAL("r6", "lr", "r5", "r6") DUAL("r7", "lr", "r4", "r7") DUAL(        \
            "r8", "lr", "r3",                                                                                \
            "r2") "ldr r11, [r0, #" U " + 12]\n\tldr r12, [r0, #" U " + 16]\n\tldr lr, [r0, #" U             \
                  " + 20]\n\t" UNPACK("r11") UNPACK("r12") UNPACK("lr") DUAL("r7", "r11", "r5", "r7")        \
                      DUAL("r8", "r11", "r4", "r8") DUAL("r9", "r11", "r3", "r2") DUAL(                      \
                          "r8", "r12",                                                                       \
                          "r5", "r8") DUAL("r9", "r12", "r4", "r9")                                          \
                          DUAL("r10", "r12", "r3",                                                           \
                               "r2") DUAL("r9", "lr", "r5", "r9")                                            \
                              DUAL("r10", "lr", "r4",                                                        \
                                   "r10") "ldr r11, [r0, #" U " + 24]\n\tldr r12, [r0, #" L                  \
                                          "]\n\tldr lr, [r0, #" L " + 4]\n\t"                                \
                                          "ldr r2, [r0, #" L                                                 \
                                          " + 8]\n\t" UNPACK("r11")                                          \
                                              DUAL("r10", "r11", "r5",                                       \
                                                   "r10") "ldr r5, [r0, #" L                                 \
                                                          " + 12]\n\tldm r1!, {r3, r4}\n\t" UNPACK(          \
                                                              "r12") UNPACK("lr") UNPACK("r2") UNPACK("r5")  \
                                                              DUAL("r6", "r12", "r3",                        \
                                                                   "r6") "smlabt r6, lr, r4, r6\n\t"         \
                                                                         "smlatb r7, r12, r3, r7\n\t" DUAL(  \
                                                                             "r7", "lr", "r4", "r7")         \
                                                                             DUAL(                           \
                                                                                 "r8", "lr", "r3",           \
                                                                                 "r8") "smlabt r8, r2, r4, " \
                                                                                       "r8\n\t"              \
                                                                                       "smlatb r9, lr, r3, " \
                                                                                       "r9\n\t" DUAL(        \
                                                                                           "r9", "r2", "r4", \
                                                                                           "r9")             \
                                                                                           DUAL(             \
                                                                                               "r10",        \
                                                                                               "r2", "r3",   \
                                                                                               "r10") "smla" \
                                                                                                      "bt "  \
                                                                                                      "r10," \
                                                                                                      " r5," \
                                                                                                      " r4," \
                                                                                                      " r10" \
                                                                                                      "\n\t"

/* r3 multiplier, r4 rounding, r5 shift; at is the channel's byte in tile_t.output of the column */
#define FINISH(sum, at)                                                                                      \
    "smmla " sum ", " sum ", r3, r4\n\tasr " sum ", " sum ", r5\n\tssat " sum ", #8, " sum "\n\t"            \
    "strb " sum ", [r0, #" at "]\n\t"

#define CHANNEL(U, L, UNPACK, index)                                                                         \
    SUM_CHANNEL(U, L, UNPACK)                                                                                \
    "ldm r1!, {r3, r4, r5}\n\t" FINISH("r6", "96 + " index) FINISH("r7", "100 + " index)                     \
        FINISH("r8", "104 + " index) FINISH("r9", "108 + " index) FINISH("r10", "112 + " index)

/* What the assembly takes; field order is part of it. */
typedef struct {
    tile_t *tile;
    const int8_t *rows[3]; /* of the first column and channel */
    uint32_t step;         /* from one column to the next */
    uint32_t twos;         /* pairs of input columns */
    uint32_t last_step;    /* step in the last pair: 0 when their number is odd */
    const kws_nn_stencil_t *stencil;
    int8_t *output;
    uint32_t skip_bytes; /* of the code that stores outputs: four for each one of five that is not wanted */
    uint32_t groups;     /* of four channels */
} job_t;

_Static_assert(sizeof(job_t) == 44, "the assembly knows it");

/* Two columns of four channels into the tile. r1-r3 rows, r4 step, r0 upper, lr lower, rest scratch. */
#define PACK_TWO                                                                                             \
    "ldr r6, [r1]\n\tldr r7, [r1, r4]\n\tldr r8, [r2]\n\tldr r9, [r2, r4]\n\t"                               \
    "ldr r10, [r3]\n\tldr r11, [r3, r4]\n\t"                                                                 \
    "add r1, r1, r4, lsl #1\n\tadd r2, r2, r4, lsl #1\n\tadd r3, r3, r4, lsl #1\n\t"                         \
    "pkhbt r12, r6, r8, lsl #16\n\tpkhtb r6, r8, r6, asr #16\n\t"                                            \
    "pkhbt r8, r7, r9, lsl #16\n\tpkhtb r7, r9, r7, asr #16\n\t"                                             \
    "str r6, [r0, #32]\n\tstr r7, [r0, #36]\n\tstr r8, [r0, #4]\n\tstr r12, [r0], #8\n\t"                    \
    "pkhbt r12, r10, r11, lsl #16\n\tpkhtb r10, r11, r10, asr #16\n\t"                                       \
    "str r10, [lr, #16]\n\tstr r12, [lr], #4\n\t"

/* All channels of a tile. Layers with the simple rescale only. */
__attribute__((naked, noinline)) static void run_tile(job_t *job)
{
    (void)job;
    __asm volatile(
        "push {r0, r4-r11, lr}\n"
        "1:\n\t" /* a group of four channels; r0 job */
        "ldr r12, [r0, #24]\n\t"
        "ldm r0, {r0, r1, r2, r3, r4, r5}\n\t"
        "push {r12}\n\t"
        "add lr, r0, #64\n"
        "2:\n\t"
        "subs r5, #1\n\tit eq\n\tldreq r4, [sp]\n\t" PACK_TWO "cmp r5, #0\n\tbne 2b\n\t"
        "add sp, #4\n\t"
        "ldr r2, [sp]\n\tldr r0, [r2]\n\tldr r1, [r2, #28]\n\t" /* tile, stencil */
        CHANNEL("0", "64", UNPACK_0, "0") CHANNEL("0", "64", UNPACK_1, "1") CHANNEL("32", "80", UNPACK_0, "2")
            CHANNEL("32", "80", UNPACK_1,
                    "3") "add r12, r0, #96\n\t"
                         "ldr r0, [sp]\n\t"
                         "str r1, [r0, #28]\n\t"
                         "adds r5, r0, #4\n\tldm r5, {r1, r2, r3, r4}\n\t" /* rows, step */
                         "adds r1, #4\n\tadds r2, #4\n\tadds r3, #4\n\t"
                         "str r1, [r0, #4]\n\tstr r2, [r0, #8]\n\tstr r3, [r0, #12]\n\t"
                         "add r5, r0, #32\n\tldm r5, {r1, r2, r3}\n\t" /* output, skip, groups */
                         "adr.w r5, 3f\n\tadd r2, r5\n\t"
                         "ldm r12, {r6, r7, r8, r9, r10}\n\t"
                         "add r5, r1, r4\n\t"
                         "mov pc, r2\n\t"
                         ".balign 4\n"
                         "3:\n\t"
                         "str.w r10, [r1, r4, lsl #2]\n\tstr.w r9, [r5, r4, lsl #1]\n\tstr.w r8, [r1, r4, "
                         "lsl #1]\n\t"
                         "str.w r7, [r1, r4]\n\tstr.w r6, [r1]\n\t"
                         "adds r1, #4\n\tstr r1, [r0, #32]\n\t"
                         "subs r3, #1\n\tstr r3, [r0, #40]\n\t"
                         "bne.w 1b\n\t"
                         "pop {r0, r4-r11, pc}\n\t");
}

/* clang-format on */

void kws_nn_stencil_row_dsp(const kws_nn_layer_t *layer, const int8_t *const *rows, int8_t *output,
                            void *scratch)
{
    if (!kws_nn_rescale_is_simple(layer)) {
        kws_nn_stencil_row_plain(layer, rows, output, scratch);
        return;
    }
    const uint32_t step = layer->output_channels;
    uint32_t x = 0u;
    while (x < layer->output_width) {
        const uint32_t left = layer->output_width - x;
        const uint32_t outputs = (left < KWS_NN_STENCIL_OUTPUTS) ? left : KWS_NN_STENCIL_OUTPUTS;
        const uint32_t columns = outputs + KWS_NN_STENCIL_SIZE - 1u;
        job_t job = {.tile = scratch,
                     .rows = {rows[0] + x * step, rows[1] + x * step, rows[2] + x * step},
                     .step = step,
                     .twos = (columns + 1u) / 2u,
                     .last_step = (columns % 2u == 0u) ? step : 0u,
                     .stencil = (const kws_nn_stencil_t *)(const void *)layer->weights,
                     .output = output + x * step,
                     .skip_bytes = 4u * (KWS_NN_STENCIL_OUTPUTS - outputs),
                     .groups = step / KWS_NN_STENCIL_CHANNELS};
        run_tile(&job);
        x += outputs;
    }
}

#else
typedef int kws_nn_stencil_dsp_is_empty_t; /* a translation unit needs something in it */
#endif
