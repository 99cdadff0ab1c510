/* int32 accumulator -> int8 for the weight layouts of the Armv7E-M kernels: TFLite's two roundings in one
 * multiply-accumulate. */
#ifndef KWS_NN_RESCALE_H
#define KWS_NN_RESCALE_H

#include <stdbool.h>

#include "nn.h"

/* True when the constants are what kws_nn_rescale_t says. */
bool kws_nn_rescale_fits(const kws_nn_rescale_t *self, const kws_nn_layer_t *layer);

/* True when the layer clamps to all of int8 at zero point -128, as a ReLU does: the formula above, saturated to
 * int8, is all there is to do. */
bool kws_nn_rescale_is_simple(const kws_nn_layer_t *layer);

/* One output, for any clamp and zero point. */
int8_t kws_nn_rescale(int32_t accumulator_256, const kws_nn_rescale_t *self, const kws_nn_layer_t *layer);

#endif
