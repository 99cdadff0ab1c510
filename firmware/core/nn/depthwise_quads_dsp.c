/* SPDX-License-Identifier: Apache-2.0 */
/* Armv7E-M: depthwise convolution with any kernel and stride, four channels at a time. */
#include "../kws_simd.h"
#if KWS_SIMD

#include "depthwise_quads.h"
#include "simd_dsp.h"

enum {
    ROUND_TAPS = 8, /* of the unrolled loop */
    TAP_CODE = 44   /* bytes of code for a tap */
};

/* What the assembly takes. Field order is part of it. */
typedef struct {
    const int8_t *group;       /* weights */
    const int8_t *const *taps; /* where the inputs of each tap start, channel 0 */
    const int8_t *const *end;  /* of taps */
    uint32_t skip_bytes;       /* of the unrolled loop, in the first round */
    uint32_t channel;          /* the first one */
    void *output;              /* int8 of that channel; sums when `finish` is 0 */
    uint32_t finish;           /* 0: store 256 * accumulator + start of one group instead */
    uint32_t groups;
} job_t;

/* Assembly reads line by line. */
/* clang-format off */

/* lr output */
#define FINISH(sum, multiplier)                                                                              \
    "smmul " sum ", " sum ", " multiplier "\n\t"                                                             \
    "ssat " sum ", #8, " sum ", asr #" RESCALE_SHIFT "\n\t"                                                  \
    "strb " sum ", [lr], #1\n\t"

/* r0 taps, r1 weights, r2-r5 operands, r6-r9 sums, r10 channel, r11 end of taps, r12 entry into the loop, lr output.
 * On the stack: taps, finish, groups. */
__attribute__((naked, noinline)) static void run_groups(const job_t *job __attribute__((unused)))
{
    __asm volatile(
        "push {r4-r11, lr}\n\t"
        "ldm r0, {r1, r2, r3, r4, r5, r6, r7, r8}\n\t"
        "mov r11, r3\n\t"
        "adr.w r12, 2f\n\t"
        "add r12, r4\n\t"
        "mov r10, r5\n\t"
        "mov lr, r6\n\t"
        "push {r2, r7, r8}\n"
        "1:\n\t" /* four channels */
        "ldr r0, [sp]\n\t"
        "movs r6, #0\n\t"
        "movs r7, #0\n\t"
        "mov r8, r6\n\t"
        "mov r9, r6\n\t"
        "mov pc, r12\n\t"
        ".balign 4\n"
        "2:\n\t" /* a tap each time: TAP_CODE bytes */
        ".rept 8\n\t"
        "ldr r2, [r0], #4\n\t"
        "ldr.w r2, [r2, r10]\n\t"
        "ldr r3, [r1], #4\n\t"
        "sxtb16 r4, r2\n\t"
        "sxtb16 r5, r3\n\t"
        "sxtb16 r2, r2, ror #8\n\t"
        "sxtb16 r3, r3, ror #8\n\t"
        "smlabb r6, r4, r5, r6\n\t"
        "smlabb r7, r2, r3, r7\n\t"
        "smlatt r8, r4, r5, r8\n\t"
        "smlatt r9, r2, r3, r9\n\t"
        ".endr\n\t"
        "cmp r0, r11\n\t"
        "bne.w 2b\n\t"
        "ldm r1!, {r2, r3, r4, r5}\n\t" /* starts */
        "add r6, r2, r6, lsl #8\n\t"
        "add r7, r3, r7, lsl #8\n\t"
        "add r8, r4, r8, lsl #8\n\t"
        "add r9, r5, r9, lsl #8\n\t"
        "ldr r0, [sp, #4]\n\t"
        "cbz r0, 3f\n\t"
        "ldm r1!, {r2, r3, r4, r5}\n\t" /* multipliers */
        FINISH("r6", "r2")
        FINISH("r7", "r3")
        FINISH("r8", "r4")
        FINISH("r9", "r5")
        "ldr r2, [sp, #8]\n\t"
        "add r10, r10, #4\n\t"
        "subs r2, #1\n\t"
        "str r2, [sp, #8]\n\t"
        "bne.w 1b\n\t"
        "add sp, #12\n\t"
        "pop {r4-r11, pc}\n"
        "3:\n\t" /* one group, as it is */
        "stm lr, {r6, r7, r8, r9}\n\t"
        "add sp, #12\n\t"
        "pop {r4-r11, pc}\n\t");
}

/* clang-format on */

/* The layers finished by the channel table. */
static void run_general(const kws_nn_layer_t *layer, job_t *job, int8_t *output)
{
    uint32_t sums[KWS_NN_QUADS_CHANNELS];
    job->output = sums;
    job->finish = 0u;
    for (; job->channel < layer->output_channels; job->channel += KWS_NN_QUADS_CHANNELS) {
        run_groups(job);
        for (uint32_t i = 0u; i < KWS_NN_QUADS_CHANNELS; ++i) {
            output[job->channel + i] = kws_nn_finish(layer, job->channel + i, sums[i], 0);
        }
        job->group += kws_nn_quads_group_bytes(kws_nn_quads_taps(layer));
    }
}

/* Where the inputs of each tap of output column x start. Returns the end of the list. */
static const int8_t **list_taps(const kws_nn_layer_t *layer, const int8_t *const *rows, uint32_t x,
                                const int8_t **taps)
{
    for (uint32_t ky = 0u; ky < layer->kernel_height; ++ky) {
        const int8_t *input = rows[ky] + x * layer->stride_width * layer->input_channels;
        for (uint32_t kx = 0u; kx < layer->kernel_width; ++kx) {
            *taps++ = input;
            input += layer->input_channels;
        }
    }
    return taps;
}

void kws_nn_depthwise_quads_row(const kws_nn_layer_t *layer, const int8_t *const *rows, int8_t *output,
                                void *scratch)
{
    const uint32_t num_taps = kws_nn_quads_taps(layer);
    const int8_t **taps = scratch;
    for (uint32_t x = 0u; x < layer->output_width; ++x) {
        job_t job = {.group = layer->weights,
                     .taps = taps,
                     .end = list_taps(layer, rows, x, taps),
                     .skip_bytes = (ROUND_TAPS - num_taps % ROUND_TAPS) % ROUND_TAPS * TAP_CODE,
                     .output = output,
                     .finish = 1u,
                     .groups = layer->output_channels / KWS_NN_QUADS_CHANNELS};
        if (layer->channels == NULL) {
            run_groups(&job);
        } else {
            run_general(layer, &job, output);
        }
        output += layer->output_channels;
    }
}

#endif
