/* SPDX-License-Identifier: Apache-2.0 */
/* Stage 3, the engine itself: a row comes in, every layer it reaches takes its step. */
#include <string.h>

#include "kws_model_layer.h"

/* Where the next input row of layer `index`, no join, goes; index == num_layers: the output of the model. */
static int8_t *input_row(const kws_model_t *self, uint32_t index)
{
    const kws_model_config_t *config = self->config;
    const kws_model_layer_t *record = &config->layers[index];
    if (index < config->num_layers && !kws_model_sums_rows(record) && kws_model_ring_rows(record) > 0u) {
        const kws_model_layer_state_t *state = kws_model_state(self, index);
        return (int8_t *)self->memory + state->ring_offset + state->next_slot * kws_model_row_bytes(record) +
               (uint32_t)record->pad_left * record->input_channels;
    }
    /* A row without a ring lives until its one reader has run: two places, used in turns. */
    return (int8_t *)self->scratch + ((index % 2u == 0u) ? 0u : config->row_bytes[0]);
}

static uint16_t next_slot(uint16_t slot, uint32_t num_slots)
{
    return (uint16_t)((slot + 1u >= num_slots) ? 0u : slot + 1u);
}

/* The rows under the kernel, oldest first: those of its ring, or the one that has none. */
static void list_rows(const kws_model_t *self, const kws_model_layer_t *record,
                      const kws_model_layer_state_t *state, const int8_t *newest, const int8_t **rows)
{
    const uint32_t ring_rows = kws_model_ring_rows(record);
    if (ring_rows == 0u) {
        rows[0] = newest;
        return;
    }
    const uint32_t row_bytes = kws_model_row_bytes(record);
    const uint32_t ring_bytes = ring_rows * row_bytes;
    const uint32_t step_bytes = kws_model_dilation(record) * row_bytes;
    const int8_t *ring = (const int8_t *)self->memory + state->ring_offset;
    uint32_t offset = state->next_slot * row_bytes;
    for (uint32_t ky = 0u; ky < record->kernel_height; ++ky) {
        rows[ky] = ring + offset;
        offset += step_bytes;
        offset = (offset >= ring_bytes) ? offset - ring_bytes : offset;
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
        state->next_slot = next_slot(state->next_slot, kept_rows);
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
static void emit(kws_model_t *self, uint32_t index, const int8_t *output)
{
    ++kws_model_state(self, index)->output_row;
    if (self->on_row != NULL) {
        self->on_row(self->on_row_user, index, output, kws_model_output_values(&self->config->layers[index]));
    }
}

/* The newest input row of layer `index`, no join, lies in its place; NULL: padding of a pool. True when that made an
 * output row. */
static bool layer_step(kws_model_t *self, uint32_t index, const int8_t *newest, int8_t *output)
{
    const kws_model_layer_t *record = &self->config->layers[index];
    kws_model_layer_state_t *state = kws_model_state(self, index);
    const bool emits = --state->rows_until_output == 0u;
    if (kws_model_sums_rows(record)) {
        pool_step(self, record, state, newest, output);
    } else {
        state->next_slot = next_slot(state->next_slot, kws_model_span_rows(record));
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
static const int8_t *place_row(kws_model_t *self, uint32_t index, const int8_t *values)
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

/* Every layer reads the one before it: the row goes down as far as it can. */
static bool feed_chain(kws_model_t *self, uint32_t index, const int8_t *values)
{
    const int8_t *row = place_row(self, index, values);
    for (; index < self->config->num_layers; ++index) {
        int8_t *output = input_row(self, index + 1u);
        if (!layer_step(self, index, row, output)) {
            return false;
        }
        row = output;
    }
    return true;
}

/* Where the next row that waits at a join goes. A queue that is full, which no sound table lets happen, loses its
 * oldest row. */
static int8_t *queue_place(const kws_model_t *self, uint32_t index, uint32_t port)
{
    const kws_model_layer_t *record = &self->config->layers[index];
    kws_model_queues_t *queues =
        (kws_model_queues_t *)(void *)(self->memory + kws_model_state(self, index)->ring_offset);
    const uint32_t num_rows = kws_model_queue_rows(record, port);
    const uint32_t slot = ((uint32_t)queues->oldest[port] + queues->waiting[port]) % num_rows;
    return (int8_t *)self->memory + queues->rows_offset[port] +
           slot * kws_model_queue_row_bytes(record, port);
}

/* Where layer `index` writes: a place of its own when others read it too, else the place its one reader, the next
 * layer, reads from. */
static int8_t *output_row(const kws_model_t *self, uint32_t index)
{
    const kws_model_config_t *config = self->config;
    const kws_model_layer_t *next = &config->layers[index + 1u];
    if (kws_model_is_shared(config, index)) {
        return (int8_t *)self->memory + kws_model_shared_offset(self, index);
    }
    if (index + 1u < config->num_layers && kws_model_is_join(next)) {
        const uint32_t port = (kws_model_back(next, 0u) == 1u) ? 0u : 1u;
        if (kws_model_queue_rows(next, port) > 0u) {
            return queue_place(self, index + 1u, port);
        }
        return (int8_t *)self->scratch + (((index + 1u) % 2u == 0u) ? 0u : config->row_bytes[0]);
    }
    return input_row(self, index + 1u);
}

/* What one pass down the table knows. */
typedef struct {
    uint64_t fresh;      /* bit per layer: it made a row in this pass */
    const int8_t *frame; /* the model's newest input; NULL in a pass that began with padding */
} pass_t;

/* The row that just came to an input of layer `index`; NULL: none did. */
static const int8_t *fresh_row(const kws_model_t *self, const pass_t *pass, uint32_t index, uint32_t port)
{
    const uint32_t back = kws_model_back(&self->config->layers[index], port);
    if (back > index) {
        return pass->frame;
    }
    return (((pass->fresh >> (index - back)) & 1u) != 0u) ? output_row(self, index - back) : NULL;
}

/* The oldest row at an input of a join that has no partner yet; NULL: there is none. */
static const int8_t *waiting_row(const kws_model_t *self, const pass_t *pass, uint32_t index, uint32_t port,
                                 kws_model_queues_t *queues)
{
    const kws_model_layer_t *record = &self->config->layers[index];
    const uint32_t num_rows = kws_model_queue_rows(record, port);
    const int8_t *fresh = fresh_row(self, pass, index, port);
    if (num_rows == 0u) {
        return fresh;
    }
    if (fresh != NULL) {
        int8_t *place = queue_place(self, index, port);
        if (place != fresh) {
            memcpy(place, fresh, kws_model_join_values(record, port));
        }
        queues->waiting[port] =
            (uint8_t)(queues->waiting[port] + (queues->waiting[port] < num_rows ? 1u : 0u));
    }
    return (queues->waiting[port] == 0u) ? NULL
                                         : (const int8_t *)self->memory + queues->rows_offset[port] +
                                               queues->oldest[port] * kws_model_queue_row_bytes(record, port);
}

static bool join_step(kws_model_t *self, const pass_t *pass, uint32_t index)
{
    const kws_model_layer_t *record = &self->config->layers[index];
    kws_model_queues_t *queues =
        (kws_model_queues_t *)(void *)(self->memory + kws_model_state(self, index)->ring_offset);
    const int8_t *first = waiting_row(self, pass, index, 0u, queues);
    const int8_t *second = waiting_row(self, pass, index, 1u, queues);
    if (first == NULL || second == NULL) {
        return false;
    }
    const kws_nn_layer_t layer = kws_model_kernel_view(self->config->section, record);
    int8_t *output = output_row(self, index);
    if (record->op == KWS_MODEL_ADD) {
        kws_nn_add_row(&layer, first, second, output);
    } else {
        kws_nn_concat_row(&layer, first, second, output);
    }
    for (uint32_t port = 0u; port < 2u; ++port) {
        const uint32_t num_rows = kws_model_queue_rows(record, port);
        if (num_rows > 0u) {
            queues->oldest[port] = (uint8_t)next_slot(queues->oldest[port], num_rows);
            --queues->waiting[port];
        }
    }
    emit(self, index, output);
    return true;
}

/* A layer of a graph that is no join: takes the row that came, if one did. */
static bool single_step(kws_model_t *self, const pass_t *pass, uint32_t index)
{
    const kws_model_layer_t *record = &self->config->layers[index];
    const int8_t *row = fresh_row(self, pass, index, 0u);
    const bool is_cut = record->op == KWS_MODEL_SLICE && !self->config->streaming &&
                        kws_model_state(self, index)->output_row >= record->output_height;
    if (row == NULL || is_cut) {
        return false; /* rows cut off the end of a window are none to padding below */
    }
    const bool needs_place = row == pass->frame /* whose alignment nobody promised */ ||
                             (!kws_model_sums_rows(record) && kws_model_ring_rows(record) > 0u);
    if (needs_place && row != input_row(self, index)) {
        row = place_row(self, index, row);
    }
    return layer_step(self, index, row, output_row(self, index));
}

/* Any graph: one pass down the table from the layer that gets a row, with every layer that got one. */
static bool feed_graph(kws_model_t *self, uint32_t start, const int8_t *values)
{
    const uint32_t num_layers = self->config->num_layers;
    pass_t pass = {.fresh = 0u, .frame = values};
    for (uint32_t index = start; index < num_layers; ++index) {
        bool made;
        if (index == start && values == NULL) {
            made = layer_step(self, index, place_row(self, index, NULL), output_row(self, index));
        } else if (kws_model_is_join(&self->config->layers[index])) {
            made = join_step(self, &pass, index);
        } else {
            made = single_step(self, &pass, index);
        }
        pass.fresh |= (uint64_t)(made ? 1u : 0u) << index;
    }
    return ((pass.fresh >> (num_layers - 1u)) & 1u) != 0u;
}

bool kws_model_feed(kws_model_t *self, uint32_t index, const int8_t *values)
{
    return self->config->is_chain ? feed_chain(self, index, values) : feed_graph(self, index, values);
}

const int8_t *kws_model_output(const kws_model_t *self)
{
    return input_row(self, self->config->num_layers);
}
