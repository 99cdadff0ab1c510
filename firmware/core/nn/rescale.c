#include "rescale.h"

#include "requantize.h"

enum {
    LOWEST_SHIFT = KWS_NN_RESCALE_FRACTION + 1,
    HIGHEST_SHIFT = KWS_NN_RESCALE_FRACTION + 15,
    FRACTION_HALF = 1 << (KWS_NN_RESCALE_FRACTION - 1)
};

bool kws_nn_rescale_fits(const kws_nn_rescale_t *self, const kws_nn_layer_t *layer)
{
    return self->multiplier >= 0 && self->shift >= LOWEST_SHIFT && self->shift <= HIGHEST_SHIFT &&
           self->rounding == FRACTION_HALF + (2 * layer->output_zero_point + 1) * (1 << (self->shift - 1));
}

bool kws_nn_rescale_is_simple(const kws_nn_layer_t *layer)
{
    return layer->output_zero_point == -128 && layer->output_min == -128 && layer->output_max == 127;
}

int8_t kws_nn_rescale(int32_t accumulator_256, const kws_nn_rescale_t *self, const kws_nn_layer_t *layer)
{
    const int32_t high = (int32_t)(((int64_t)accumulator_256 * self->multiplier) >> 32);
    const int32_t product = (high + FRACTION_HALF) >> KWS_NN_RESCALE_FRACTION;
    const int32_t output =
        kws_nn_shift_right(product, self->shift - KWS_NN_RESCALE_FRACTION) + layer->output_zero_point;
    return (int8_t)kws_nn_clamp(output, layer->output_min, layer->output_max);
}
