#include "kws_model_layer.h"

kws_nn_layer_t kws_model_kernel_view(const uint8_t *section, const kws_model_layer_t *record)
{
    const uint32_t padding =
        (record->op == KWS_MODEL_AVERAGE_POOL) ? 0u : record->pad_left + record->pad_right;
    kws_nn_layer_t layer = {.weights = (const int8_t *)section + record->weights_offset,
                            .channels =
                                (const kws_nn_channel_t *)(const void *)(section + record->channels_offset),
                            .kernel_height = record->kernel_height,
                            .kernel_width = record->kernel_width,
                            .stride_width = record->stride_width,
                            .input_width = (uint16_t)(record->input_width + padding),
                            .input_channels = record->input_channels,
                            .output_width = record->output_width,
                            .output_channels = record->output_channels,
                            .output_zero_point = record->output_zero_point,
                            .output_min = record->output_min,
                            .output_max = record->output_max,
                            .weight_layout = record->weight_layout};
    if (record->op == KWS_MODEL_DENSE) { /* a flat row is one column */
        layer.input_channels = (uint16_t)(record->input_width * record->input_channels);
        layer.input_width = 1u;
        layer.kernel_width = 1u;
    }
    return layer;
}

uint32_t kws_model_ring_rows(const kws_model_layer_t *record, bool streaming)
{
    const bool emits_once = !streaming && record->output_height == 1u;
    const bool overlaps = record->kernel_height > record->stride_height && !emits_once;
    return (record->op != KWS_MODEL_AVERAGE_POOL || overlaps) ? record->kernel_height - 1u : 0u;
}

uint32_t kws_model_row_bytes(const kws_model_layer_t *record)
{
    const uint32_t columns = (uint32_t)record->pad_left + record->input_width + record->pad_right;
    return (columns * record->input_channels + 3u) & ~3u;
}

uint32_t kws_model_ring_row_bytes(const kws_model_layer_t *record)
{
    if (record->op != KWS_MODEL_AVERAGE_POOL) {
        return kws_model_row_bytes(record);
    }
    const uint32_t value_bytes = (record->kernel_width == 1u) ? sizeof(int8_t) : sizeof(int16_t);
    return (kws_model_output_values(record) * value_bytes + 3u) & ~3u;
}

uint32_t kws_model_output_values(const kws_model_layer_t *record)
{
    return (uint32_t)record->output_width * record->output_channels;
}
