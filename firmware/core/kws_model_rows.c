/* SPDX-License-Identifier: Apache-2.0 */
/* Stage 3, the engine itself: a row comes in, every layer it reaches takes its step. */
#include <string.h>

#include "kws_model_layer.h"

/* Where the output row of a layer goes. */
typedef struct {
    int8_t *row;
    uint32_t next;       /* the layer that reads it */
    uint16_t pair_bytes; /* as in kws_nn_layer_t */
    bool passes;         /* it still has to be put into the ring of that layer */
    bool separable;      /* a stencil: together with the pointwise layer behind it */
} output_t;

/* Where a row lies that goes into no ring, or not yet. It lives until its one reader has run: two places, used in
 * turns. */
static inline int8_t *passing_row(const kws_model_t *self, uint32_t index)
{
    return (int8_t *)self->scratch + ((index % 2u == 0u) ? 0u : self->config->row_bytes[0]);
}

/* Where the next input row of layer `index`, no join, goes; index == num_layers: the output of the model. */
static inline int8_t *input_row(const kws_model_t *self, uint32_t index)
{
    const kws_model_config_t *config = self->config;
    const kws_model_layer_state_t *state = kws_model_state(self, index);
    if (index >= config->num_layers || state->row_words == 0u) {
        return passing_row(self, index);
    }
    const kws_model_layer_t *record = &config->layers[index];
    const uint32_t column_bytes = kws_model_reads_pairs(record) ? 2u : record->input_channels;
    return (int8_t *)self->memory + state->ring_offset + 4u * state->next_slot * state->row_words +
           record->pad_left * column_bytes;
}

/* The rows under a dilated kernel, from `row` on, of the ring that begins at `first`. */
static void list_dilated_rows(const kws_model_layer_t *record, const int8_t *first, const int8_t *row,
                              uint32_t row_bytes, const int8_t **rows)
{
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
    if (state->row_words == 0u) {
        rows[0] = newest;
        return;
    }
    const uint32_t row_bytes = 4u * state->row_words;
    const int8_t *first = (const int8_t *)self->memory + state->ring_offset;
    const int8_t *row = first + state->next_slot * row_bytes;
    if (record->dilation_height > 1u) {
        list_dilated_rows(record, first, row, row_bytes, rows);
        return;
    }
    const uint32_t num_rows = record->kernel_height;
    const int8_t **end = rows + num_rows;
    for (const int8_t **newer = rows + (num_rows - state->next_slot); rows != newer; ++rows) {
        *rows = row;
        row += row_bytes;
    }
    for (row = first; rows != end; ++rows) {
        *rows = row;
        row += row_bytes;
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
                        const kws_model_layer_state_t *state, const int8_t *newest, output_t output)
{
    const kws_model_config_t *config = self->config;
    kws_nn_layer_t layer = kws_model_kernel_view(config->section, record);
    const int8_t **rows =
        (const int8_t **)(void *)(self->scratch + config->row_bytes[0] + config->row_bytes[1]);
    void *scratch = (uint8_t *)rows + config->taps_bytes;
    list_rows(self, record, state, newest, rows);
    if (output.separable) {
        const kws_nn_pointwise_t pointwise = {.weights =
                                                  (const int8_t *)config->section + record[1].weights_offset,
                                              .output_channels = record[1].output_channels,
                                              .pair_bytes = output.pair_bytes};
        kws_nn_separable_row(&layer, &pointwise, rows, output.row, scratch);
        return;
    }
    layer.pair_bytes = output.pair_bytes;
    switch (record->op) {
    case KWS_MODEL_SOFTMAX: kws_nn_softmax(&layer, rows[0], output.row); break;
    case KWS_MODEL_DEPTHWISE: kws_nn_depthwise_row(&layer, rows, output.row, scratch); break;
    case KWS_MODEL_POINTWISE: kws_nn_pointwise_row(&layer, rows, output.row, scratch); break;
    case KWS_MODEL_DENSE: kws_nn_dense_row(&layer, rows, output.row, scratch); break;
    case KWS_MODEL_MAX_POOL: kws_nn_max_pool_row(&layer, rows, output.row, scratch); break;
    case KWS_MODEL_LOOKUP: kws_nn_lookup_row(&layer, rows[0], record->weights_bytes, output.row); break;
    case KWS_MODEL_SLICE: kws_nn_slice_row(&layer, rows[0], record->first_channel, output.row); break;
    default: kws_nn_conv_row(&layer, rows, output.row, scratch); break;
    }
}

/* Counts an output row, and shows it to whoever watches. */
static inline void emit(kws_model_t *self, const kws_model_layer_t *record, kws_model_layer_state_t *state,
                        const int8_t *output)
{
    ++state->output_row;
    if (self->on_row != NULL) {
        const uint32_t index = (uint32_t)(record - self->config->layers);
        self->on_row(self->on_row_user, index, output, kws_model_output_values(record));
    }
}

/* The newest input row of a layer, no join, lies in its place; NULL: padding of a pool. True when that made an output
 * row. */
static inline bool layer_step(kws_model_t *self, const kws_model_layer_t *record,
                              kws_model_layer_state_t *state, const int8_t *newest, output_t output)
{
    const bool emits = --state->rows_until_output == 0u;
    if (kws_model_sums_rows(record)) {
        pool_step(self, record, state, newest, output.row);
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
    emit(self, record, state, output.row);
    return true;
}

/* Puts the next input row of layer `index`, no join, in its place; NULL: padding. Returns the place; NULL: padding of
 * a pool. */
const int8_t *kws_model_place_row(kws_model_t *self, uint32_t index, const int8_t *values)
{
    const kws_model_layer_t *record = &self->config->layers[index];
    int8_t *row = input_row(self, index);
    if (kws_model_reads_pairs(record)) {
        if (values != NULL) {
            kws_nn_pair_row(values, record->input_width, record->input_channels,
                            2u * kws_model_row_columns(record), row);
        } else {
            memset(row - 2u * record->pad_left, kws_model_padding(record), kws_model_row_bytes(record));
        }
    } else if (values != NULL) {
        memcpy(row, values, kws_model_input_values(record));
    } else if (kws_model_sums_rows(record)) {
        row = NULL;
    } else {
        memset(row, record->input_zero_point, kws_model_input_values(record));
    }
    return row;
}

int8_t *kws_model_input_row(const kws_model_t *self, uint32_t index)
{
    return input_row(self, index);
}

int8_t *kws_model_passing_row(const kws_model_t *self, uint32_t index)
{
    return passing_row(self, index);
}

void kws_model_emit(kws_model_t *self, uint32_t index, const int8_t *output)
{
    emit(self, &self->config->layers[index], kws_model_state(self, index), output);
}

bool kws_model_layer_step(kws_model_t *self, uint32_t index, const int8_t *newest, int8_t *output)
{
    return layer_step(self, &self->config->layers[index], kws_model_state(self, index), newest,
                      (output_t){.row = output});
}

/* A conv or pointwise layer of a chain whose kernel can write channel pairs. */
static bool writes_pairs(const kws_model_layer_t *record)
{
    return record->op <= KWS_MODEL_POINTWISE && record->weight_layout == KWS_NN_LAYOUT_PAIRED &&
           record->channels_offset == 0u && record->output_channels % KWS_NN_PAIRED_CHANNELS == 0u;
}

/* How layer `index` of a chain gives its row on. While somebody watches, every layer makes a row of its own. */
static inline output_t output_of(const kws_model_t *self, uint32_t index)
{
    const kws_model_config_t *config = self->config;
    const kws_model_layer_t *record = &config->layers[index];
    const bool is_watched = self->on_row != NULL;
    output_t output = {.separable = false};
    if (kws_model_reads_pairs(record) && index + 1u < config->num_layers && !is_watched &&
        record[1].op == KWS_MODEL_POINTWISE && writes_pairs(&record[1])) {
        output.separable = true;
        ++record;
        ++index;
    }
    output.next = index + 1u;
    output.row = input_row(self, output.next);
    if (output.next < config->num_layers && kws_model_reads_pairs(&record[1])) {
        if (!is_watched && writes_pairs(record)) {
            output.pair_bytes = (uint16_t)(2u * kws_model_row_columns(&record[1]));
        } else {
            output.row = passing_row(self, output.next);
            output.passes = true;
        }
    }
    return output;
}

/* Every layer reads the one before it: the row goes down as far as it can. */
static bool feed_chain(kws_model_t *self, uint32_t index, const int8_t *values)
{
    const kws_model_layer_t *const layers = self->config->layers;
    kws_model_layer_state_t *const states = kws_model_state(self, 0u);
    const uint32_t num_layers = self->config->num_layers;
    const int8_t *row = kws_model_place_row(self, index, values);
    while (index < num_layers) {
        kws_model_layer_state_t *state = &states[index];
        const bool is_due = state->rows_until_output == 1u;
        const output_t output = is_due ? output_of(self, index) : (output_t){.row = NULL};
        if (!layer_step(self, &layers[index], state, row, output)) {
            return false;
        }
        row = output.passes ? kws_model_place_row(self, output.next, output.row) : output.row;
        index = output.next;
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
