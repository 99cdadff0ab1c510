#include "kws_model_layer.h"

#include <string.h>

#include "nn/select.h"

static kws_model_layer_state_t *state_of(const kws_model_t *self, uint32_t index)
{
    return (kws_model_layer_state_t *)(void *)self->memory + index;
}

/* Where the next input row of layer `index` goes; index == num_layers: the output of the model. */
static int8_t *input_row(const kws_model_t *self, uint32_t index)
{
    const kws_model_config_t *config = self->config;
    if (index < config->num_layers && kws_model_uses_ring(&config->layers[index])) {
        const kws_model_layer_t *record = &config->layers[index];
        const kws_model_layer_state_t *state = state_of(self, index);
        return (int8_t *)self->memory + state->ring_offset + state->next_slot * kws_model_row_bytes(record) +
               (uint32_t)record->pad_left * record->input_channels;
    }
    /* Rows without a ring live until their one reader has run: two places, used in turns. */
    return (int8_t *)self->scratch + ((index % 2u == 0u) ? 0u : config->row_bytes[0]);
}

static void *taps_of(const kws_model_t *self)
{
    return self->scratch + self->config->row_bytes[0] + self->config->row_bytes[1];
}

static void *kernel_scratch(const kws_model_t *self)
{
    return (uint8_t *)taps_of(self) + self->config->taps_bytes;
}

static uint16_t next_slot(uint16_t slot, uint16_t num_slots)
{
    return (uint16_t)((slot + 1u == num_slots) ? 0u : slot + 1u);
}

/* The rows under the kernel, oldest first. */
static const int8_t *const *gather_rows(const kws_model_t *self, uint32_t index)
{
    const kws_model_layer_t *record = &self->config->layers[index];
    const int8_t **rows = taps_of(self);
    if (!kws_model_uses_ring(record)) {
        rows[0] = input_row(self, index);
        return rows;
    }
    const kws_model_layer_state_t *state = state_of(self, index);
    const int8_t *ring = (const int8_t *)self->memory + state->ring_offset;
    const uint32_t row_bytes = kws_model_row_bytes(record);
    uint16_t slot = state->next_slot;
    for (uint32_t ky = 0u; ky < record->kernel_height; ++ky) {
        rows[ky] = ring + slot * row_bytes;
        slot = next_slot(slot, record->kernel_height);
    }
    return rows;
}

/* Takes the newest row into the running sums and the row that leaves the window out of them. */
static void pool_accumulate(const kws_model_t *self, uint32_t index, bool is_padding)
{
    const kws_model_layer_t *record = &self->config->layers[index];
    const kws_nn_layer_t layer = kws_model_kernel_view(self->config->section, record);
    kws_model_layer_state_t *state = state_of(self, index);
    const uint32_t num_values = kws_model_output_values(record);
    int32_t *sums = (int32_t *)(void *)(self->memory + state->sums_offset);
    int16_t *row_sums = kernel_scratch(self);
    if (kws_model_pool_uses_ring(record, self->config->streaming)) {
        row_sums = (int16_t *)(void *)(self->memory + state->ring_offset) + state->next_slot * num_values;
        for (uint32_t i = 0u; i < num_values; ++i) {
            sums[i] -= row_sums[i];
        }
        state->next_slot = next_slot(state->next_slot, record->kernel_height);
    } else if (state->rows_until_output >= record->kernel_height) {
        return; /* between two windows that do not touch; rows_until_output was counted down already */
    }
    if (is_padding) {
        memset(row_sums, 0, num_values * sizeof *row_sums);
    } else {
        kws_nn_pool_row(&layer, record->pad_left, input_row(self, index), row_sums);
    }
    for (uint32_t i = 0u; i < num_values; ++i) {
        sums[i] += row_sums[i];
    }
}

/* Rows of the pool window that are not padding. */
static uint32_t pool_rows(const kws_model_layer_t *record, const kws_model_layer_state_t *state)
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

static void pool_emit(const kws_model_t *self, uint32_t index, int8_t *output)
{
    const kws_model_layer_t *record = &self->config->layers[index];
    const kws_nn_layer_t layer = kws_model_kernel_view(self->config->section, record);
    const kws_model_layer_state_t *state = state_of(self, index);
    int32_t *sums = (int32_t *)(void *)(self->memory + state->sums_offset);
    kws_nn_pool_finish(&layer, record->pad_left, sums, pool_rows(record, state), output);
    if (!kws_model_pool_uses_ring(record, self->config->streaming)) {
        memset(sums, 0, kws_model_output_values(record) * sizeof *sums);
    }
}

static void compute_row(const kws_model_t *self, uint32_t index, int8_t *output)
{
    const kws_model_layer_t *record = &self->config->layers[index];
    const kws_nn_layer_t layer = kws_model_kernel_view(self->config->section, record);
    void *scratch = kernel_scratch(self);
    switch (record->op) {
    case KWS_MODEL_AVERAGE_POOL: pool_emit(self, index, output); break;
    case KWS_MODEL_SOFTMAX: kws_nn_softmax(&layer, input_row(self, index), output); break;
    case KWS_MODEL_DEPTHWISE: kws_nn_depthwise_row(&layer, gather_rows(self, index), output, scratch); break;
    case KWS_MODEL_POINTWISE: kws_nn_pointwise_row(&layer, gather_rows(self, index), output, scratch); break;
    case KWS_MODEL_DENSE: kws_nn_dense_row(&layer, gather_rows(self, index), output, scratch); break;
    default: kws_nn_conv_row(&layer, gather_rows(self, index), output, scratch); break;
    }
}

/* The newest input row of layer `index` lies in its place. True when that made an output row, which then lies in
 * the place of the next layer's input. */
static bool layer_step(kws_model_t *self, uint32_t index, bool is_padding)
{
    const kws_model_layer_t *record = &self->config->layers[index];
    kws_model_layer_state_t *state = state_of(self, index);
    --state->rows_until_output;
    if (record->op == KWS_MODEL_AVERAGE_POOL) {
        pool_accumulate(self, index, is_padding);
    } else if (kws_model_uses_ring(record)) {
        state->next_slot = next_slot(state->next_slot, record->kernel_height);
    }
    if (state->rows_until_output > 0u) {
        return false;
    }
    int8_t *output = input_row(self, index + 1u);
    compute_row(self, index, output);
    state->rows_until_output = record->stride_height;
    ++state->output_row;
    if (self->on_row != NULL) {
        self->on_row(self->on_row_user, index, output, kws_model_output_values(record));
    }
    return true;
}

/* Runs a row down the chain from layer `index` on, as far as it goes. True when the model gave its output. */
static bool run_from(kws_model_t *self, uint32_t index, bool is_padding)
{
    for (; index < self->config->num_layers; ++index) {
        if (!layer_step(self, index, is_padding)) {
            return false;
        }
        is_padding = false;
    }
    return true;
}

static bool feed_frame(kws_model_t *self, const int8_t *features)
{
    memcpy(input_row(self, 0u), features, self->config->num_features);
    return run_from(self, 0u, false);
}

static bool feed_padding(kws_model_t *self, uint32_t index)
{
    const kws_model_layer_t *record = &self->config->layers[index];
    if (record->op != KWS_MODEL_AVERAGE_POOL) {
        memset(input_row(self, index), record->input_zero_point,
               (size_t)record->input_width * record->input_channels);
    }
    return run_from(self, index, true);
}

/* Back to the top of a window: the rings hold padding. */
static void rewind_layers(kws_model_t *self)
{
    for (uint32_t i = 0u; i < self->config->num_layers; ++i) {
        const kws_model_layer_t *record = &self->config->layers[i];
        kws_model_layer_state_t *state = state_of(self, i);
        state->next_slot = (uint16_t)((record->kernel_height > 1u) ? record->pad_top : 0u);
        state->rows_until_output = (uint16_t)(record->kernel_height - record->pad_top);
        state->output_row = 0u;
        const uint32_t num_values = kws_model_output_values(record);
        if (kws_model_uses_ring(record)) {
            memset(self->memory + state->ring_offset, record->input_zero_point,
                   record->kernel_height * kws_model_row_bytes(record));
        } else if (record->op == KWS_MODEL_AVERAGE_POOL) {
            memset(self->memory + state->sums_offset, 0, num_values * sizeof(int32_t));
            if (kws_model_pool_uses_ring(record, self->config->streaming)) {
                memset(self->memory + state->ring_offset, 0,
                       record->kernel_height * num_values * sizeof(int16_t));
            }
        }
    }
}

/* A window model: all its frames, oldest first, then the padding below each layer. */
static bool run_window(kws_model_t *self)
{
    const kws_model_config_t *config = self->config;
    const int8_t *frames = (const int8_t *)self->memory + self->frames_offset;
    uint16_t frame = self->next_frame;
    bool decided = false;
    rewind_layers(self);
    for (uint32_t i = 0u; i < config->window_frames; ++i) {
        decided = feed_frame(self, frames + (uint32_t)frame * config->num_features) || decided;
        frame = next_slot(frame, config->window_frames);
    }
    for (uint32_t layer = 0u; layer < config->num_layers; ++layer) {
        for (uint32_t i = 0u; i < config->layers[layer].pad_bottom; ++i) {
            decided = feed_padding(self, layer) || decided;
        }
    }
    return decided;
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
    const bool decided = self->config->streaming ? feed_frame(self, features) : step_window(self, features);
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

/* Bytes of the ring of a layer, a multiple of 4. */
static uint32_t ring_bytes(const kws_model_layer_t *record, bool streaming)
{
    if (kws_model_uses_ring(record)) {
        return record->kernel_height * kws_model_row_bytes(record);
    }
    if (kws_model_pool_uses_ring(record, streaming)) {
        return (record->kernel_height * kws_model_output_values(record) * (uint32_t)sizeof(int16_t) + 3u) &
               ~3u;
    }
    return 0u;
}

/* Lays out memory: states, then per layer its ring and sums, then the frames. memory may be NULL: count only. */
static uint32_t lay_out(kws_model_t *self)
{
    const kws_model_config_t *config = self->config;
    uint32_t used = config->num_layers * (uint32_t)sizeof(kws_model_layer_state_t);
    for (uint32_t i = 0u; i < config->num_layers; ++i) {
        const kws_model_layer_t *record = &config->layers[i];
        const uint32_t ring_offset = used;
        const uint32_t sums_offset = ring_offset + ring_bytes(record, config->streaming);
        used = sums_offset;
        if (record->op == KWS_MODEL_AVERAGE_POOL) {
            used += kws_model_output_values(record) * (uint32_t)sizeof(int32_t);
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
