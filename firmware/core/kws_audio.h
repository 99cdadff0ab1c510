/* SPDX-License-Identifier: Apache-2.0 */
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

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    int16_t *samples; /* capacity_samples, a power of two */
    uint32_t capacity_samples;
    volatile uint32_t written; /* total samples ever written; only the producer changes it */
    volatile uint32_t read;    /* total samples ever read; only the consumer changes it */
    volatile uint32_t dropped; /* samples refused because the ring was full; only the producer changes it */
    volatile uint32_t lost;    /* samples that never came, all gaps together; only the producer changes it */
    volatile uint32_t gap;     /* where the newest gap lies: between the samples before it and those behind */
    volatile uint32_t lost_taken; /* of them, those the consumer knows of */
} kws_audio_ring_t;

/* capacity_samples must be a power of two. */
kws_status_t kws_audio_ring_init(kws_audio_ring_t *self, int16_t *samples, uint32_t capacity_samples);
/* Producer side, interrupt safe. Returns how many were stored; the rest is counted in `dropped`. */
uint32_t kws_audio_ring_write(kws_audio_ring_t *self, const int16_t *samples, uint32_t num_samples);
/* Producer side, for DMA that wrote in place: the next num_samples are there. There was room for them. */
void kws_audio_ring_commit(kws_audio_ring_t *self, uint32_t num_samples);
/* Producer side: num_samples are missing between the last ones and the next. A gap must be taken before there can be
 * another one elsewhere: while kws_audio_ring_has_gap, only lose more, or commit and then lose nothing. */
void kws_audio_ring_lose(kws_audio_ring_t *self, uint32_t num_samples);
bool kws_audio_ring_has_gap(const kws_audio_ring_t *self);
/* Consumer side: samples missing right before those that come next; 0 while there are some to consume before the gap.
 * Each is told once. */
uint32_t kws_audio_ring_take_lost(kws_audio_ring_t *self);
/* Consumer side, without a copy: the oldest samples where they lie, as many as do in a row: less than available when
 * the ring wraps, or at a gap. They stay there until consumed. */
const int16_t *kws_audio_ring_peek(const kws_audio_ring_t *self, uint32_t *num_samples);
/* The oldest num_samples <= available are done with. */
void kws_audio_ring_consume(kws_audio_ring_t *self, uint32_t num_samples);
uint32_t kws_audio_ring_available(const kws_audio_ring_t *self);

typedef struct {
    int16_t *window; /* window_samples; the newest end fills up */
    uint16_t window_samples;
    uint16_t hop_samples;
    uint16_t filled_samples; /* 0 .. window_samples */
    uint32_t
        skip_samples; /* still to be ignored before the next window: the hop is longer than it, or a gap */
} kws_audio_framer_t;

kws_status_t kws_audio_framer_init(kws_audio_framer_t *self, uint16_t window_samples, uint16_t hop_samples,
                                   kws_arena_t *arena);
void kws_audio_framer_reset(kws_audio_framer_t *self);
/* Samples until the next window is complete, never 0. */
uint32_t kws_audio_framer_wanted(const kws_audio_framer_t *self);
/* num_samples are missing. Returns how many windows are lost with them, rounded up so that `pending` and they are a
 * multiple of `step`; the next window is the first whole one behind those. */
uint32_t kws_audio_framer_skip(kws_audio_framer_t *self, uint32_t num_samples, uint32_t pending,
                               uint32_t step);
/* Takes samples until a window is complete. Returns how many were taken; *complete says whether `window` now
 * holds a whole frame, which stays valid until the next call. */
uint32_t kws_audio_framer_step(kws_audio_framer_t *self, const int16_t *samples, uint32_t num_samples,
                               bool *complete);

#ifdef __cplusplus
}
#endif

#endif
