/* SPDX-License-Identifier: Apache-2.0 */
/* Stage 3, the engine itself: a row comes in, every layer it reaches takes its step. */
#include <string.h>

#include "kws_model_layer.h"

/* Where the next input row of layer `index`, no join, goes; index == num_layers: the output of the model. */
static inline int8_t *input_row(const kws_model_t *self, uint32_t index)
{
    const kws_model_config_t *config = self->config;
    const kws_model_layer_t *record = &config->layers[index];
    if (index < config->num_layers && !kws_model_sums_rows(record) && kws_model_has_ring(record)) {
        const kws_model_layer_state_t *state = kws_model_state(self, index);
        return (int8_t *)self->memory + state->ring_offset + state->next_slot * kws_model_row_bytes(record) +
               (uint32_t)record->pad_left * record->input_channels;
    }
    /* A row without a ring lives until its one reader has run: two places, used in turns. */
    return (int8_t *)self->scratch + ((index % 2u == 0u) ? 0u : config->row_bytes[0]);
}

/* The rows under a dilated kernel, from `row` on, of the ring that begins at `first`. */
static void list_dilated_rows(const kws_model_layer_t *record, const int8_t *first, const int8_t *row,
                              const int8_t **rows)
{
    const uint32_t row_bytes = kws_model_row_bytes(record);
    const int8_t *end = first + kws_model_span_rows(record) * row_bytes;
    for (uint32_t ky = 0u; ky < record->kernel_height; ++ky) {
        rows[ky] = row;
        for (uint32_t i = 0u; i < record->dilation_height; ++i) {
            row = (row + row_bytes == end) ? first : row + row_bytes;
        }
    }
}

/* The rows under the kernel, oldest first: those of its ring, or the one that has none. */
static void list_rows(const kws_model_t *self, const kws_model_layer_t *record,
                      const kws_model_layer_state_t *state, const int8_t *newest, const int8_t **rows)
{
    if (!kws_model_has_ring(record)) {
        rows[0] = newest;
        return;
    }
    const uint32_t row_bytes = kws_model_row_bytes(record);
    const int8_t *first = (const int8_t *)self->memory + state->ring_offset;
    const int8_t *end = first + kws_model_span_rows(record) * row_bytes;
    const int8_t *row = first + state->next_slot * row_bytes;
    if (record->dilation_height > 1u) {
        list_dilated_rows(record, first, row, rows);
        return;
    }
    for (uint32_t ky = 0u; ky < record->kernel_height; ++ky) {
        rows[ky] = row;
        row = (row + row_bytes == end) ? first : row + row_bytes;
    }
}

/* Rows of the pool's window that are not padding. */
static uint32_t rows_inside(const kws_model_layer_t *record, const kws_model_layer_state_t *state)
{
    if (record->pad_top == 0u && record->pad_bottom == 0u) {
        return record->kernel_height;
    }
    const uint32_t start =
        (uint32_t)state->output_row * record->stride_height; /* from the top of the padding */
    const uint32_t end = start + record->kernel_height - record->pad_top;
    const uint32_t first = (start > record->pad_top) ? start - record->pad_top : 0u;
    return ((end < record->input_height) ? end : record->input_height) - first;
}

/* One step of an average pool or a mean; emits when rows_until_output is 0. newest: NULL for padding. */
static void pool_step(const kws_model_t *self, const kws_model_layer_t *record,
                      kws_model_layer_state_t *state, const int8_t *newest, int8_t *output)
{
    const uint32_t kept_rows = kws_model_pool_rows(record, self->config->streaming);
    if (kept_rows == 0u && state->rows_until_output >= record->kernel_height) {
        return; /* between two windows that do not touch */
    }
    const kws_nn_layer_t layer = kws_model_kernel_view(self->config->section, record);
    int32_t *sums = (int32_t *)(void *)(self->memory + state->sums_offset);
    uint8_t *kept = NULL;
    if (kept_rows > 0u) {
        kept = self->memory + state->ring_offset + state->next_slot * kws_model_pool_row_bytes(record);
        state->next_slot = kws_model_next_slot(state->next_slot, kept_rows);
    }
    kws_nn_pool_row(&layer, record->pad_left, newest, sums, kept);
    if (state->rows_until_output > 0u) {
        return;
    }
    if (record->op == KWS_MODEL_MEAN) {
        kws_nn_mean_finish(&layer, sums, output);
    } else {
        kws_nn_pool_finish(&layer, record->pad_left, sums, rows_inside(record, state), output);
    }
    if (kept_rows == 0u) {
        memset(sums, 0, kws_model_output_values(record) * sizeof *sums);
    }
}

static void compute_row(const kws_model_t *self, const kws_model_layer_t *record,
                        const kws_model_layer_state_t *state, const int8_t *newest, int8_t *output)
{
    const kws_model_config_t *config = self->config;
    const kws_nn_layer_t layer = kws_model_kernel_view(config->section, record);
    const int8_t **rows =
        (const int8_t **)(void *)(self->scratch + config->row_bytes[0] + config->row_bytes[1]);
    void *scratch = (uint8_t *)rows + config->taps_bytes;
    list_rows(self, record, state, newest, rows);
    switch (record->op) {
    case KWS_MODEL_SOFTMAX: kws_nn_softmax(&layer, rows[0], output); break;
    case KWS_MODEL_DEPTHWISE: kws_nn_depthwise_row(&layer, rows, output, scratch); break;
    case KWS_MODEL_POINTWISE: kws_nn_pointwise_row(&layer, rows, output, scratch); break;
    case KWS_MODEL_DENSE: kws_nn_dense_row(&layer, rows, output, scratch); break;
    case KWS_MODEL_MAX_POOL: kws_nn_max_pool_row(&layer, rows, output, scratch); break;
    case KWS_MODEL_LOOKUP: kws_nn_lookup_row(&layer, rows[0], record->weights_bytes, output); break;
    case KWS_MODEL_SLICE: kws_nn_slice_row(&layer, rows[0], record->first_channel, output); break;
    default: kws_nn_conv_row(&layer, rows, output, scratch); break;
    }
}

/* Counts an output row, and shows it to whoever watches. */
static inline void emit(kws_model_t *self, uint32_t index, const int8_t *output)
{
    ++kws_model_state(self, index)->output_row;
    if (self->on_row != NULL) {
        self->on_row(self->on_row_user, index, output, kws_model_output_values(&self->config->layers[index]));
    }
}

/* The newest input row of layer `index`, no join, lies in its place; NULL: padding of a pool. True when that made an
 * output row. */
static inline bool layer_step(kws_model_t *self, uint32_t index, const int8_t *newest, int8_t *output)
{
    const kws_model_layer_t *record = &self->config->layers[index];
    kws_model_layer_state_t *state = kws_model_state(self, index);
    const bool emits = --state->rows_until_output == 0u;
    if (kws_model_sums_rows(record)) {
        pool_step(self, record, state, newest, output);
    } else {
        state->next_slot = kws_model_next_slot(state->next_slot, kws_model_span_rows(record));
        if (emits) {
            compute_row(self, record, state, newest, output);
        }
    }
    if (!emits) {
        return false;
    }
    state->rows_until_output = record->stride_height;
    emit(self, index, output);
    return true;
}

/* Puts the next input row of layer `index`, no join, in its place; NULL: padding. Returns the place; NULL: padding of
 * a pool. */
const int8_t *kws_model_place_row(kws_model_t *self, uint32_t index, const int8_t *values)
{
    const kws_model_layer_t *record = &self->config->layers[index];
    const size_t num_values = (size_t)record->input_width * record->input_channels;
    int8_t *row = input_row(self, index);
    if (values != NULL) {
        memcpy(row, values, num_values);
    } else if (kws_model_sums_rows(record)) {
        row = NULL;
    } else {
        memset(row, record->input_zero_point, num_values);
    }
    return row;
}

int8_t *kws_model_input_row(const kws_model_t *self, uint32_t index)
{
    return input_row(self, index);
}

void kws_model_emit(kws_model_t *self, uint32_t index, const int8_t *output)
{
    emit(self, index, output);
}

bool kws_model_layer_step(kws_model_t *self, uint32_t index, const int8_t *newest, int8_t *output)
{
    return layer_step(self, index, newest, output);
}

/* Every layer reads the one before it: the row goes down as far as it can. */
static bool feed_chain(kws_model_t *self, uint32_t index, const int8_t *values)
{
    const int8_t *row = kws_model_place_row(self, index, values);
    for (; index < self->config->num_layers; ++index) {
        int8_t *output = input_row(self, index + 1u);
        if (!layer_step(self, index, row, output)) {
            return false;
        }
        row = output;
    }
    return true;
}

bool kws_model_feed(kws_model_t *self, uint32_t index, const int8_t *values)
{
    return self->config->is_chain ? feed_chain(self, index, values)
                                  : kws_model_feed_graph(self, index, values);
}

const int8_t *kws_model_output(const kws_model_t *self)
{
    return input_row(self, self->config->num_layers);
}
