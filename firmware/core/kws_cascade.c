/* SPDX-License-Identifier: Apache-2.0 */
#include "kws_cascade.h"

#include <string.h>

enum {
    MS_PER_S = 1000
};

static void on_stage(void *user, kws_stage_t stage, bool begins)
{
    const kws_cascade_t *self = user;
    self->hooks.on_stage(self->hooks.user, stage, begins);
}

static void on_frame(void *user, const int8_t *features)
{
    const kws_cascade_t *self = user;
    self->hooks.on_frame(self->hooks.user, features);
}

static void on_scores(void *user, const kws_scores_t *scores)
{
    const kws_cascade_t *self = user;
    kws_scores_t told = *scores;
    told.sample_index += self->began;
    self->hooks.on_scores(self->hooks.user, &told);
}

static void on_event(void *user, const kws_event_t *event)
{
    kws_cascade_t *self = user;
    self->woken = true;
    if (self->hooks.on_event != NULL) {
        kws_event_t told = *event;
        told.sample_index += self->began;
        self->hooks.on_event(self->hooks.user, &told);
    }
}

/* Gives the stream to the pipeline of one of the bundles, from here on. */
static kws_status_t begin(kws_cascade_t *self, const kws_bundle_t *bundle)
{
    const bool is_wake = bundle == self->config.wake;
    const kws_pipeline_hooks_t hooks = {.user = self,
                                        .on_stage = self->hooks.on_stage != NULL ? on_stage : NULL,
                                        .on_frame = self->hooks.on_frame != NULL ? on_frame : NULL,
                                        .on_scores = self->hooks.on_scores != NULL ? on_scores : NULL,
                                        .on_event = on_event};
    const kws_status_t status =
        kws_pipeline_init(&self->pipeline, bundle, is_wake ? self->config.operating_point : -1, &hooks,
                          self->arena_base, self->arena_bytes);
    const uint32_t rate_hz = self->pipeline.features_config.sample_rate_hz;
    const uint32_t window_ms = is_wake ? 0u : self->config.window_ms;
    self->began = self->position;
    self->window_left = window_ms / MS_PER_S * rate_hz + window_ms % MS_PER_S * rate_hz / MS_PER_S;
    return status;
}

int64_t kws_cascade_arena_bytes(const kws_cascade_config_t *config)
{
    const int64_t wake = kws_pipeline_arena_bytes(config->wake);
    const int64_t commands = config->commands != NULL ? kws_pipeline_arena_bytes(config->commands) : 0;
    if (wake < 0 || commands < 0) {
        return wake < 0 ? wake : commands;
    }
    return wake > commands ? wake : commands;
}

kws_status_t kws_cascade_init(kws_cascade_t *self, const kws_cascade_config_t *config,
                              const kws_pipeline_hooks_t *hooks, void *arena_base, uint32_t arena_bytes)
{
    memset(self, 0, sizeof *self);
    self->config = *config;
    self->arena_base = arena_base;
    self->arena_bytes = arena_bytes;
    if (hooks != NULL) {
        self->hooks = *hooks;
    }
    uint32_t rate_hz = 0u;
    if (config->commands != NULL) { /* tried now: later beginnings cannot fail */
        if (config->window_ms == 0u) {
            return KWS_ERROR_ARGUMENT;
        }
        const kws_status_t status = begin(self, config->commands);
        if (status != KWS_OK) {
            return status;
        }
        rate_hz = self->pipeline.features_config.sample_rate_hz;
    }
    const kws_status_t status = begin(self, config->wake);
    const bool agree = rate_hz == 0u || rate_hz == self->pipeline.features_config.sample_rate_hz;
    return status == KWS_OK && !agree ? KWS_ERROR_UNSUPPORTED : status;
}

const kws_bundle_t *kws_cascade_bundle(const kws_cascade_t *self)
{
    return self->window_left > 0u ? self->config.commands : self->config.wake;
}

/* After num_samples more: whose turn it is. */
static void take_turns(kws_cascade_t *self, uint32_t num_samples)
{
    if (self->window_left > num_samples) {
        self->window_left -= num_samples;
    } else if (self->window_left > 0u) {
        (void)begin(self, self->config.wake);
    } else if (self->woken && self->config.commands != NULL) {
        (void)begin(self, self->config.commands);
    }
    self->woken = false;
}

void kws_cascade_feed(kws_cascade_t *self, const int16_t *samples, uint32_t num_samples)
{
    while (num_samples > 0u) {
        /* At most one frame at a time: an event lies at the end of what was fed. */
        uint32_t count = kws_audio_framer_wanted(&self->pipeline.audio);
        count = count < num_samples ? count : num_samples;
        count = self->window_left > 0u && self->window_left < count ? self->window_left : count;
        kws_pipeline_feed(&self->pipeline, samples, count);
        self->position += count;
        take_turns(self, count);
        samples += count;
        num_samples -= count;
    }
}

void kws_cascade_skip(kws_cascade_t *self, uint32_t num_samples)
{
    kws_pipeline_skip(&self->pipeline, num_samples);
    self->position += num_samples;
    take_turns(self, num_samples);
}
