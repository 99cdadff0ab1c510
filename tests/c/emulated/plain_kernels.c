/* SPDX-License-Identifier: Apache-2.0 */
#define KWS_PLAIN
#define kws_nn_conv_paired_row       plain_conv_paired_row
#define kws_nn_conv_paired_gather    plain_conv_paired_gather
#define kws_nn_depthwise_quads_row   plain_depthwise_quads_row
#define kws_nn_depthwise_row         plain_depthwise_stencil_row /* as a separable row calls it */
#define kws_nn_depthwise_stencil_row plain_depthwise_stencil_row
#define kws_nn_pointwise_row         plain_conv_paired_row
#define kws_nn_mean_finish           plain_mean_finish
#define kws_nn_pair_row              plain_pair_row
#define kws_nn_paired_scratch_bytes  plain_paired_scratch_bytes
#define kws_nn_paired_weights_bytes  plain_paired_weights_bytes
#define kws_nn_pool_columns          plain_pool_columns
#define kws_nn_pool_finish           plain_pool_finish
#define kws_nn_pool_general_row      plain_pool_general_row
#define kws_nn_pool_row              plain_pool_row
#define kws_nn_quads_weights_bytes   plain_quads_weights_bytes
#define kws_nn_separable_row         plain_separable_row
#define kws_nn_stencil_scratch_bytes plain_stencil_scratch_bytes
#define kws_nn_stencil_weights_bytes plain_stencil_weights_bytes

#include "plain_kernels.h"

#include "nn/conv_paired.c"
#include "nn/depthwise_quads.c"
#include "nn/depthwise_stencil.c"
#include "nn/pool.c"

#if KWS_SIMD
#error "these are not the plain kernels"
#endif
