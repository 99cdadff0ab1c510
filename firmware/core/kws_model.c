#include "kws_model_layer.h"

#include <string.h>

static kws_model_layer_state_t *state_of(const kws_model_t *self, uint32_t index)
{
    return (kws_model_layer_state_t *)(void *)self->memory + index;
}

/* Where the next input row of layer `index` goes; index == num_layers: the output of the model. */
static int8_t *input_row(const kws_model_t *self, uint32_t index)
{
    const kws_model_config_t *config = self->config;
    const kws_model_layer_t *record = &config->layers[index];
    if (index < config->num_layers && record->op != KWS_MODEL_AVERAGE_POOL &&
        kws_model_ring_rows(record) > 0u) {
        const kws_model_layer_state_t *state = state_of(self, index);
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
    const int8_t *first = (const int8_t *)self->memory + state->ring_offset;
    const int8_t *end = first + ring_rows * row_bytes;
    const int8_t *row = first + state->next_slot * row_bytes;
    for (uint32_t ky = 0u; ky < ring_rows; ++ky) {
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

/* One step of an average pool; emits when rows_until_output is 0. newest: NULL for padding. */
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
    kws_nn_pool_finish(&layer, record->pad_left, sums, rows_inside(record, state), output);
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
    default: kws_nn_conv_row(&layer, rows, output, scratch); break;
    }
}

/* The newest input row of layer `index` lies in its place; NULL: padding of a pool. True when that made an output
 * row. */
static bool layer_step(kws_model_t *self, uint32_t index, const int8_t *newest, int8_t *output)
{
    const kws_model_layer_t *record = &self->config->layers[index];
    kws_model_layer_state_t *state = state_of(self, index);
    const bool emits = --state->rows_until_output == 0u;
    if (record->op == KWS_MODEL_AVERAGE_POOL) {
        pool_step(self, record, state, newest, output);
    } else {
        state->next_slot = next_slot(state->next_slot, record->kernel_height);
        if (emits) {
            compute_row(self, record, state, newest, output);
        }
    }
    if (!emits) {
        return false;
    }
    state->rows_until_output = record->stride_height;
    ++state->output_row;
    if (self->on_row != NULL) {
        self->on_row(self->on_row_user, index, output, kws_model_output_values(record));
    }
    return true;
}

/* Gives layer `index` its next input row, of padding when values is NULL, and runs it down the chain as far as it
 * goes. True when the model gave its output. */
static bool feed(kws_model_t *self, uint32_t index, const int8_t *values)
{
    const kws_model_layer_t *record = &self->config->layers[index];
    const size_t num_values = (size_t)record->input_width * record->input_channels;
    int8_t *row = input_row(self, index);
    if (values != NULL) {
        memcpy(row, values, num_values);
    } else if (record->op != KWS_MODEL_AVERAGE_POOL) {
        memset(row, record->input_zero_point, num_values);
    } else {
        row = NULL;
    }
    for (; index < self->config->num_layers; ++index) {
        int8_t *output = input_row(self, index + 1u);
        if (!layer_step(self, index, row, output)) {
            return false;
        }
        row = output;
    }
    return true;
}

/* Back to the top of a window: only padding lies above it, and in the padding columns for good. */
static void rewind_layers(kws_model_t *self)
{
    for (uint32_t i = 0u; i < self->config->num_layers; ++i) {
        const kws_model_layer_t *record = &self->config->layers[i];
        kws_model_layer_state_t *state = state_of(self, i);
        state->next_slot = 0u;
        state->rows_until_output = (uint16_t)(record->kernel_height - record->pad_top);
        state->output_row = 0u;
        uint8_t *ring = self->memory + state->ring_offset;
        if (record->op == KWS_MODEL_AVERAGE_POOL) {
            const uint32_t num_rows = kws_model_pool_rows(record, self->config->streaming);
            memset(ring, 0, num_rows * kws_model_pool_row_bytes(record));
            memset(self->memory + state->sums_offset, 0, kws_model_output_values(record) * sizeof(int32_t));
        } else {
            memset(ring, record->input_zero_point, kws_model_ring_rows(record) * kws_model_row_bytes(record));
        }
    }
}

/* A window model: all its frames, oldest first, then the padding below each layer. Ends at its one output: rows that
 * are left over belong to none, and would run over it in scratch. */
static bool run_window(kws_model_t *self)
{
    const kws_model_config_t *config = self->config;
    const int8_t *frames = (const int8_t *)self->memory + self->frames_offset;
    uint16_t frame = self->next_frame;
    rewind_layers(self);
    for (uint32_t i = 0u; i < config->window_frames; ++i) {
        if (feed(self, 0u, frames + (uint32_t)frame * config->num_features)) {
            return true;
        }
        frame = next_slot(frame, config->window_frames);
    }
    for (uint32_t layer = 0u; layer < config->num_layers; ++layer) {
        for (uint32_t i = 0u; i < config->layers[layer].pad_bottom; ++i) {
            if (feed(self, layer, NULL)) {
                return true;
            }
        }
    }
    return false;
}

/* Keeps the frame; runs the window when a decision is due. */
static bool step_window(kws_model_t *self, const int8_t *features)
{
    const kws_model_config_t *config = self->config;
    int8_t *frames = (int8_t *)self->memory + self->frames_offset;
    memcpy(frames + (uint32_t)self->next_frame * config->num_features, features, config->num_features);
    self->next_frame = next_slot(self->next_frame, config->window_frames);
    if (--self->frames_until_decision > 0u) {
        return false;
    }
    self->frames_until_decision = config->decision_frames;
    return run_window(self);
}

bool kws_model_step(kws_model_t *self, const int8_t *features, uint8_t *posteriors)
{
    const bool decided = self->config->streaming ? feed(self, 0u, features) : step_window(self, features);
    if (decided) {
        const int8_t *output = input_row(self, self->config->num_layers);
        for (uint32_t i = 0u; i < self->config->num_labels; ++i) {
            posteriors[i] = (uint8_t)(output[i] + 128);
        }
    }
    return decided;
}

void kws_model_reset(kws_model_t *self)
{
    rewind_layers(self);
    self->next_frame = 0u;
    self->frames_until_decision = self->config->window_frames;
}

/* Lays out memory: states, then per layer its ring and sums, then the frames. memory may be NULL: count only. */
static uint32_t lay_out(kws_model_t *self)
{
    const kws_model_config_t *config = self->config;
    uint32_t used = config->num_layers * (uint32_t)sizeof(kws_model_layer_state_t);
    for (uint32_t i = 0u; i < config->num_layers; ++i) {
        const kws_model_layer_t *record = &config->layers[i];
        const uint32_t ring_offset = used;
        uint32_t sums_offset = ring_offset;
        if (record->op == KWS_MODEL_AVERAGE_POOL) {
            sums_offset += kws_model_pool_rows(record, config->streaming) * kws_model_pool_row_bytes(record);
            used = sums_offset + kws_model_output_values(record) * (uint32_t)sizeof(int32_t);
        } else {
            used += kws_model_ring_rows(record) * kws_model_row_bytes(record);
        }
        if (self->memory != NULL) {
            kws_model_layer_state_t *state = state_of(self, i);
            state->ring_offset = ring_offset;
            state->sums_offset = sums_offset;
        }
    }
    self->frames_offset = used;
    return used + (config->streaming ? 0u : (uint32_t)config->window_frames * config->num_features);
}

kws_status_t kws_model_init(kws_model_t *self, const kws_model_config_t *config, kws_arena_t *arena,
                            void *scratch)
{
    memset(self, 0, sizeof *self);
    self->config = config;
    self->scratch = scratch;
    self->memory = NULL;
    self->memory = kws_arena_take(arena, lay_out(self));
    if (self->memory == NULL) {
        return (arena->base == NULL && kws_arena_fits(arena)) ? KWS_OK : KWS_ERROR_ARENA;
    }
    (void)lay_out(self);
    kws_model_reset(self);
    return KWS_OK;
}
