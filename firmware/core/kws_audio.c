#include "kws_audio.h"

#include <string.h>

/* Makes the samples of a block visible before the counter that announces them. Producer and consumer share
 * one core (interrupt and main loop), so the compiler must keep the order; the fence costs the host nothing
 * either. */
static void publish(volatile uint32_t *counter, uint32_t value)
{
    __atomic_thread_fence(__ATOMIC_RELEASE);
    *counter = value;
}

static uint32_t observe(const volatile uint32_t *counter)
{
    const uint32_t value = *counter;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return value;
}

kws_status_t kws_audio_ring_init(kws_audio_ring_t *self, int16_t *samples, uint32_t capacity_samples)
{
    const bool is_power_of_two = capacity_samples != 0u && (capacity_samples & (capacity_samples - 1u)) == 0u;
    if (samples == NULL || !is_power_of_two || capacity_samples > 1u << 31) {
        return KWS_ERROR_ARGUMENT;
    }
    memset(self, 0, sizeof *self);
    self->samples = samples;
    self->capacity_samples = capacity_samples;
    return KWS_OK;
}

uint32_t kws_audio_ring_write(kws_audio_ring_t *self, const int16_t *samples, uint32_t num_samples)
{
    const uint32_t written = self->written;
    const uint32_t space = self->capacity_samples - (written - observe(&self->read));
    const uint32_t count = (num_samples < space) ? num_samples : space;
    const uint32_t start = written & (self->capacity_samples - 1u);
    const uint32_t to_end = self->capacity_samples - start;
    const uint32_t first = (count < to_end) ? count : to_end;
    memcpy(self->samples + start, samples, first * sizeof *samples);
    memcpy(self->samples, samples + first, (count - first) * sizeof *samples);
    publish(&self->written, written + count);
    self->dropped += num_samples - count;
    return count;
}

uint32_t kws_audio_ring_read(kws_audio_ring_t *self, int16_t *samples, uint32_t max_samples)
{
    const uint32_t read = self->read;
    const uint32_t available = observe(&self->written) - read;
    const uint32_t count = (max_samples < available) ? max_samples : available;
    const uint32_t start = read & (self->capacity_samples - 1u);
    const uint32_t to_end = self->capacity_samples - start;
    const uint32_t first = (count < to_end) ? count : to_end;
    memcpy(samples, self->samples + start, first * sizeof *samples);
    memcpy(samples + first, self->samples, (count - first) * sizeof *samples);
    publish(&self->read, read + count);
    return count;
}

uint32_t kws_audio_ring_available(const kws_audio_ring_t *self)
{
    return observe(&self->written) - self->read;
}

kws_status_t kws_audio_framer_init(kws_audio_framer_t *self, uint16_t window_samples, uint16_t hop_samples,
                                   kws_arena_t *arena)
{
    if (window_samples == 0u || hop_samples == 0u) {
        return KWS_ERROR_ARGUMENT;
    }
    self->window = kws_arena_take(arena, window_samples * (uint32_t)sizeof(int16_t));
    self->window_samples = window_samples;
    self->hop_samples = hop_samples;
    kws_audio_framer_reset(self);
    return kws_arena_fits(arena) ? KWS_OK : KWS_ERROR_ARENA;
}

void kws_audio_framer_reset(kws_audio_framer_t *self)
{
    self->filled_samples = 0u;
    self->skip_samples = 0u;
}

/* Makes room for the next hop in a window that is full. Hops longer than the window leave a gap to skip. */
static void advance(kws_audio_framer_t *self)
{
    if (self->hop_samples >= self->window_samples) {
        self->skip_samples = (uint16_t)(self->hop_samples - self->window_samples);
        self->filled_samples = 0u;
        return;
    }
    const uint16_t kept = (uint16_t)(self->window_samples - self->hop_samples);
    memmove(self->window, self->window + self->hop_samples, kept * sizeof *self->window);
    self->filled_samples = kept;
}

uint32_t kws_audio_framer_step(kws_audio_framer_t *self, const int16_t *samples, uint32_t num_samples,
                               bool *complete)
{
    if (self->filled_samples == self->window_samples) {
        advance(self);
    }
    const uint32_t skipped = (num_samples < self->skip_samples) ? num_samples : self->skip_samples;
    self->skip_samples = (uint16_t)(self->skip_samples - skipped);
    const uint32_t wanted = (uint32_t)self->window_samples - self->filled_samples;
    const uint32_t offered = num_samples - skipped;
    const uint32_t count = (offered < wanted) ? offered : wanted;
    memcpy(self->window + self->filled_samples, samples + skipped, count * sizeof *samples);
    self->filled_samples = (uint16_t)(self->filled_samples + count);
    *complete = self->filled_samples == self->window_samples;
    return skipped + count;
}
