/* SPDX-License-Identifier: Apache-2.0 */
#include "conv_paired.h"

#include <string.h>

#include "../kws_simd.h"

uint32_t kws_nn_paired_weights_bytes(const kws_nn_layer_t *layer)
{
    const uint32_t inputs = kws_nn_paired_inputs(layer);
    const uint32_t blocks = (layer->output_channels + KWS_NN_PAIRED_CHANNELS - 1u) / KWS_NN_PAIRED_CHANNELS;
    return (inputs > KWS_NN_PAIRED_MAX_INPUTS) ? 0u : blocks * kws_nn_paired_block_bytes(inputs);
}

uint32_t kws_nn_paired_scratch_bytes(const kws_nn_layer_t *layer)
{
    const uint32_t width = layer->output_width;
    const uint32_t columns = (width == 1u) ? 1u : (2u + width % 2u);
    const bool gathers = (uint32_t)layer->kernel_width * layer->input_channels % 4u != 0u;
    const uint32_t value_bytes = (uint32_t)(sizeof(int16_t) + (gathers ? sizeof(int8_t) : 0u));
    const uint32_t inputs = kws_nn_paired_inputs(layer);
    return inputs * columns * value_bytes;
}

void kws_nn_conv_paired_gather(const kws_nn_layer_t *layer, const int8_t *const *rows, uint32_t x,
                               int8_t *inputs)
{
    const uint32_t run = (uint32_t)layer->kernel_width * layer->input_channels;
    const uint32_t first = x * layer->stride_width * layer->input_channels;
    int8_t *next = inputs;
    for (uint32_t ky = 0u; ky < layer->kernel_height; ++ky) {
        memcpy(next, rows[ky] + first, run);
        next += run;
    }
    memset(next, 0, (size_t)(inputs + kws_nn_paired_inputs(layer) - next));
}

#if !KWS_SIMD
/* Sums of a block over the inputs, times 256 and with their starts. Unsigned: a bundle of someone else may wrap, as
 * the DSP version would. */
static void sum_block(const int8_t *block, const kws_nn_paired_end_t *ends, const int8_t *inputs,
                      uint32_t num_inputs, uint32_t *sums)
{
    const int32_t *start_odd = (const int32_t *)(const void *)block;
    const int16_t *lanes = (const int16_t *)(const void *)(start_odd + 2);
    for (uint32_t pair = 0u; pair < 2u; ++pair) {
        uint32_t even = 0u;
        uint32_t both = (uint32_t)start_odd[pair];
        const int16_t *lane = lanes + 2u * pair;
        for (uint32_t i = 0u; i < num_inputs; i += 4u) {
            const int8_t *in = inputs + i;
            even += (uint32_t)((int8_t)lane[0] * in[0] + (int8_t)lane[1] * in[2] + (int8_t)lane[4] * in[1] +
                               (int8_t)lane[5] * in[3]);
            both += (uint32_t)(lane[0] * in[0] + lane[1] * in[2] + lane[4] * in[1] + lane[5] * in[3]);
            lane += 8;
        }
        sums[2u * pair] = (even << 8) + (uint32_t)ends[pair].start_even;
        sums[2u * pair + 1u] = both - even;
    }
}

/* The place of an output, and what goes there: in a row, or among channel pairs. */
static void store(const kws_nn_layer_t *layer, uint32_t x, uint32_t oc, int8_t value, int8_t *output)
{
    if (layer->pair_bytes == 0u) {
        output[x * layer->output_channels + oc] = value;
    } else {
        output[oc / 2u * layer->pair_bytes + 2u * x + oc % 2u] = (int8_t)(value ^ INT8_MIN); /* + 128 */
    }
}

void kws_nn_conv_paired_row(const kws_nn_layer_t *layer, const int8_t *const *rows, int8_t *output,
                            void *scratch)
{
    const uint32_t num_inputs = kws_nn_paired_inputs(layer);
    int8_t *inputs = scratch;
    for (uint32_t x = 0u; x < layer->output_width; ++x) {
        kws_nn_conv_paired_gather(layer, rows, x, inputs);
        const int8_t *block = layer->weights;
        for (uint32_t oc = 0u; oc < layer->output_channels; oc += KWS_NN_PAIRED_CHANNELS) {
            const kws_nn_paired_end_t *ends = kws_nn_paired_ends(block, num_inputs);
            uint32_t sums[KWS_NN_PAIRED_CHANNELS];
            sum_block(block, ends, inputs, num_inputs, sums);
            for (uint32_t i = 0u; i < KWS_NN_PAIRED_CHANNELS && oc + i < layer->output_channels; ++i) {
                const kws_nn_paired_end_t *end = &ends[i / 2u];
                const int32_t multiplier = (i % 2u == 0u) ? end->multiplier_even : end->multiplier_odd;
                store(layer, x, oc + i, kws_nn_finish(layer, oc + i, sums[i], multiplier), output);
            }
            block += kws_nn_paired_block_bytes(num_inputs);
        }
    }
}
#endif
