/* SPDX-License-Identifier: Apache-2.0 */
#include "conv_paired.h"
#include "depthwise_quads.h"
#include "depthwise_stencil.h"
#include "nn.h"

uint32_t kws_nn_scratch_bytes(const kws_nn_layer_t *layer)
{
    switch (layer->weight_layout) {
    case KWS_NN_LAYOUT_PAIRED: return kws_nn_paired_scratch_bytes(layer);
    case KWS_NN_LAYOUT_STENCIL: return kws_nn_stencil_scratch_bytes(layer);
    case KWS_NN_LAYOUT_QUADS: return kws_nn_quads_scratch_bytes(layer);
    default: return 0u;
    }
}

uint32_t kws_nn_weights_bytes(const kws_nn_layer_t *layer)
{
    switch (layer->weight_layout) {
    case KWS_NN_LAYOUT_COMPACT:
        return (uint32_t)layer->kernel_height * layer->kernel_width * layer->input_channels *
               layer->output_channels;
    case KWS_NN_LAYOUT_PAIRED: return kws_nn_paired_weights_bytes(layer);
    default: return 0u;
    }
}

uint32_t kws_nn_depthwise_weights_bytes(const kws_nn_layer_t *layer)
{
    switch (layer->weight_layout) {
    case KWS_NN_LAYOUT_COMPACT:
        return (uint32_t)layer->kernel_height * layer->kernel_width * layer->output_channels;
    case KWS_NN_LAYOUT_STENCIL: return kws_nn_stencil_weights_bytes(layer);
    case KWS_NN_LAYOUT_QUADS: return kws_nn_quads_weights_bytes(layer);
    default: return 0u;
    }
}
