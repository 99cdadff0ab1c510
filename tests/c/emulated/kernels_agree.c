/* Runs on the emulated Cortex-M4: the Armv7E-M kernels give the bits of the plain ones, over random shapes and
 * values. Prints the first case that differs. */
#include <string.h>

#include "nn/nn.h"
#include "nn/paired.h"
#include "nn/quads.h"
#include "nn/stencil.h"
#include "semihosting.h"

enum {
    NUM_CASES = 400,
    MAX_HEIGHT = 10,
    GUARD = 0x5A
};

static uint32_t random_state;
static _Alignas(16) int8_t weights[24 * 1024];
static _Alignas(16) uint8_t scratch[4096];
static _Alignas(16) int8_t input_rows[MAX_HEIGHT][1024];
static _Alignas(16) int8_t outputs[2][1024 + 4];

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
        layer->output_zero_point = (int16_t)((int32_t)random_below(256) - 128);
        layer->output_min = (int8_t)((int32_t)random_below(128) - 128);
        layer->output_max = (int8_t)random_below(128);
    }
}

static bool agree(kws_nn_kernel_t *plain, kws_nn_kernel_t *dsp, const kws_nn_layer_t *layer)
{
    const int8_t *rows[MAX_HEIGHT];
    const uint32_t values = (uint32_t)layer->output_width * layer->output_channels;
    for (uint32_t ky = 0; ky < layer->kernel_height; ++ky) {
        rows[ky] = input_rows[ky];
        fill(input_rows[ky], (uint32_t)layer->input_width * layer->input_channels);
    }
    memset(outputs, GUARD, sizeof outputs);
    plain(layer, rows, outputs[0], scratch);
    fill(scratch, sizeof scratch);
    dsp(layer, rows, outputs[1], scratch);
    return memcmp(outputs[0], outputs[1], values + 4) == 0 && outputs[1][values] == GUARD;
}

/* A scale that the reader lets through, and a start value that lets outputs be neither always high nor always
 * low when weights are zero. */
static void random_rescale(kws_nn_rescale_t *rescale, const kws_nn_layer_t *layer, uint32_t shift)
{
    rescale->multiplier = (int32_t)(0x40000000u | random_bits() >> 2);
    rescale->shift = (int32_t)shift;
    rescale->rounding = 64 + (2 * layer->output_zero_point + 1) * (1 << (shift - 1u));
}

static int32_t random_start(uint32_t shift)
{
    const uint32_t bits = (shift + 10u < 31u) ? shift + 10u : 31u;
    return (int32_t)(random_bits() >> (32u - bits)) - (1 << (bits - 1u));
}

/* Any weights at all, as both kernels promise the same bits for every section the reader lets through; or none,
 * where the start values decide alone and every rounding is met. */
static void random_weights(uint32_t size_bytes, bool zero)
{
    fill(weights, size_bytes);
    if (zero) {
        memset(weights, 0, size_bytes);
    }
}

static void random_paired_weights(const kws_nn_layer_t *layer)
{
    const uint32_t inputs = kws_nn_paired_inputs(layer);
    const uint32_t block_bytes = kws_nn_paired_block_bytes(inputs);
    const bool zero = random_below(2) == 0;
    random_weights(kws_nn_paired_weights_bytes(layer), zero);
    for (uint32_t oc = 0; oc < layer->output_channels; oc += KWS_NN_PAIRED_CHANNELS) {
        int8_t *block = weights + oc / KWS_NN_PAIRED_CHANNELS * block_bytes;
        int32_t *start = (int32_t *)(void *)block;
        kws_nn_rescale_t *rescale =
            (kws_nn_rescale_t *)(void *)(block + KWS_NN_PAIRED_CHANNELS * (sizeof(int32_t) + inputs));
        for (uint32_t i = 0; i < KWS_NN_PAIRED_CHANNELS; ++i) {
            const uint32_t shift = zero ? 8u + random_below(3) : 8u + random_below(15);
            random_rescale(&rescale[i], layer, shift);
            start[i] = random_start(shift) >> ((i % 2u == 0u) ? 8 : 0);
        }
    }
}

static void random_stencil_weights(const kws_nn_layer_t *layer)
{
    const bool zero = random_below(2) == 0;
    random_weights(kws_nn_stencil_weights_bytes(layer), zero);
    kws_nn_stencil_t *stencils = (kws_nn_stencil_t *)(void *)weights;
    for (uint32_t c = 0; c < layer->output_channels; ++c) {
        const uint32_t shift = zero ? 8u + random_below(3) : 8u + random_below(15);
        random_rescale(&stencils[c].rescale, layer, shift);
        stencils[c].start = random_start(shift);
        stencils[c].lower[1][0] = stencils[c].lower[0][1];
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
    random_activation(&layer);
    return layer;
}

static bool paired_agrees(void)
{
    const kws_nn_layer_t layer = random_paired_layer();
    random_paired_weights(&layer);
    return kws_nn_paired_fits(&layer) && kws_nn_paired_scratch_bytes(&layer) <= sizeof scratch &&
           agree(kws_nn_paired_row_plain, kws_nn_paired_row_dsp, &layer);
}

static bool stencil_agrees(void)
{
    kws_nn_layer_t layer = {.weights = weights,
                            .weight_layout = KWS_NN_LAYOUT_STENCIL,
                            .kernel_height = KWS_NN_STENCIL_SIZE,
                            .kernel_width = KWS_NN_STENCIL_SIZE,
                            .stride_width = 1};
    layer.output_width = (uint16_t)(1 + random_below(12));
    layer.output_channels = (uint16_t)(4 * (1 + random_below(18)));
    layer.input_channels = layer.output_channels;
    layer.input_width = (uint16_t)(layer.output_width + KWS_NN_STENCIL_SIZE - 1);
    random_activation(&layer);
    random_stencil_weights(&layer);
    return kws_nn_stencil_fits(&layer) && kws_nn_stencil_scratch_bytes(&layer) <= sizeof scratch &&
           agree(kws_nn_stencil_row_plain, kws_nn_stencil_row_dsp, &layer);
}

/* Weights as TFLite stores them, and a channel table that keeps outputs between always low and always high. */
static void random_compact(kws_nn_layer_t *layer, uint32_t size_bytes)
{
    static kws_nn_channel_t channels[80];
    fill(weights, size_bytes);
    for (uint32_t c = 0; c < layer->output_channels; ++c) {
        channels[c].bias = (int32_t)random_below(1u << 14) - (1 << 13);
        channels[c].multiplier = (int32_t)(0x40000000u | random_bits() >> 2);
        channels[c].shift = -(int32_t)(4 + random_below(7));
    }
    layer->channels = channels;
    random_activation(layer);
}

static void random_quads_weights(const kws_nn_layer_t *layer)
{
    const uint32_t taps = kws_nn_quads_taps(layer);
    random_weights(kws_nn_quads_weights_bytes(layer), random_below(2) == 0);
    for (uint32_t c = 0; c < layer->output_channels; ++c) {
        int8_t *group = weights + c / 4u * kws_nn_quads_group_bytes(taps);
        kws_nn_rescale_t *rescale = (kws_nn_rescale_t *)(void *)(group + 4u * (sizeof(int32_t) + taps));
        const uint32_t shift = 8u + random_below(8);
        random_rescale(&rescale[c % 4u], layer, shift);
        ((int32_t *)(void *)group)[c % 4u] = random_start(shift) >> 8;
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
    random_activation(&layer);
    random_quads_weights(&layer);
    return kws_nn_quads_fits(&layer) && kws_nn_quads_scratch_bytes(&layer) <= sizeof scratch &&
           agree(kws_nn_quads_row_plain, kws_nn_quads_row_dsp, &layer);
}

static bool dense_agrees(void)
{
    kws_nn_layer_t layer = {.weights = weights, .weight_layout = KWS_NN_LAYOUT_COMPACT};
    layer.kernel_height = (uint16_t)(1 + random_below(4));
    layer.kernel_width = 1;
    layer.input_width = 1;
    layer.input_channels =
        (uint16_t)(random_below(3) == 0 ? 1 + random_below(100) : 4 * (1 + random_below(25)));
    layer.output_width = 1;
    layer.output_channels = (uint16_t)(1 + random_below(16));
    random_compact(&layer, kws_nn_weights_bytes(&layer));
    return agree(kws_nn_dense_row_plain, kws_nn_dense_row_dsp, &layer);
}

static bool pool_agrees(void)
{
    kws_nn_layer_t layer = {.stride_width = 1};
    const uint32_t pad_left = random_below(2);
    layer.kernel_width = (uint16_t)(2 + random_below(4));
    layer.input_width = (uint16_t)(layer.kernel_width + random_below(4));
    layer.input_channels = (uint16_t)(1 + random_below(64));
    layer.output_channels = layer.input_channels;
    layer.output_width = (uint16_t)(layer.input_width + pad_left - layer.kernel_width + 1);
    const uint32_t values = (uint32_t)layer.output_width * layer.output_channels;
    int16_t *sums = (int16_t *)(void *)weights;
    fill(input_rows, sizeof input_rows);
    memset(weights, GUARD, sizeof weights);
    kws_nn_pool_row_plain(&layer, pad_left, input_rows[0], sums);
    kws_nn_pool_row_dsp(&layer, pad_left, input_rows[0], sums + values);
    return memcmp(sums, sums + values, values * sizeof *sums) == 0;
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
    const bool quads = all_agree("quads", quads_agrees);
    const bool dense = all_agree("dense", dense_agrees);
    const bool pool = all_agree("pool", pool_agrees);
    return paired && stencil && quads && dense && pool ? 0 : 1;
}
