/* SPDX-License-Identifier: Apache-2.0 */
#include "kws_model_layer.h"

#include <string.h>

/* Back to the top of a window: only padding lies above it. Padding columns have it for good: `everything` is for what was
 * never there before. */
static void rewind_layers(kws_model_t *self, bool everything)
{
    for (uint32_t i = 0u; i < self->config->num_layers; ++i) {
        const kws_model_layer_t *record = &self->config->layers[i];
        kws_model_layer_state_t *state = kws_model_state(self, i);
        state->next_slot = 0u;
        state->rows_until_output = kws_model_first_wait(record);
        state->output_row = 0u;
        uint8_t *ring = self->memory + state->ring_offset;
        if (kws_model_is_join(record)) {
            kws_model_queues_t *queues = (kws_model_queues_t *)(void *)ring;
            memset(queues->oldest, 0, sizeof queues->oldest);
            memset(queues->waiting, 0, sizeof queues->waiting);
        } else if (kws_model_sums_rows(record)) {
            const uint32_t num_rows = kws_model_pool_rows(record, self->config->streaming);
            memset(ring, 0, num_rows * kws_model_pool_row_bytes(record));
            memset(self->memory + state->sums_offset, 0, kws_model_output_values(record) * sizeof(int32_t));
        } else {
            const uint32_t num_rows = kws_model_ring_rows(record);
            const uint32_t padded_rows = everything ? num_rows : record->pad_top;
            const uint32_t row_bytes = kws_model_row_bytes(record);
            memset(ring + (num_rows - padded_rows) * row_bytes, kws_model_padding(record),
                   padded_rows * row_bytes);
        }
    }
}

/* The padding below each layer, once all rows above it have come. */
static bool finish_window(kws_model_t *self)
{
    const kws_model_config_t *config = self->config;
    for (uint32_t layer = 0u; layer < config->num_layers; ++layer) {
        for (uint32_t i = 0u; i < config->layers[layer].pad_bottom; ++i) {
            if (kws_model_feed(self, layer, NULL)) {
                return true;
            }
        }
    }
    return false;
}

/* A window model: all its frames, oldest first, then the padding below each layer. Ends at its one output: rows that
 * are left over belong to none, and would run over it in scratch. */
static bool run_window(kws_model_t *self)
{
    const kws_model_config_t *config = self->config;
    const int8_t *frames = (const int8_t *)self->memory + self->frames_offset;
    uint16_t frame = self->next_frame;
    rewind_layers(self, false);
    for (uint32_t i = 0u; i < config->window_frames; ++i) {
        if (kws_model_feed(self, 0u, frames + (uint32_t)frame * config->num_features)) {
            return true;
        }
        frame = (uint16_t)((frame + 1u >= config->window_frames) ? 0u : frame + 1u);
    }
    return finish_window(self);
}

/* Keeps the frame; runs the window when a decision is due. */
static bool step_overlapping(kws_model_t *self, const int8_t *features)
{
    const kws_model_config_t *config = self->config;
    int8_t *frames = (int8_t *)self->memory + self->frames_offset;
    memcpy(frames + (uint32_t)self->next_frame * config->num_features, features, config->num_features);
    self->next_frame =
        (uint16_t)((self->next_frame + 1u >= config->window_frames) ? 0u : self->next_frame + 1u);
    if (--self->frames_until_decision > 0u) {
        return false;
    }
    self->frames_until_decision = config->decision_frames;
    return run_window(self);
}

/* Windows that do not overlap: the frame goes down at once. One that ends early decides early. */
static bool step_apart(kws_model_t *self, const int8_t *features)
{
    const kws_model_config_t *config = self->config;
    const uint32_t frames_left = self->frames_until_decision--;
    if (frames_left == config->window_frames) {
        rewind_layers(self, false);
        self->decided = false;
    }
    bool decides =
        frames_left <= config->window_frames && !self->decided && kws_model_feed(self, 0u, features);
    if (frames_left == 1u) {
        self->frames_until_decision = config->decision_frames;
        decides = decides || (!self->decided && finish_window(self));
    }
    self->decided = self->decided || decides;
    return decides;
}

bool kws_model_step(kws_model_t *self, const int8_t *features, uint8_t *posteriors)
{
    const bool decided = self->config->streaming                ? kws_model_feed(self, 0u, features)
                         : kws_model_keeps_frames(self->config) ? step_overlapping(self, features)
                                                                : step_apart(self, features);
    if (decided) {
        const int8_t *output = kws_model_output(self);
        for (uint32_t i = 0u; i < self->config->num_labels; ++i) {
            posteriors[i] = (uint8_t)(output[i] + 128);
        }
    }
    return decided;
}

void kws_model_reset(kws_model_t *self)
{
    rewind_layers(self, true);
    self->next_frame = 0u;
    self->frames_until_decision = self->config->window_frames;
}

/* Says where the rows of a join's queues lie: behind the record of the queues. */
static void lay_out_queues(kws_model_t *self, const kws_model_layer_t *record, uint32_t offset)
{
    if (!kws_model_is_join(record)) {
        return;
    }
    kws_model_queues_t *queues = (kws_model_queues_t *)(void *)(self->memory + offset);
    queues->rows_offset[0] = offset + (uint32_t)sizeof *queues;
    queues->rows_offset[1] =
        queues->rows_offset[0] + kws_model_queue_rows(record, 0u) * kws_model_queue_row_bytes(record, 0u);
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
        if (kws_model_sums_rows(record)) {
            sums_offset += kws_model_pool_rows(record, config->streaming) * kws_model_pool_row_bytes(record);
            used = sums_offset + kws_model_output_values(record) * (uint32_t)sizeof(int32_t);
        } else {
            used += kws_model_is_join(record) ? kws_model_queues_bytes(record)
                                              : kws_model_ring_rows(record) * kws_model_row_bytes(record);
            sums_offset = used;
        }
        used += kws_model_is_shared(config, i) ? (kws_model_output_values(record) + 3u) & ~3u : 0u;
        if (self->memory != NULL) {
            kws_model_layer_state_t *state = kws_model_state(self, i);
            state->ring_offset = ring_offset;
            state->sums_offset = sums_offset;
            state->row_words =
                kws_model_keeps_rows(record) ? (uint16_t)(kws_model_row_bytes(record) / 4u) : 0u;
            lay_out_queues(self, record, ring_offset);
        }
    }
    self->frames_offset = used;
    return used +
           (kws_model_keeps_frames(config) ? (uint32_t)config->window_frames * config->num_features : 0u);
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
