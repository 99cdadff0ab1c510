/* Armv7E-M: dense layer, four inputs at a time. */
#if defined(__ARM_FEATURE_DSP)

#include "requantize.h"
#include "select.h"
#include "simd_dsp.h"

/* Two outputs at a time: the inputs are unpacked once for both. */
typedef struct {
    int32_t first;
    int32_t second;
} sums_t;

/* sums + the products of the inputs with the weights of either output, length a multiple of four. */
static inline sums_t add_products(sums_t sums, const int8_t *inputs, const int8_t *first,
                                  const int8_t *second, uint32_t length)
{
#pragma GCC unroll 2
    for (const int8_t *end = inputs + length; inputs != end; inputs += 4) {
        const int8x4_t in = kws_load_bytes(inputs);
        const int8x4_t a = kws_load_bytes(first);
        const int8x4_t b = kws_load_bytes(second);
        const int16x2_t in_even = __sxtb16(in);
        const int16x2_t in_odd = kws_odd_bytes(in);
        sums.first = __smlad(__sxtb16(a), in_even, sums.first);
        sums.second = __smlad(__sxtb16(b), in_even, sums.second);
        sums.first = __smlad(kws_odd_bytes(a), in_odd, sums.first);
        sums.second = __smlad(kws_odd_bytes(b), in_odd, sums.second);
        first += 4;
        second += 4;
    }
    return sums;
}

void kws_nn_dense_row_dsp(const kws_nn_layer_t *layer, const int8_t *const *rows, int8_t *output,
                          void *scratch)
{
    const uint32_t row_length = layer->input_channels;
    if (row_length % 4u != 0u) {
        kws_nn_dense_row_plain(layer, rows, output, scratch);
        return;
    }
    const uint32_t inputs = layer->kernel_height * row_length;
    for (uint32_t oc = 0u; oc < layer->output_channels; oc += 2u) {
        /* The last of an odd number is computed twice. */
        const uint32_t other = (oc + 1u < layer->output_channels) ? oc + 1u : oc;
        const kws_nn_channel_t *channels = layer->channels;
        const int8_t *first = layer->weights + oc * inputs;
        const int8_t *second = layer->weights + other * inputs;
        sums_t sums = {channels[oc].bias, channels[other].bias};
        for (uint32_t y = 0u; y < layer->kernel_height; ++y) {
            sums = add_products(sums, rows[y], first + y * row_length, second + y * row_length, row_length);
        }
        output[oc] = kws_nn_requantize_once(sums.first, &channels[oc], layer);
        output[other] = kws_nn_requantize_once(sums.second, &channels[other], layer);
    }
}

#else
typedef int kws_nn_dense_dsp_is_empty_t; /* a translation unit needs something in it */
#endif
