/* Armv7E-M: sums of pool columns, four channels at a time. */
#if defined(__ARM_FEATURE_DSP)

#include "nn.h"
#include "simd_dsp.h"

/* Four channels over num_columns columns. */
static void sum_channels(const int8_t *input, uint32_t num_columns, uint32_t step, int16_t *sums)
{
    int16x2_t even = 0; /* channels 0 and 2 */
    int16x2_t odd = 0;  /* channels 1 and 3 */
    for (uint32_t i = 0u; i < num_columns; ++i) {
        const int8x4_t word = kws_load_bytes(input);
        even = __sxtab16(even, word);
        odd = kws_add_odd_bytes(odd, word);
        input += step;
    }
    const uint32_t in_order[2] = {((uint32_t)even & 0xFFFFu) | (uint32_t)odd << 16,
                                  (uint32_t)even >> 16 | ((uint32_t)odd & 0xFFFF0000u)};
    memcpy(sums, in_order, sizeof in_order);
}

void kws_nn_pool_row_dsp(const kws_nn_layer_t *layer, uint32_t pad_left, const int8_t *input, int16_t *sums)
{
    const uint32_t num_channels = layer->input_channels;
    if (num_channels % 4u != 0u) {
        kws_nn_pool_row_plain(layer, pad_left, input, sums);
        return;
    }
    for (uint32_t x = 0u; x < layer->output_width; ++x) {
        const kws_nn_columns_t columns = kws_nn_pool_columns(layer, pad_left, x);
        for (uint32_t c = 0u; c < num_channels; c += 4u) {
            sum_channels(input + columns.first * num_channels + c, columns.end - columns.first, num_channels,
                         sums);
            sums += 4;
        }
    }
}

#else
typedef int kws_nn_pool_dsp_is_empty_t; /* a translation unit needs something in it */
#endif
