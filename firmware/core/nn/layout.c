#include "nn.h"

uint32_t kws_nn_scratch_bytes(const kws_nn_layer_t *layer)
{
    (void)layer; /* no kernel needs any yet */
    return 0u;
}

uint32_t kws_nn_weights_bytes(const kws_nn_layer_t *layer)
{
    if (layer->weight_layout != KWS_NN_LAYOUT_COMPACT) {
        return 0u;
    }
    return (uint32_t)layer->kernel_height * layer->kernel_width * layer->input_channels *
           layer->output_channels;
}

uint32_t kws_nn_depthwise_weights_bytes(const kws_nn_layer_t *layer)
{
    if (layer->weight_layout != KWS_NN_LAYOUT_COMPACT) {
        return 0u;
    }
    return (uint32_t)layer->kernel_height * layer->kernel_width * layer->output_channels;
}
