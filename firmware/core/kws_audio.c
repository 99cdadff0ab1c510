/* SPDX-License-Identifier: Apache-2.0 */
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

void kws_audio_ring_commit(kws_audio_ring_t *self, uint32_t num_samples)
{
    publish(&self->written, self->written + num_samples);
}

void kws_audio_ring_lose(kws_audio_ring_t *self, uint32_t num_samples)
{
    self->gap = self->written;
    publish(&self->lost, self->lost + num_samples);
}

bool kws_audio_ring_has_gap(const kws_audio_ring_t *self)
{
    return self->lost != observe(&self->lost_taken);
}

uint32_t kws_audio_ring_take_lost(kws_audio_ring_t *self)
{
    const uint32_t lost = observe(&self->lost) - self->lost_taken;
    if (lost == 0u || self->gap != self->read) {
        return 0u;
    }
    publish(&self->lost_taken, self->lost_taken + lost);
    return lost;
}

const int16_t *kws_audio_ring_peek(const kws_audio_ring_t *self, uint32_t *num_samples)
{
    uint32_t available =
        kws_audio_ring_available(self); /* before the look at the gap, which lies here or behind */
    if (observe(&self->lost) != self->lost_taken && self->gap - self->read < available) {
        available = self->gap - self->read;
    }
    const uint32_t start = self->read & (self->capacity_samples - 1u);
    const uint32_t to_end = self->capacity_samples - start;
    *num_samples = (available < to_end) ? available : to_end;
    return self->samples + start;
}

void kws_audio_ring_consume(kws_audio_ring_t *self, uint32_t num_samples)
{
    publish(&self->read, self->read + num_samples);
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

/* 16 samples in pairs, aligned or not: eight loads in a row, then eight stores, each a single cycle. */
static inline void copy_16(int16_t *to, const int16_t *from)
{
    uint32_t a, b, c, d, e, f, g, h;
    memcpy(&a, from, 4);
    memcpy(&b, from + 2, 4);
    memcpy(&c, from + 4, 4);
    memcpy(&d, from + 6, 4);
    memcpy(&e, from + 8, 4);
    memcpy(&f, from + 10, 4);
    memcpy(&g, from + 12, 4);
    memcpy(&h, from + 14, 4);
    memcpy(to, &a, 4);
    memcpy(to + 2, &b, 4);
    memcpy(to + 4, &c, 4);
    memcpy(to + 6, &d, 4);
    memcpy(to + 8, &e, 4);
    memcpy(to + 10, &f, 4);
    memcpy(to + 12, &g, 4);
    memcpy(to + 14, &h, 4);
}

/* Goes upwards, so the two may overlap when `to` is the lower one. All that this stage costs: the library's memcpy
 * loads and stores by turns, which takes a fifth longer. */
static void copy_samples(int16_t *to, const int16_t *from, uint32_t num_samples)
{
    for (; num_samples >= 32u; num_samples -= 32u) {
        copy_16(to, from);
        copy_16(to + 16, from + 16);
        to += 32;
        from += 32;
    }
    for (; num_samples > 0u; --num_samples) {
        *to++ = *from++;
    }
}

/* Makes room for the next hop in a window that is full. Hops longer than the window leave a gap to skip. */
static void advance(kws_audio_framer_t *self)
{
    if (self->hop_samples >= self->window_samples) {
        self->skip_samples = (uint32_t)self->hop_samples - self->window_samples;
        self->filled_samples = 0u;
        return;
    }
    const uint16_t kept = (uint16_t)(self->window_samples - self->hop_samples);
    copy_samples(self->window, self->window + self->hop_samples, kept);
    self->filled_samples = kept;
}

uint32_t kws_audio_framer_wanted(const kws_audio_framer_t *self)
{
    if (self->filled_samples == self->window_samples) {
        return self->hop_samples;
    }
    return self->skip_samples + self->window_samples - self->filled_samples;
}

uint32_t kws_audio_framer_skip(kws_audio_framer_t *self, uint32_t num_samples, uint32_t pending,
                               uint32_t step)
{
    if (num_samples == 0u) {
        return 0u;
    }
    if (self->filled_samples == self->window_samples) {
        advance(self);
    }
    /* Of the next window's first sample, behind the gap: negative when that is still to come. */
    const int64_t begun = (int64_t)self->filled_samples - self->skip_samples + num_samples;
    uint32_t windows = 0u;
    if (begun >
        0) { /* the quotient rounded up; divided in 32 bits, as a division of 64 costs 900 bytes of flash */
        const uint32_t over = (begun > UINT32_MAX) ? (uint32_t)(begun - UINT32_MAX) : 0u;
        const uint32_t most = (uint32_t)(begun - over);
        const uint32_t rest = most % self->hop_samples + over;
        windows = most / self->hop_samples + (rest + self->hop_samples - 1u) / self->hop_samples;
    }
    windows += (step - (pending % step + windows % step) % step) % step;
    self->filled_samples = 0u;
    self->skip_samples = (uint32_t)((int64_t)((uint64_t)windows * self->hop_samples) - begun);
    return windows;
}

uint32_t kws_audio_framer_step(kws_audio_framer_t *self, const int16_t *samples, uint32_t num_samples,
                               bool *complete)
{
    if (self->filled_samples == self->window_samples) {
        advance(self);
    }
    const uint32_t skipped = (num_samples < self->skip_samples) ? num_samples : self->skip_samples;
    self->skip_samples -= skipped;
    const uint32_t wanted = (uint32_t)self->window_samples - self->filled_samples;
    const uint32_t offered = num_samples - skipped;
    const uint32_t count = (offered < wanted) ? offered : wanted;
    copy_samples(self->window + self->filled_samples, samples + skipped, count);
    self->filled_samples = (uint16_t)(self->filled_samples + count);
    *complete = self->filled_samples == self->window_samples;
    return skipped + count;
}
