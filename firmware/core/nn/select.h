/* The one place that chooses between the plain C kernels and their Armv7E-M versions (same bits, other
 * speed). */
#ifndef KWS_NN_SELECT_H
#define KWS_NN_SELECT_H

#include "nn.h"

#define kws_nn_conv_row      kws_nn_conv_row_plain
#define kws_nn_pointwise_row kws_nn_pointwise_row_plain
#define kws_nn_depthwise_row kws_nn_depthwise_row_plain
#define kws_nn_dense_row     kws_nn_dense_row_plain

#endif
