/* Inside stage 3: what the reader and the engine both derive from a layer record. Inline, because the engine asks
 * for every row. Not part of the public API. */
#ifndef KWS_MODEL_LAYER_H
#define KWS_MODEL_LAYER_H

#include "kws_model.h"
#include "nn/nn.h"

/* The record as the kernels see it. */
static inline kws_nn_layer_t kws_model_kernel_view(const uint8_t *section, const kws_model_layer_t *record)
{
    const uint32_t padding =
        (record->op == KWS_MODEL_AVERAGE_POOL) ? 0u : (uint32_t)record->pad_left + record->pad_right;
    return (kws_nn_layer_t){
        .weights = (const int8_t *)section + record->weights_offset,
        .channels = (record->channels_offset == 0u)
                        ? NULL
                        : (const kws_nn_channel_t *)(const void *)(section + record->channels_offset),
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
}

/* Bytes of an input row with its padding columns, a multiple of 4. */
static inline uint32_t kws_model_row_bytes(const kws_model_layer_t *record)
{
    const uint32_t columns = (uint32_t)record->pad_left + record->input_width + record->pad_right;
    return (columns * record->input_channels + 3u) & ~3u;
}

/* Values in an output row. */
static inline uint32_t kws_model_output_values(const kws_model_layer_t *record)
{
    return (uint32_t)record->output_width * record->output_channels;
}

/* Input rows that a layer other than an average pool keeps; 0: its one row lies in scratch. */
static inline uint32_t kws_model_ring_rows(const kws_model_layer_t *record)
{
    const bool one_bare_row =
        record->kernel_height == 1u && record->pad_left == 0u && record->pad_right == 0u;
    return one_bare_row ? 0u : record->kernel_height;
}

/* Rows of column sums that an average pool keeps: those in its running sums, as they will have to leave them again.
 * None when windows do not overlap. */
static inline uint32_t kws_model_pool_rows(const kws_model_layer_t *record, bool streaming)
{
    const bool emits_once = !streaming && record->output_height == 1u;
    return (record->kernel_height > record->stride_height && !emits_once) ? record->kernel_height : 0u;
}

/* Bytes of a row of column sums, a multiple of 4: int8 when there is but one column to sum, else int16. */
static inline uint32_t kws_model_pool_row_bytes(const kws_model_layer_t *record)
{
    const uint32_t value_bytes = (record->kernel_width == 1u) ? sizeof(int8_t) : sizeof(int16_t);
    return (kws_model_output_values(record) * value_bytes + 3u) & ~3u;
}

#endif
