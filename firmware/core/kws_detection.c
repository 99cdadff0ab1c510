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
}

bool kws_detection_step(kws_detection_t *self, uint32_t frames, const uint8_t *smoothed,
                        uint64_t sample_index, kws_event_t *event)
{
    if (self->refractory_left >= frames) {
        self->refractory_left -= frames;
        return false;
    }
    self->refractory_left = 0u;
    uint32_t best = 0u;
    for (uint32_t i = 1u; i < self->config->num_labels; ++i) {
        if (smoothed[i] > smoothed[best]) {
            best = i;
        }
    }
    const uint8_t threshold = self->config->thresholds[best];
    if (threshold == 0u || smoothed[best] < threshold) {
        return false;
    }
    self->refractory_left = self->config->refractory_frames;
    event->sample_index = sample_index;
    event->label = (uint8_t)best;
    event->score = smoothed[best];
    return true;
}
