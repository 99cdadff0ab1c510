/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine calls: each operation goes to the kernel for the layout that its weights have. */
#include "conv_paired.h"
#include "depthwise_quads.h"
#include "depthwise_stencil.h"
#include "nn.h"

void kws_nn_conv_row(const kws_nn_layer_t *layer, const int8_t *const *rows, int8_t *output, void *scratch)
{
    if (layer->weight_layout == KWS_NN_LAYOUT_PAIRED) {
        kws_nn_conv_paired_row(layer, rows, output, scratch);
    } else {
        kws_nn_conv_compact_row(layer, rows, output, scratch);
    }
}

void kws_nn_pointwise_row(const kws_nn_layer_t *layer, const int8_t *const *rows, int8_t *output,
                          void *scratch)
{
    if (layer->weight_layout == KWS_NN_LAYOUT_PAIRED) {
        kws_nn_conv_paired_row(layer, rows, output, scratch);
    } else {
        kws_nn_conv_compact_row(layer, rows, output, scratch);
    }
}

void kws_nn_dense_row(const kws_nn_layer_t *layer, const int8_t *const *rows, int8_t *output, void *scratch)
{
    if (layer->weight_layout == KWS_NN_LAYOUT_PAIRED) {
        kws_nn_conv_paired_row(layer, rows, output, scratch);
    } else {
        kws_nn_dense_compact_row(layer, rows, output, scratch);
    }
}

void kws_nn_depthwise_row(const kws_nn_layer_t *layer, const int8_t *const *rows, int8_t *output,
                          void *scratch)
{
    switch (layer->weight_layout) {
    case KWS_NN_LAYOUT_STENCIL: kws_nn_depthwise_stencil_row(layer, rows, output, scratch); break;
    case KWS_NN_LAYOUT_QUADS: kws_nn_depthwise_quads_row(layer, rows, output, scratch); break;
    default: kws_nn_depthwise_compact_row(layer, rows, output, scratch); break;
    }
}
