/* SPDX-License-Identifier: Apache-2.0 */
#include "kws_preroll.h"

#include <string.h>

static int16_t *hop_of(const kws_preroll_t *self, uint32_t frame_index)
{
    return self->hops + (frame_index % self->num_frames) * self->step_samples;
}

void kws_preroll_init(kws_preroll_t *self, uint16_t num_frames, uint16_t window_samples, uint16_t hop_samples,
                      kws_arena_t *arena)
{
    self->num_frames = num_frames;
    self->window_samples = window_samples;
    self->step_samples = (hop_samples < window_samples) ? hop_samples : window_samples;
    self->hops = kws_arena_take(arena, num_frames * (uint32_t)self->step_samples * (uint32_t)sizeof(int16_t));
}

void kws_preroll_keep(const kws_preroll_t *self, uint32_t frame_index, const int16_t *window)
{
    if (self->num_frames > 0u) {
        memcpy(hop_of(self, frame_index), window, self->step_samples * sizeof(int16_t));
    }
}

/* Changes the part of the window at `at`, one step long or what is left of it, for what lies in the hop. */
static void exchange(const kws_preroll_t *self, int16_t *hop, int16_t *window, uint32_t at)
{
    const uint32_t left = self->window_samples - at;
    const uint32_t count = (left < self->step_samples) ? left : self->step_samples;
    for (uint32_t i = 0u; i < count; ++i) {
        const int16_t sample = window[at + i];
        window[at + i] = hop[i];
        hop[i] = sample;
    }
}

/* The hop goes in at the front, each step moves up into the next one, and what drops out stays in the hop. */
void kws_preroll_back(const kws_preroll_t *self, uint32_t frame_index, int16_t *window)
{
    for (uint32_t at = 0u; at < self->window_samples; at += self->step_samples) {
        exchange(self, hop_of(self, frame_index), window, at);
    }
}

void kws_preroll_forward(const kws_preroll_t *self, uint32_t frame_index, int16_t *window)
{
    const uint32_t num_steps = (self->window_samples + self->step_samples - 1u) / self->step_samples;
    for (uint32_t i = num_steps; i > 0u; --i) {
        exchange(self, hop_of(self, frame_index), window, (i - 1u) * self->step_samples);
    }
}
