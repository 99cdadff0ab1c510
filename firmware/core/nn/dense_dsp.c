/* Armv7E-M: dense layer, four inputs at a time. */
#if defined(__ARM_FEATURE_DSP)

#include "requantize.h"
#include "select.h"
#include "simd_dsp.h"

/* sum + the products of a and b, length a multiple of four. */
static inline int32_t add_products(int32_t sum, const int8_t *a, const int8_t *b, uint32_t length)
{
#pragma GCC unroll 2
    for (const int8_t *end = a + length; a != end; a += 4) {
        const int8x4_t a_bytes = kws_load_bytes(a);
        const int8x4_t b_bytes = kws_load_bytes(b);
        sum = __smlad(__sxtb16(a_bytes), __sxtb16(b_bytes), sum);
        sum = __smlad(kws_odd_bytes(a_bytes), kws_odd_bytes(b_bytes), sum);
        b += 4;
    }
    return sum;
}

void kws_nn_dense_row_dsp(const kws_nn_layer_t *layer, const int8_t *const *rows, int8_t *output,
                          void *scratch)
{
    const uint32_t row_length = layer->input_channels;
    if (row_length % 4u != 0u) {
        kws_nn_dense_row_plain(layer, rows, output, scratch);
        return;
    }
    const int8_t *weights = layer->weights;
    for (uint32_t oc = 0u; oc < layer->output_channels; ++oc) {
        const kws_nn_channel_t *channel = &layer->channels[oc];
        int32_t sum = channel->bias;
        for (uint32_t y = 0u; y < layer->kernel_height; ++y) {
            sum = add_products(sum, rows[y], weights, row_length);
            weights += row_length;
        }
        output[oc] = kws_nn_requantize_once(sum, channel, layer);
    }
}

#else
typedef int kws_nn_dense_dsp_is_empty_t; /* a translation unit needs something in it */
#endif
