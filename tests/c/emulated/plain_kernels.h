/* SPDX-License-Identifier: Apache-2.0 */
/* The plain C kernels under names of their own, so that one program holds both versions. */
#ifndef PLAIN_KERNELS_H
#define PLAIN_KERNELS_H

#include "nn/nn.h"

kws_nn_kernel_t plain_conv_paired_row;
kws_nn_kernel_t plain_depthwise_quads_row;
kws_nn_kernel_t plain_depthwise_stencil_row;
void plain_separable_row(const kws_nn_layer_t *stencil, const kws_nn_pointwise_t *pointwise,
                         const int8_t *const *rows, int8_t *output, void *scratch);
void plain_pool_row(const kws_nn_layer_t *layer, uint32_t pad_left, const int8_t *input, int32_t *sums,
                    void *kept);

#endif
