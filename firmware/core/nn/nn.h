/* SPDX-License-Identifier: Apache-2.0 */
/* Neural network kernels: pure functions on rows. A row is one time step: width x channels int8, channel
 * fastest.
 *
 * Every kernel makes one output row from `kernel_height` input rows, given as an array of row pointers,
 * oldest first. The engine (kws_model.c) has done all padding: a missing time step is a pointer to a row that
 * holds the input zero point, and every row already carries pad_left/pad_right columns of zero point. So
 * kernels see VALID convolutions only, and the input zero point is folded into the bias for good:
 *
 *   acc[oc] = bias[oc] + sum over ky, kx, ic of weights * input
 *   out[oc] = clamp(zero_point + requantize(acc, multiplier[oc], shift[oc]))       see requantize.h
 *
 * The int32 accumulator cannot overflow: |bias| < 2^30 + 2^14 and at most 2^16 - 1 products, both checked on read.
 *
 * `x.c` is the plain C definition; `x_dsp.c` is the Armv7E-M version with the same bits; kws_simd.h chooses. */
#ifndef KWS_NN_H
#define KWS_NN_H

#include <stdbool.h>
#include <stddef.h>

#include "layout.h"

/* One layer as the kernels see it. Pointers lead into the bundle. */
typedef struct {
    const int8_t *weights; /* aligned to 16 bytes */
    const kws_nn_channel_t
        *channels; /* output_channels; aligned to 16 bytes; NULL: the layout has constants */
    uint16_t
        input_channels; /* from here to output_max in the order of the bundle: so they are copied at once */
    uint16_t output_height;
    uint16_t output_width;
    uint16_t output_channels;
    uint16_t kernel_height; /* time steps */
    uint16_t kernel_width;
    int8_t input_zero_point;
    int8_t output_zero_point;
    int8_t output_min; /* fused activation: clamp bounds, inclusive */
    int8_t output_max;
    uint16_t stride_width;
    uint16_t input_width; /* columns in a row, padding included */
    uint16_t pair_bytes;  /* 0: the output is a row; else channel pairs, so many bytes from one to the next */
    uint8_t weight_layout; /* kws_nn_layout_t */
} kws_nn_layer_t;

/* Channel pairs, what a depthwise stencil reads in the place of a row: [channel / 2][column][channel % 2], as uint8 of
 * value + 128. Two columns of a pair are one word, and the padding after a ReLU is zero. */

/* The signature of conv, pointwise and depthwise.
 *   rows     kernel_height pointers to input_width x input_channels values; pointwise reads rows[0] only.
 *            Aligned to 4 bytes when input_channels is a multiple of 4, else not at all.
 *   output   output_width x output_channels values; never overlaps an input row; aligned like rows
 *   scratch  kws_nn_scratch_bytes, aligned to 16 bytes; contents do not outlive the call */
typedef void kws_nn_kernel_t(const kws_nn_layer_t *layer, const int8_t *const *rows, int8_t *output,
                             void *scratch);

/* Scratch a conv, pointwise or depthwise row may use, plain and DSP alike: the arena a bundle needs must not
 * depend on which was compiled. */
uint32_t kws_nn_scratch_bytes(const kws_nn_layer_t *layer);

/* Bytes the weights of a conv, pointwise or dense layer take in their layout; 0: the operation has no such
 * layout. */
uint32_t kws_nn_weights_bytes(const kws_nn_layer_t *layer);

/* The same for a depthwise layer. */
uint32_t kws_nn_depthwise_weights_bytes(const kws_nn_layer_t *layer);

/* A row of `width` columns as channel pairs. channels: even */
void kws_nn_pair_row(const int8_t *row, uint32_t width, uint32_t channels, uint32_t pair_bytes,
                     int8_t *pairs);

/* Whether a conv or pointwise layer with a multiple of four channels can write channel pairs itself. */
static inline bool kws_nn_writes_pairs(const kws_nn_layer_t *layer)
{
    return layer->weight_layout == KWS_NN_LAYOUT_PAIRED && layer->channels == NULL;
}

/* What a pointwise layer adds to the stencil before it, whose outputs are its inputs. It writes pairs, or could. */
typedef struct {
    const int8_t *weights; /* KWS_NN_LAYOUT_PAIRED */
    uint16_t output_channels;
    uint16_t pair_bytes; /* as in kws_nn_layer_t */
} kws_nn_pointwise_t;

/* A depthwise stencil and the pointwise layer behind it as one kernel. `scratch` is that of the stencil. */
void kws_nn_separable_row(const kws_nn_layer_t *stencil, const kws_nn_pointwise_t *pointwise,
                          const int8_t *const *rows, int8_t *output, void *scratch);

/* Any kernel, any stride. The first of each pair takes every layout, the other one only compact weights. */
kws_nn_kernel_t kws_nn_conv_row;
kws_nn_kernel_t kws_nn_conv_compact_row;

/* 1 x 1 kernel, stride 1; compact weights are left to conv. */
kws_nn_kernel_t kws_nn_pointwise_row;

/* output_channels: a multiple of input_channels; more than once it only with compact weights. */
kws_nn_kernel_t kws_nn_depthwise_row;
kws_nn_kernel_t kws_nn_depthwise_compact_row;

/* kernel_height rows of input_channels values (one column) -> output_channels values. Not a convolution: TFLite's
 * FULLY_CONNECTED rounds once, kws_nn_requantize_once. */
kws_nn_kernel_t kws_nn_dense_row;
kws_nn_kernel_t kws_nn_dense_compact_row;

/* Average pool, first half: adds a row to the running sums, sums[x][channel] over the input columns under output
 * column x. `kept`, unless NULL, holds the column sums of the row that leaves the window for it; they are taken away,
 * and those of the new row take their place: int8 each when kernel_width is 1, else int16. Padding columns do not
 * count in a pool, so this one gets the bare row (input_width without padding) and pad_left apart; a NULL row is
 * padding as a whole. |column sum| <= 128 * kernel_width < 2^15: kernel_width <= 255 (checked on read). */
void kws_nn_pool_row(const kws_nn_layer_t *layer, uint32_t pad_left, const int8_t *input, int32_t *sums,
                     void *kept);

/* The same in plain C: what the Armv7E-M version leaves the odd rows to. */
void kws_nn_pool_general_row(const kws_nn_layer_t *layer, uint32_t pad_left, const int8_t *input,
                             int32_t *sums, void *kept);

/* The columns [first, end) of the bare row that lie under output column x. */
typedef struct {
    uint32_t first;
    uint32_t end;
} kws_nn_columns_t;

kws_nn_columns_t kws_nn_pool_columns(const kws_nn_layer_t *layer, uint32_t pad_left, uint32_t x);

/* Average pool, second half: output = round half away from zero(sums / cells), clamped. sums covers num_rows
 * time steps; the cells under column x are num_rows * (columns of x inside the row). */
void kws_nn_pool_finish(const kws_nn_layer_t *layer, uint32_t pad_left, const int32_t *sums,
                        uint32_t num_rows, int8_t *output);

/* TFLite's MEAN, second half, from the sums of an average pool: rescaled as in a convolution, with channels[0] for all
 * channels. */
void kws_nn_mean_finish(const kws_nn_layer_t *layer, const int32_t *sums, int8_t *output);

/* The largest value under the kernel, clamped. No weights, no channels. */
kws_nn_kernel_t kws_nn_max_pool_row;

/* TFLite's int8 ADD of two rows of output_width x output_channels values. channels[0] and [1] scale the inputs: bias
 * takes their zero point away; channels[2] scales the sum. */
void kws_nn_add_row(const kws_nn_layer_t *layer, const int8_t *first, const int8_t *second, int8_t *output);

/* In each column the input_channels of the first row, then those of the second. */
void kws_nn_concat_row(const kws_nn_layer_t *layer, const int8_t *first, const int8_t *second,
                       int8_t *output);

/* output[i] = weights[input[i] + 128]; with more than 256 weights every channel has its own 256. */
void kws_nn_lookup_row(const kws_nn_layer_t *layer, const int8_t *input, uint32_t weights_bytes,
                       int8_t *output);

/* output_channels of each column, from first_channel on. */
void kws_nn_slice_row(const kws_nn_layer_t *layer, const int8_t *input, uint32_t first_channel,
                      int8_t *output);

/* TFLite's int8 softmax over output_channels values, output scale 1/256, zero point -128. channels[0] holds
 * { bias = smallest difference to the maximum that still counts, multiplier, shift } of the input scale. */
void kws_nn_softmax(const kws_nn_layer_t *layer, const int8_t *input, int8_t *output);

#endif
