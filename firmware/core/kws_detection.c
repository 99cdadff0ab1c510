/* SPDX-License-Identifier: Apache-2.0 */
#include "kws_detection.h"

void kws_detection_init(kws_detection_t *self, const kws_decision_config_t *config)
{
    self->config = config;
    kws_detection_reset(self);
}

void kws_detection_reset(kws_detection_t *self)
{
    self->refractory_left = 0u;
    self->last_label = 0u;
}

static uint32_t highest(const uint8_t *values, uint32_t num_values)
{
    uint32_t best = 0u;
    for (uint32_t i = 1u; i < num_values; ++i) {
        if (values[i] > values[best]) {
            best = i;
        }
    }
    return best;
}

/* What was said stays in the window for a while and would fire again; what is said next must not wait for that. */
static bool rests(kws_detection_t *self, uint32_t frames, uint32_t label)
{
    if (self->refractory_left < frames) {
        self->refractory_left = 0u;
        return false;
    }
    self->refractory_left -= frames;
    return label == self->last_label || 2u * self->refractory_left >= self->config->refractory_frames;
}

bool kws_detection_step(kws_detection_t *self, uint32_t frames, const uint8_t *smoothed,
                        uint64_t sample_index, kws_event_t *event)
{
    const uint32_t best = highest(smoothed, self->config->num_labels);
    const uint8_t threshold = self->config->thresholds[best];
    if (rests(self, frames, best) || threshold == 0u || smoothed[best] < threshold) {
        return false;
    }
    self->refractory_left = self->config->refractory_frames;
    self->last_label = best;
    event->sample_index = sample_index;
    event->label = (uint8_t)best;
    event->score = smoothed[best];
    return true;
}
