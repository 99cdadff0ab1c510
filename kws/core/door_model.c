/* SPDX-License-Identifier: Apache-2.0 */
#include "door_model.h"

uint32_t kws_door_model_stream(kws_model_t *self, const int8_t *frames, uint32_t num_frames,
                               uint8_t *posteriors, uint32_t *decision_frames)
{
    const size_t num_features = self->config->num_features;
    uint32_t num_decisions = 0u;
    for (uint32_t i = 0u; i < num_frames; ++i) {
        uint8_t *row = posteriors + (size_t)num_decisions * self->config->num_labels;
        if (kws_model_step(self, frames + i * num_features, row)) {
            decision_frames[num_decisions++] = i;
        }
    }
    return num_decisions;
}

bool kws_door_model_batch(kws_model_t *self, const int8_t *frames, uint32_t num_clips, uint32_t num_frames,
                          uint8_t *posteriors)
{
    const size_t num_features = self->config->num_features;
    bool all_decided = true;
    for (uint32_t clip = 0u; clip < num_clips; ++clip) {
        bool decided = false;
        kws_model_reset(self);
        for (uint32_t i = 0u; i < num_frames; ++i) {
            decided = kws_model_step(self, frames, posteriors) || decided;
            frames += num_features;
        }
        posteriors += self->config->num_labels;
        all_decided = all_decided && decided;
    }
    return all_decided;
}
