/* SPDX-License-Identifier: Apache-2.0 */
/* Inside stage 3: what the reader and the engine both derive from a layer record. Inline, because the engine asks
 * for every row. Not part of the public API. */
#ifndef KWS_MODEL_LAYER_H
#define KWS_MODEL_LAYER_H

#include "kws_model.h"
#include "nn/depthwise_stencil.h"
#include "nn/nn.h"

/* Sums rows up as they come instead of keeping them. */
static inline bool kws_model_sums_rows(const kws_model_layer_t *record)
{
    return (record->op | 4u) ==
           7u; /* average pool (3) and mean (7), in one comparison: asked for every row */
}

static inline bool kws_model_is_join(const kws_model_layer_t *record)
{
    return record->op == KWS_MODEL_ADD || record->op == KWS_MODEL_CONCAT;
}

/* The record as the kernels see it. */
static inline kws_nn_layer_t kws_model_kernel_view(const uint8_t *section, const kws_model_layer_t *record)
{
    const uint32_t padding =
        kws_model_sums_rows(record) ? 0u : (uint32_t)record->pad_left + record->pad_right;
    return (kws_nn_layer_t){
        .weights = (const int8_t *)section + record->weights_offset,
        .channels = (record->channels_offset == 0u)
                        ? NULL
                        : (const kws_nn_channel_t *)(const void *)(section + record->channels_offset),
        .input_channels = record->input_channels,
        .output_height = record->output_height,
        .output_width = record->output_width,
        .output_channels = record->output_channels,
        .kernel_height = record->kernel_height,
        .kernel_width = record->kernel_width,
        .input_zero_point = record->input_zero_point,
        .output_zero_point = record->output_zero_point,
        .output_min = record->output_min,
        .output_max = record->output_max,
        .stride_width = record->stride_width,
        .input_width = (uint16_t)(record->input_width + padding),
        .weight_layout = record->weight_layout};
}

/* Reads channel pairs (nn.h) in the place of rows. */
static inline bool kws_model_reads_pairs(const kws_model_layer_t *record)
{
    return record->weight_layout == KWS_NN_LAYOUT_STENCIL;
}

/* Columns of an input row in a ring, of padding too. */
static inline uint32_t kws_model_row_columns(const kws_model_layer_t *record)
{
    const uint32_t columns = (uint32_t)record->pad_left + record->input_width + record->pad_right;
    return kws_model_reads_pairs(record) ? kws_nn_stencil_columns(columns) : columns;
}

/* Bytes of an input row with its padding columns, a multiple of 4. */
static inline uint32_t kws_model_row_bytes(const kws_model_layer_t *record)
{
    return (kws_model_row_columns(record) * record->input_channels + 3u) & ~3u;
}

/* What the padding of a ring holds. */
static inline int32_t kws_model_padding(const kws_model_layer_t *record)
{
    return record->input_zero_point + (kws_model_reads_pairs(record) ? KWS_NN_STENCIL_OFFSET : 0);
}

/* Values in an input row, without padding. */
static inline uint32_t kws_model_input_values(const kws_model_layer_t *record)
{
    return (uint32_t)record->input_width * record->input_channels;
}

/* Values in an output row. */
static inline uint32_t kws_model_output_values(const kws_model_layer_t *record)
{
    return (uint32_t)record->output_width * record->output_channels;
}

/* Time steps from one row of the kernel to the next. */
static inline uint32_t kws_model_dilation(const kws_model_layer_t *record)
{
    return (record->dilation_height == 0u) ? 1u : record->dilation_height;
}

/* Time steps that the kernel spans. */
static inline uint32_t kws_model_span_rows(const kws_model_layer_t *record)
{
    return (record->dilation_height <= 1u) ? record->kernel_height
                                           : (record->kernel_height - 1u) * record->dilation_height + 1u;
}

/* Rows that must come before the first output. */
static inline uint16_t kws_model_first_wait(const kws_model_layer_t *record)
{
    return (uint16_t)(kws_model_span_rows(record) - record->pad_top + record->skip_rows);
}

/* Whether a layer that neither sums nor joins keeps its input rows. */
static inline bool kws_model_has_ring(const kws_model_layer_t *record)
{
    return record->kernel_height > 1u || (record->pad_left | record->pad_right) != 0;
}

/* Whether a layer keeps rows as they are. */
static inline bool kws_model_keeps_rows(const kws_model_layer_t *record)
{
    return !kws_model_is_join(record) && !kws_model_sums_rows(record) && kws_model_has_ring(record);
}

/* Input rows that a layer keeps that neither sums nor joins; 0: its one row lies in scratch. */
static inline uint32_t kws_model_ring_rows(const kws_model_layer_t *record)
{
    return kws_model_has_ring(record) ? kws_model_span_rows(record) : 0u;
}

/* How many layers before this one its input (0) or the second input of a join (1) is. */
static inline uint32_t kws_model_back(const kws_model_layer_t *record, uint32_t port)
{
    return (port == 1u) ? record->second_back : ((record->first_back == 0u) ? 1u : record->first_back);
}

/* Whether others than the next layer read layer `index`. */
static inline bool kws_model_is_shared(const kws_model_config_t *config, uint32_t index)
{
    return ((config->shared >> index) & 1u) != 0u;
}

/* Channels of the second input of a join. */
static inline uint32_t kws_model_second_channels(const kws_model_layer_t *record)
{
    return (record->op == KWS_MODEL_CONCAT) ? (uint32_t)record->output_channels - record->input_channels
                                            : record->input_channels;
}

/* At ring_offset of a join: rows that wait for their partners, oldest first, in a ring per input. */
typedef struct {
    uint32_t rows_offset[2]; /* in kws_model_t.memory */
    uint8_t oldest[2];       /* slot */
    uint8_t waiting[2];      /* rows */
} kws_model_queues_t;

static inline uint32_t kws_model_queue_rows(const kws_model_layer_t *record, uint32_t port)
{
    return (port == 0u) ? record->first_queue : record->second_queue;
}

/* Values in a row of one input of a join. */
static inline uint32_t kws_model_join_values(const kws_model_layer_t *record, uint32_t port)
{
    return (uint32_t)record->input_width *
           ((port == 0u) ? record->input_channels : kws_model_second_channels(record));
}

static inline uint32_t kws_model_queue_row_bytes(const kws_model_layer_t *record, uint32_t port)
{
    return (kws_model_join_values(record, port) + 3u) & ~3u;
}

/* Bytes of a join's queues. */
static inline uint32_t kws_model_queues_bytes(const kws_model_layer_t *record)
{
    uint32_t bytes = (uint32_t)sizeof(kws_model_queues_t);
    for (uint32_t port = 0u; port < 2u; ++port) {
        bytes += kws_model_queue_rows(record, port) * kws_model_queue_row_bytes(record, port);
    }
    return bytes;
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

/* Window models: whether windows overlap, so that their frames have to be kept. */
static inline bool kws_model_keeps_frames(const kws_model_config_t *config)
{
    return !config->streaming && config->decision_frames < config->window_frames;
}

static inline kws_model_layer_state_t *kws_model_state(const kws_model_t *self, uint32_t index)
{
    return (kws_model_layer_state_t *)(void *)self->memory + index;
}

/* In memory: the newest output row of a shared layer. */
static inline uint32_t kws_model_shared_offset(const kws_model_t *self, uint32_t index)
{
    const kws_model_layer_t *record = &self->config->layers[index];
    const uint32_t sums_bytes =
        kws_model_sums_rows(record) ? kws_model_output_values(record) * (uint32_t)sizeof(int32_t) : 0u;
    return kws_model_state(self, index)->sums_offset + sums_bytes;
}

/* Connects the layers of a section whose records were checked: fills in is_chain and shared. False: they do not fit. */
bool kws_model_graph_fits(kws_model_config_t *self);

/* Lets rows flow through a graph, without values: does every one find room, and is there an output? */
bool kws_model_rows_meet(const kws_model_config_t *config);

static inline uint16_t kws_model_next_slot(uint16_t slot, uint32_t num_slots)
{
    return (uint16_t)((slot + 1u >= num_slots) ? 0u : slot + 1u);
}

/* The engine's steps, in kws_model_rows.c; their comments are there. */
int8_t *kws_model_input_row(const kws_model_t *self, uint32_t index);
int8_t *kws_model_passing_row(const kws_model_t *self, uint32_t index);
const int8_t *kws_model_place_row(kws_model_t *self, uint32_t index, const int8_t *values);
bool kws_model_layer_step(kws_model_t *self, uint32_t index, const int8_t *newest, int8_t *output);
void kws_model_emit(kws_model_t *self, uint32_t index, const int8_t *output);

/* kws_model_feed for graphs: one pass down the table. */
bool kws_model_feed_graph(kws_model_t *self, uint32_t start, const int8_t *values);

/* Gives layer `index` its next input row, of padding when values is NULL, and runs it as far as it goes. True when the
 * model gave its output. Layer 0 and no padding: a frame, for every layer that reads frames. */
bool kws_model_feed(kws_model_t *self, uint32_t index, const int8_t *values);

/* The output of the model after kws_model_feed said true. */
const int8_t *kws_model_output(const kws_model_t *self);

#endif
