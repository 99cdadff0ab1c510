/* SPDX-License-Identifier: Apache-2.0 */
/* Runs on the emulated Cortex-M4: the Armv7E-M kernels give the bits of the plain ones, over random shapes and
 * values. Prints the first case that differs. */
#include <string.h>

#include "nn/conv_paired.h"
#include "nn/depthwise_quads.h"
#include "nn/depthwise_stencil.h"
#include "nn/nn.h"
#include "plain_kernels.h"
#include "semihosting.h"

enum {
    NUM_CASES = 400,
    MAX_HEIGHT = 10,
    GUARD = 0x5A
};

static uint32_t random_state;
static _Alignas(16) int8_t weights[24 * 1024];
static _Alignas(16) uint8_t scratch[8192];
static _Alignas(16) int8_t input_rows[MAX_HEIGHT][2048];
static _Alignas(16) int8_t outputs[2][1280];

static uint32_t random_bits(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

static uint32_t random_below(uint32_t bound)
{
    return (random_bits() >> 8) % bound;
}

static void fill(void *data, uint32_t size_bytes)
{
    for (uint32_t i = 0; i < size_bytes; ++i) {
        ((uint8_t *)data)[i] = (uint8_t)random_bits();
    }
}

/* Activations of every kind: the common clamp to all of int8 at zero point -128, and any other. */
static void random_activation(kws_nn_layer_t *layer)
{
    layer->output_zero_point = -128;
    layer->output_min = -128;
    layer->output_max = 127;
    if (random_below(3) == 0) {
        layer->output_zero_point = (int8_t)((int32_t)random_below(256) - 128);
        layer->output_min = (int8_t)((int32_t)random_below(128) - 128);
        layer->output_max = (int8_t)random_below(128);
    }
}

/* Random values in every input row of a layer. */
static const int8_t *const *random_rows(const kws_nn_layer_t *layer)
{
    static const int8_t *rows[MAX_HEIGHT];
    for (uint32_t ky = 0; ky < layer->kernel_height; ++ky) {
        rows[ky] = input_rows[ky];
        fill(input_rows[ky], ((uint32_t)layer->input_width + 1u) * layer->input_channels);
    }
    return rows;
}

/* Both wrote the same, into the first `bytes` bytes and nowhere else. */
static bool same_outputs(uint32_t bytes)
{
    return memcmp(outputs[0], outputs[1], sizeof outputs[0]) == 0 && outputs[1][bytes] == GUARD;
}

static bool agree(kws_nn_kernel_t *plain, kws_nn_kernel_t *dsp, const kws_nn_layer_t *layer)
{
    const int8_t *const *rows = random_rows(layer);
    memset(outputs, GUARD, sizeof outputs);
    plain(layer, rows, outputs[0], scratch);
    fill(scratch, sizeof scratch);
    dsp(layer, rows, outputs[1], scratch);
    return same_outputs((uint32_t)layer->output_width * layer->output_channels);
}

/* Constants that let outputs be neither always high nor always low, for sums of about `bits` bits. */
static int32_t random_multiplier(uint32_t bits)
{
    const uint32_t wanted = 32u + KWS_NN_RESCALE_SHIFT + 8u - bits; /* bits of the multiplier */
    const uint32_t largest = (wanted < 31u) ? wanted : 31u;
    return (int32_t)((random_bits() | 0x80000000u) >> (32u - largest));
}

static int32_t random_start(uint32_t bits)
{
    return (int32_t)(random_bits() >> (32u - bits)) - (1 << (bits - 1u));
}

/* A channel table, in half of the cases; and activations of any kind with it. */
static void random_table(kws_nn_layer_t *layer)
{
    static kws_nn_channel_t channels[80];
    layer->channels = NULL;
    if (random_below(2) == 0) {
        return;
    }
    layer->channels = channels;
    random_activation(layer);
    for (uint32_t c = 0; c < layer->output_channels; ++c) {
        channels[c].bias = (int32_t)random_below(1u << 14) - (1 << 13); /* not to be used */
        channels[c].multiplier = (int32_t)(0x40000000u | random_bits() >> 2);
        channels[c].shift = (int32_t)random_below(12) - 10;
    }
}

/* Any weights at all, as both kernels promise the same bits for every section the reader lets through; or none,
 * where the start values decide alone and every step is met. */
static uint32_t random_weights(int8_t *any, uint32_t size_bytes, uint32_t products)
{
    fill(any, size_bytes);
    if (random_below(3) == 0) {
        memset(any, 0, size_bytes);
        return 20u + random_below(10);
    }
    uint32_t bits = 8u + 14u; /* 256 * a product */
    for (; products > 1u; products /= 4u) {
        ++bits;
    }
    return bits;
}

static void random_paired_weights(const kws_nn_layer_t *layer, int8_t *paired)
{
    const uint32_t inputs = kws_nn_paired_inputs(layer);
    const uint32_t block_bytes = kws_nn_paired_block_bytes(inputs);
    const uint32_t bits = random_weights(paired, kws_nn_paired_weights_bytes(layer), inputs);
    for (uint32_t oc = 0; oc < layer->output_channels; oc += KWS_NN_PAIRED_CHANNELS) {
        int8_t *block = paired + oc / KWS_NN_PAIRED_CHANNELS * block_bytes;
        int32_t *start_odd = (int32_t *)(void *)block;
        kws_nn_paired_end_t *ends = (kws_nn_paired_end_t *)(void *)(block + block_bytes - 2 * sizeof *ends);
        for (uint32_t i = 0; i < 2; ++i) {
            start_odd[i] = random_start(bits);
            ends[i].start_even = random_start(bits);
            ends[i].multiplier_even = random_multiplier(bits);
            ends[i].multiplier_odd = random_multiplier(bits);
        }
    }
}

static void random_stencil_weights(const kws_nn_layer_t *layer)
{
    const uint32_t bits = random_weights(weights, kws_nn_stencil_weights_bytes(layer), 9);
    kws_nn_stencil_t *stencils = (kws_nn_stencil_t *)(void *)weights;
    for (uint32_t c = 0; c < layer->output_channels; ++c) {
        stencils[c].start = random_start(bits);
        stencils[c].multiplier = random_multiplier(bits);
        for (uint32_t ky = 0; ky < KWS_NN_STENCIL_SIZE; ++ky) {
            stencils[c].weights[ky][1][0] = stencils[c].weights[ky][0][1];
        }
    }
}

static kws_nn_layer_t random_paired_layer(void)
{
    kws_nn_layer_t layer = {.weights = weights, .weight_layout = KWS_NN_LAYOUT_PAIRED, .stride_width = 1};
    do {
        const bool pointwise = random_below(2) == 0;
        layer.kernel_height = (uint16_t)(pointwise ? 1 : 1 + random_below(MAX_HEIGHT));
        layer.kernel_width = (uint16_t)(pointwise ? 1 : 1 + random_below(5));
        layer.input_channels = (uint16_t)(1 + random_below(pointwise ? 256 : 12));
        if (random_below(2) == 0) {
            layer.input_channels = (uint16_t)((layer.input_channels + 3) & ~3);
        }
        layer.stride_width = (uint16_t)(pointwise ? 1 : 1 + random_below(3));
        layer.output_width = (uint16_t)(1 + random_below(6));
        layer.output_channels = (uint16_t)(1 + random_below(72));
        layer.input_width = (uint16_t)((layer.output_width - 1) * layer.stride_width + layer.kernel_width);
    } while (kws_nn_paired_weights_bytes(&layer) == 0 ||
             kws_nn_paired_weights_bytes(&layer) > sizeof weights ||
             (uint32_t)layer.input_width * layer.input_channels > sizeof input_rows[0]);
    random_table(&layer);
    return layer;
}

/* Both write channel pairs, with room for padding between them that stays as it is. */
static bool pairs_agree(const kws_nn_layer_t *layer)
{
    kws_nn_layer_t pairs = *layer;
    pairs.pair_bytes = (uint16_t)(2u * layer->output_width + 2u * random_below(3));
    const int8_t *const *rows = random_rows(layer);
    memset(outputs, GUARD, sizeof outputs);
    plain_conv_paired_row(&pairs, rows, outputs[0], scratch);
    kws_nn_conv_paired_row(&pairs, rows, outputs[1], scratch);
    return same_outputs(layer->output_channels / 2u * pairs.pair_bytes);
}

static bool paired_agrees(void)
{
    const kws_nn_layer_t layer = random_paired_layer();
    random_paired_weights(&layer, weights);
    const bool can_pair =
        kws_nn_writes_pairs(&layer) && layer.output_channels % 4u == 0u && layer.output_width > 1u;
    return kws_nn_paired_scratch_bytes(&layer) <= sizeof scratch && (!can_pair || pairs_agree(&layer)) &&
           agree(plain_conv_paired_row, kws_nn_conv_paired_row, &layer);
}

static kws_nn_layer_t random_stencil_layer(void)
{
    kws_nn_layer_t layer = {.weights = weights,
                            .weight_layout = KWS_NN_LAYOUT_STENCIL,
                            .kernel_height = KWS_NN_STENCIL_SIZE,
                            .kernel_width = KWS_NN_STENCIL_SIZE,
                            .stride_width = (uint16_t)(1 + random_below(KWS_NN_STENCIL_MAX_STRIDE))};
    layer.output_width = (uint16_t)(KWS_NN_STENCIL_MIN_OUTPUTS + random_below(10));
    layer.output_channels = (uint16_t)(4 * (1 + random_below(18)));
    layer.input_channels = layer.output_channels;
    layer.input_width = (uint16_t)((layer.output_width - 1) * layer.stride_width + KWS_NN_STENCIL_SIZE);
    layer.output_width = (uint16_t)(layer.output_width & ~(layer.stride_width - 1)); /* stride 2: even */
    random_stencil_weights(&layer);
    return layer;
}

static bool stencil_agrees(void)
{
    const kws_nn_layer_t layer = random_stencil_layer();
    return kws_nn_stencil_scratch_bytes(&layer) <= sizeof scratch &&
           agree(plain_depthwise_stencil_row, kws_nn_depthwise_stencil_row, &layer);
}

/* A stencil and the pointwise layer behind it, which writes a row or channel pairs. */
static bool separable_agrees(void)
{
    const kws_nn_layer_t stencil = random_stencil_layer();
    int8_t *behind = weights + ((kws_nn_stencil_weights_bytes(&stencil) + 15u) & ~15u);
    kws_nn_layer_t pointwise = {.weights = behind,
                                .weight_layout = KWS_NN_LAYOUT_PAIRED,
                                .kernel_height = 1,
                                .kernel_width = 1,
                                .stride_width = 1,
                                .input_width = stencil.output_width,
                                .input_channels = stencil.output_channels,
                                .output_width = stencil.output_width,
                                .output_channels = (uint16_t)(4 * (1 + random_below(18)))};
    random_paired_weights(&pointwise, behind);
    pointwise.pair_bytes = (uint16_t)(random_below(2) * 2u * (stencil.output_width + random_below(2)));
    const kws_nn_pointwise_t behind_it = {behind, pointwise.output_channels, pointwise.pair_bytes};
    const int8_t *const *rows = random_rows(&stencil);
    memset(outputs, GUARD, sizeof outputs);
    plain_separable_row(&stencil, &behind_it, rows, outputs[0], scratch);
    fill(scratch, sizeof scratch);
    kws_nn_separable_row(&stencil, &behind_it, rows, outputs[1], scratch);
    return same_outputs((pointwise.pair_bytes == 0u)
                            ? (uint32_t)pointwise.output_width * pointwise.output_channels
                            : pointwise.output_channels / 2u * (uint32_t)pointwise.pair_bytes);
}

static void random_quads_weights(const kws_nn_layer_t *layer)
{
    const uint32_t taps = kws_nn_quads_taps(layer);
    const uint32_t bits = random_weights(weights, kws_nn_quads_weights_bytes(layer), taps);
    for (uint32_t c = 0; c < layer->output_channels; ++c) {
        int8_t *group = weights + c / 4u * kws_nn_quads_group_bytes(taps);
        int32_t *constants = (int32_t *)(void *)(group + 4u * taps);
        constants[c % 4u] = random_start(bits);
        constants[4u + c % 4u] = random_multiplier(bits);
    }
}

static bool quads_agrees(void)
{
    kws_nn_layer_t layer = {.weights = weights, .weight_layout = KWS_NN_LAYOUT_QUADS};
    layer.kernel_height = (uint16_t)(1 + random_below(MAX_HEIGHT));
    layer.kernel_width = (uint16_t)(1 + random_below(6));
    layer.stride_width = (uint16_t)(1 + random_below(2));
    layer.output_width = (uint16_t)(1 + random_below(4));
    layer.output_channels = (uint16_t)(4 * (1 + random_below(16)));
    layer.input_channels = layer.output_channels;
    layer.input_width = (uint16_t)((layer.output_width - 1) * layer.stride_width + layer.kernel_width);
    random_table(&layer);
    random_quads_weights(&layer);
    return kws_nn_quads_scratch_bytes(&layer) <= sizeof scratch &&
           agree(plain_depthwise_quads_row, kws_nn_depthwise_quads_row, &layer);
}

/* A few rows, some of padding, so that what a row leaves behind is taken away again. */
static bool pool_agrees(void)
{
    enum {
        ROWS = 3,
        MAX_VALUES = 8 * 64
    };
    static int32_t sums[2][MAX_VALUES + 1];
    static int16_t kept[2][MAX_VALUES + 1];
    kws_nn_layer_t layer = {.stride_width = (uint16_t)(1 + random_below(2))};
    const uint32_t pad_left = random_below(2);
    layer.kernel_width = (uint16_t)(1 + pad_left + random_below(4));
    layer.input_width = (uint16_t)(layer.kernel_width + random_below(4));
    layer.input_channels = (uint16_t)(1 + random_below(64));
    layer.output_channels = layer.input_channels;
    layer.output_width =
        (uint16_t)((layer.input_width + pad_left - layer.kernel_width) / layer.stride_width + 1);
    const bool overlaps = random_below(2) == 0;
    memset(sums, GUARD, sizeof sums);
    memset(kept, 0, sizeof kept);
    for (uint32_t row = 0; row < ROWS; ++row) {
        const int8_t *input = (random_below(4) == 0) ? NULL : input_rows[0];
        fill(input_rows[0], sizeof input_rows[0]);
        plain_pool_row(&layer, pad_left, input, sums[0], overlaps ? kept[0] : NULL);
        kws_nn_pool_row(&layer, pad_left, input, sums[1], overlaps ? kept[1] : NULL);
    }
    return memcmp(sums[0], sums[1], sizeof sums[0]) == 0 && memcmp(kept[0], kept[1], sizeof kept[0]) == 0;
}

static bool all_agree(const char *name, bool (*one_case)(void))
{
    for (uint32_t i = 0; i < NUM_CASES; ++i) {
        random_state = 2463534242u + i * 7919u;
        if (!one_case()) {
            print(name);
            print(" differs in case ");
            print_number(i);
            print("\n");
            return false;
        }
    }
    print(name);
    print(" agrees\n");
    return true;
}

int run(void)
{
    const bool paired = all_agree("paired", paired_agrees);
    const bool stencil = all_agree("stencil", stencil_agrees);
    const bool separable = all_agree("separable", separable_agrees);
    const bool quads = all_agree("quads", quads_agrees);
    const bool pool = all_agree("pool", pool_agrees);
    return paired && stencil && separable && quads && pool ? 0 : 1;
}
