/* SPDX-License-Identifier: Apache-2.0 */
#include "inference.h"

#include <string.h>

#include "board.h"

static kws_status_t open_model(inference_t *self, kws_bundle_t *bundle)
{
    const board_memory_t region = board_bundle();
    if (region.size_bytes == 0u) {
        return KWS_ERROR_MAGIC;
    }
    const kws_status_t status = kws_bundle_open(bundle, region.data, region.size_bytes);
    return status == KWS_OK ? kws_model_read(&self->config, bundle->model) : status;
}

static kws_status_t take_memory(inference_t *self)
{
    const board_memory_t memory = board_arena();
    kws_arena_t arena;
    kws_arena_init(&arena, memory.data, memory.size_bytes);
    self->input_bytes = (uint32_t)self->config.window_frames * self->config.num_features;
    self->input = kws_arena_take(&arena, self->input_bytes);
    self->posteriors = kws_arena_take(&arena, self->config.num_labels);
    void *scratch = kws_arena_take(&arena, kws_model_scratch_bytes(&self->config));
    if (!kws_arena_fits(&arena)) {
        return KWS_ERROR_ARENA; /* before the model writes to what it did not get */
    }
    const kws_status_t status = kws_model_init(&self->model, &self->config, &arena, scratch);
    return (status == KWS_OK && !kws_arena_fits(&arena)) ? KWS_ERROR_ARENA : status;
}

void inference_init(inference_t *self)
{
    memset(self, 0, sizeof *self);
    kws_bundle_t bundle;
    self->status = open_model(self, &bundle);
    if (self->status == KWS_OK) {
        self->status = take_memory(self);
    }
    if (self->status == KWS_OK) {
        memset(self->input, 0, self->input_bytes);
        memset(self->posteriors, 0, self->config.num_labels);
    }
}

void inference_run(inference_t *self)
{
    kws_model_reset(&self->model);
    for (uint32_t frame = 0; frame < self->config.window_frames; ++frame) {
        (void)kws_model_step(&self->model, self->input + frame * self->config.num_features, self->posteriors);
    }
}
