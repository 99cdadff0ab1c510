/* Stage 1 of 5: int16 samples in any chunking -> analysis windows.
 *
 * Two parts. The ring is what an interrupt writes and the main loop drains (single producer, single consumer, no
 * locks). The framer cuts the stream into overlapping windows: frame k covers samples
 * [k * hop_samples, k * hop_samples + window_samples), whatever the chunks were. */
#ifndef KWS_AUDIO_H
#define KWS_AUDIO_H

#include <stdbool.h>

#include "kws_arena.h"
#include "kws_status.h"

typedef struct {
    int16_t *samples; /* capacity_samples, a power of two */
    uint32_t capacity_samples;
    volatile uint32_t written; /* total samples ever written; only the producer changes it */
    volatile uint32_t read;    /* total samples ever read; only the consumer changes it */
    volatile uint32_t dropped; /* samples refused because the ring was full; only the producer changes it */
} kws_audio_ring_t;

/* capacity_samples must be a power of two. */
kws_status_t kws_audio_ring_init(kws_audio_ring_t *self, int16_t *samples, uint32_t capacity_samples);
/* Producer side, interrupt safe. Returns how many were stored; the rest is counted in `dropped`. */
uint32_t kws_audio_ring_write(kws_audio_ring_t *self, const int16_t *samples, uint32_t num_samples);
/* Consumer side, without a copy: the oldest samples where they lie, as many as do in a row: less than available when
 * the ring wraps. They stay there until consumed. */
const int16_t *kws_audio_ring_peek(const kws_audio_ring_t *self, uint32_t *num_samples);
/* The oldest num_samples <= available are done with. */
void kws_audio_ring_consume(kws_audio_ring_t *self, uint32_t num_samples);
uint32_t kws_audio_ring_available(const kws_audio_ring_t *self);

typedef struct {
    int16_t *window; /* window_samples; the newest end fills up */
    uint16_t window_samples;
    uint16_t hop_samples;
    uint16_t filled_samples; /* 0 .. window_samples */
    uint16_t skip_samples;   /* still to be ignored before the next window, when the hop is longer than it */
} kws_audio_framer_t;

kws_status_t kws_audio_framer_init(kws_audio_framer_t *self, uint16_t window_samples, uint16_t hop_samples,
                                   kws_arena_t *arena);
void kws_audio_framer_reset(kws_audio_framer_t *self);
/* Samples until the next window is complete, never 0. */
uint32_t kws_audio_framer_wanted(const kws_audio_framer_t *self);
/* Takes samples until a window is complete. Returns how many were taken; *complete says whether `window` now
 * holds a whole frame, which stays valid until the next call. */
uint32_t kws_audio_framer_step(kws_audio_framer_t *self, const int16_t *samples, uint32_t num_samples,
                               bool *complete);

#endif
