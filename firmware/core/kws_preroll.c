#include "kws_preroll.h"

#include <string.h>

static int16_t *hop_of(const kws_preroll_t *self, uint32_t frame_index)
{
    return self->hops + (frame_index % self->num_frames) * self->step_samples;
}

static size_t hop_bytes(const kws_preroll_t *self)
{
    return self->step_samples * sizeof(int16_t);
}

static size_t tail_bytes(const kws_preroll_t *self)
{
    return ((size_t)self->window_samples - self->step_samples) * sizeof(int16_t);
}

void kws_preroll_init(kws_preroll_t *self, uint16_t num_frames, uint16_t window_samples, uint16_t hop_samples,
                      kws_arena_t *arena)
{
    self->num_frames = num_frames;
    self->step_samples = (hop_samples < window_samples) ? hop_samples : window_samples;
    self->window_samples = window_samples;
    self->hops = kws_arena_take(arena, num_frames * (uint32_t)hop_bytes(self));
    self->tail = kws_arena_take(arena, (num_frames > 0u) ? (uint32_t)tail_bytes(self) : 0u);
}

void kws_preroll_keep(kws_preroll_t *self, uint32_t frame_index, const int16_t *window)
{
    if (self->num_frames > 0u) {
        memcpy(hop_of(self, frame_index), window, hop_bytes(self));
    }
}

void kws_preroll_save(kws_preroll_t *self, const int16_t *window)
{
    memcpy(self->tail, window + self->step_samples, tail_bytes(self));
}

void kws_preroll_back(const kws_preroll_t *self, uint32_t frame_index, int16_t *window)
{
    memmove(window + self->step_samples, window, tail_bytes(self));
    memcpy(window, hop_of(self, frame_index), hop_bytes(self));
}

void kws_preroll_restore(const kws_preroll_t *self, int16_t *window)
{
    memcpy(window + self->step_samples, self->tail, tail_bytes(self));
}
