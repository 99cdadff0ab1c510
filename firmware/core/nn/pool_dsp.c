/* SPDX-License-Identifier: Apache-2.0 */
/* Armv7E-M: average pool, four channels at a time, where windows do not overlap or are one column wide. */
#include "../kws_simd.h"
#if KWS_SIMD

#include "nn.h"
#include "simd_dsp.h"

/* Column sums of four channels: of channels 0 and 2, and of 1 and 3. */
typedef struct {
    int16x2_t even;
    int16x2_t odd;
} sums_t;

/* Assembly: four columns at a time, whose loads cost least one after the other. */
static inline sums_t sum_columns(const int8_t *input, int32_t num_columns, uint32_t step)
{
    sums_t sums = {0, 0};
    const int8_t *third;
    int8x4_t a, b, c, d;
    __asm volatile("subs %3, #4\n\t"
                   "blt.n 2f\n"
                   "1:\n\t"
                   "add %4, %2, %9, lsl #1\n\t"
                   "ldr %5, [%2]\n\t"
                   "ldr %6, [%2, %9]\n\t"
                   "ldr %7, [%4]\n\t"
                   "ldr %8, [%4, %9]\n\t"
                   "sxtab16 %0, %0, %5\n\t"
                   "sxtab16 %1, %1, %5, ror #8\n\t"
                   "sxtab16 %0, %0, %6\n\t"
                   "sxtab16 %1, %1, %6, ror #8\n\t"
                   "sxtab16 %0, %0, %7\n\t"
                   "sxtab16 %1, %1, %7, ror #8\n\t"
                   "sxtab16 %0, %0, %8\n\t"
                   "sxtab16 %1, %1, %8, ror #8\n\t"
                   "add %2, %4, %9, lsl #1\n\t"
                   "subs %3, #4\n\t"
                   "bge.n 1b\n"
                   "2:\n\t"
                   "adds %3, #4\n\t"
                   "ble.n 4f\n"
                   "3:\n\t"
                   "ldr %5, [%2]\n\t"
                   "sxtab16 %0, %0, %5\n\t"
                   "sxtab16 %1, %1, %5, ror #8\n\t"
                   "add %2, %9\n\t"
                   "subs %3, #1\n\t"
                   "bgt.n 3b\n"
                   "4:"
                   : "+r"(sums.even), "+r"(sums.odd), "+r"(input), "+r"(num_columns), "=&r"(third), "=&r"(a),
                     "=&r"(b), "=&r"(c), "=&r"(d)
                   : "r"(step)
                   : "cc", "memory");
    return sums;
}

/* Loads one after the other, too. Returns the totals of the next four channels. */
static inline int32_t *add(int32_t *totals, sums_t sums)
{
    int32_t t0, t1, t2, t3;
    __asm volatile("ldr %0, [%4]\n\t"
                   "ldr %1, [%4, #4]\n\t"
                   "ldr %2, [%4, #8]\n\t"
                   "ldr %3, [%4, #12]\n\t"
                   "sxtah %0, %0, %5\n\t"
                   "sxtah %1, %1, %6\n\t"
                   "add %2, %2, %5, asr #16\n\t"
                   "add %3, %3, %6, asr #16\n\t"
                   "str %1, [%4, #4]\n\t"
                   "str %2, [%4, #8]\n\t"
                   "str %3, [%4, #12]\n\t"
                   "str %0, [%4], #16"
                   : "=&r"(t0), "=&r"(t1), "=&r"(t2), "=&r"(t3), "+r"(totals)
                   : "r"(sums.even), "r"(sums.odd)
                   : "memory");
    return totals;
}

/* One column under each output: the row that leaves lies in `kept` as it came. */
static void slide_one_column(const int8_t *input, uint32_t num_values, int32_t *totals, int8_t *kept)
{
    for (const int8_t *end = input + num_values; input != end; input += 4) {
        const int8x4_t word = kws_load_bytes(input);
        const int8x4_t oldest = kws_load_bytes(kept);
        const sums_t change = {__ssub16(__sxtb16(word), __sxtb16(oldest)),
                               __ssub16(kws_odd_bytes(word), kws_odd_bytes(oldest))};
        memcpy(kept, &word, sizeof word);
        totals = add(totals, change);
        kept += 4;
    }
}

void kws_nn_pool_row(const kws_nn_layer_t *layer, uint32_t pad_left, const int8_t *input, int32_t *sums,
                     void *kept)
{
    const uint32_t num_channels = layer->input_channels;
    const bool bare = layer->kernel_width == 1u && layer->stride_width == 1u && pad_left == 0u;
    if (num_channels % 4u != 0u || input == NULL || (kept != NULL && !bare)) {
        kws_nn_pool_general_row(layer, pad_left, input, sums, kept);
        return;
    }
    if (kept != NULL) {
        slide_one_column(input, layer->output_width * num_channels, sums, kept);
        return;
    }
    for (uint32_t x = 0u; x < layer->output_width; ++x) {
        const kws_nn_columns_t columns = kws_nn_pool_columns(layer, pad_left, x);
        const int8_t *first = input + columns.first * num_channels;
        const int32_t num_columns = (int32_t)(columns.end - columns.first);
        for (const int8_t *next = first + num_channels; first != next; first += 4) {
            sums = add(sums, sum_columns(first, num_columns, num_channels));
        }
    }
}

#endif
