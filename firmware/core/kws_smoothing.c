/* SPDX-License-Identifier: Apache-2.0 */
#include "kws_smoothing.h"

#include <stdbool.h>
#include <string.h>

kws_status_t kws_smoothing_init(kws_smoothing_t *self, const kws_decision_config_t *config,
                                kws_arena_t *arena)
{
    const uint32_t num_labels = config->num_labels;
    self->config = config;
    self->ring = kws_arena_take(arena, config->smoothing_decisions * num_labels);
    self->sums = kws_arena_take(arena, num_labels * (uint32_t)sizeof(uint16_t));
    if (arena->base == NULL) {
        return KWS_OK; /* counting only: there is no memory to clear */
    }
    if (!kws_arena_fits(arena)) {
        return KWS_ERROR_ARENA;
    }
    kws_smoothing_reset(self);
    return KWS_OK;
}

void kws_smoothing_reset(kws_smoothing_t *self)
{
    memset(self->sums, 0, self->config->num_labels * sizeof(uint16_t));
    self->next_row = 0u;
    self->num_rows = 0u;
    kws_smoothing_pause(self);
}

void kws_smoothing_pause(kws_smoothing_t *self)
{
    self->since_pause = 0u;
}

/* Hardly anybody says a command in the middle of a sentence; but commands may follow each other. */
static void ask_for_pause(kws_smoothing_t *self, uint8_t *smoothed)
{
    const kws_decision_config_t *config = self->config;
    if (smoothed[config->pause_label] >= config->pause_score) {
        kws_smoothing_pause(self);
        return;
    }
    const bool without = ++self->since_pause > config->pause_decisions;
    for (uint32_t i = 0u; i < config->num_labels; ++i) {
        if (config->thresholds[i] == 0u) {
            continue;
        }
        if (without) {
            const uint8_t less = config->pause_penalty;
            smoothed[i] -= (smoothed[i] < less) ? smoothed[i] : less;
        } else if (smoothed[i] >= KWS_DECISION_FOLLOWED) {
            kws_smoothing_pause(self);
        }
    }
}

void kws_smoothing_step(kws_smoothing_t *self, const uint8_t *posteriors, uint8_t *smoothed)
{
    const uint32_t num_labels = self->config->num_labels;
    const uint32_t capacity = self->config->smoothing_decisions;
    uint8_t *row = self->ring + self->next_row * num_labels;
    const bool full = self->num_rows == capacity;
    if (!full) {
        ++self->num_rows;
    }
    uint16_t *sums = self->sums; /* locals: what the loop stores cannot change them */
    const uint32_t num_rows = self->num_rows;
    const bool whole = self->config->whole_windows;
    const uint32_t rounding = whole ? self->config->whole_windows_rounding : num_rows >> 1;
    for (uint32_t i = 0u; i < num_labels; ++i) {
        uint32_t sum = (uint32_t)sums[i] + posteriors[i];
        if (full) {
            sum -= row[i]; /* the oldest row leaves the average */
        }
        row[i] = posteriors[i];
        sums[i] = (uint16_t)sum;
        smoothed[i] = (uint8_t)((sum + rounding) / num_rows);
    }
    if (whole && num_rows < capacity) {
        memset(smoothed, 0, num_labels);
    }
    if (self->config->pause_score > 0u) {
        ask_for_pause(self, smoothed);
    }
    self->next_row = (uint16_t)((self->next_row + 1u == capacity) ? 0u : self->next_row + 1u);
}
