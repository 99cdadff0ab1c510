/* SPDX-License-Identifier: Apache-2.0 */
#include "door.h"

#include <string.h>

static void log_scores(void *user, const kws_scores_t *scores)
{
    kws_door_t *self = user;
    const uint32_t row = self->num_scores++;
    if (row < self->score_capacity) {
        const size_t num_labels = self->pipeline.decision_config.num_labels;
        self->score_samples[row] = scores->sample_index;
        self->score_frames[row] = scores->frame_index;
        memcpy(self->score_posteriors + row * num_labels, scores->posteriors, num_labels);
        memcpy(self->score_smoothed + row * num_labels, scores->smoothed, num_labels);
    }
}

static void log_event(void *user, const kws_event_t *event)
{
    kws_door_t *self = user;
    if (self->num_events < self->event_capacity) {
        self->events[self->num_events] = *event;
    }
    ++self->num_events;
}

static void log_frame(void *user, const int8_t *features)
{
    kws_door_t *self = user;
    const uint32_t row = self->num_frames++;
    if (self->frames != NULL && row < self->frame_capacity) {
        const size_t num_features = self->pipeline.features_config.num_features;
        memcpy(self->frames + row * num_features, features, num_features);
    }
}

kws_status_t kws_door_init(kws_door_t *self, const kws_bundle_t *bundle, int32_t operating_point, void *arena,
                           uint32_t arena_bytes)
{
    memset(self, 0, sizeof *self);
    const kws_pipeline_hooks_t hooks = {
        .user = self, .on_scores = log_scores, .on_event = log_event, .on_frame = log_frame};
    return kws_pipeline_init(&self->pipeline, bundle, operating_point, &hooks, arena, arena_bytes);
}

void kws_door_feed(kws_door_t *self, const int16_t *samples, uint32_t num_samples)
{
    self->num_scores = 0u;
    self->num_events = 0u;
    self->num_frames = 0u;
    kws_pipeline_feed(&self->pipeline, samples, num_samples);
}

uint32_t kws_door_sizeof(void)
{
    return (uint32_t)sizeof(kws_door_t);
}

uint32_t kws_door_detect(const kws_decision_config_t *config, const uint32_t *frames, const uint64_t *samples,
                         const uint8_t *smoothed, uint32_t num_decisions, kws_event_t *events,
                         uint32_t capacity)
{
    kws_detection_t detection;
    kws_detection_init(&detection, config);
    uint32_t last_frame = 0u;
    uint32_t num_events = 0u;
    for (uint32_t i = 0u; i < num_decisions; ++i) {
        kws_event_t event;
        const uint8_t *row = smoothed + (size_t)i * config->num_labels;
        if (kws_detection_step(&detection, frames[i] - last_frame, row, samples[i], &event)) {
            if (num_events < capacity) {
                events[num_events] = event;
            }
            ++num_events;
        }
        last_frame = frames[i];
    }
    return num_events;
}
