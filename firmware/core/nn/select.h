/* The one place that chooses between the plain C kernels and their Armv7E-M versions (same bits, other
 * speed). */
#ifndef KWS_NN_SELECT_H
#define KWS_NN_SELECT_H

#include "nn.h"
#include "paired.h"
#include "quads.h"
#include "stencil.h"

#define kws_nn_conv_row      kws_nn_conv_row_plain
#define kws_nn_pointwise_row kws_nn_pointwise_row_plain
#define kws_nn_depthwise_row kws_nn_depthwise_row_plain
#define kws_nn_dense_row     kws_nn_dense_row_plain

#if defined(__ARM_FEATURE_DSP)
#define kws_nn_quads_row   kws_nn_quads_row_dsp
#define kws_nn_pool_row    kws_nn_pool_row_dsp
#define kws_nn_paired_row  kws_nn_paired_row_dsp
#define kws_nn_stencil_row kws_nn_stencil_row_dsp
#else
#define kws_nn_quads_row   kws_nn_quads_row_plain
#define kws_nn_pool_row    kws_nn_pool_row_plain
#define kws_nn_paired_row  kws_nn_paired_row_plain
#define kws_nn_stencil_row kws_nn_stencil_row_plain
#endif

#endif
