/* SPDX-License-Identifier: Apache-2.0 */
/* The sound before the gate opened: what the hops slept through leave behind, so that no word onset is lost.
 *
 * Asleep, only audio is kept: of each window its oldest samples, which the framer is about to drop, in a ring of
 * num_frames. When the gate opens, the framer's window is taken back in time and forth again; what does not fit into
 * it on the way lies in the place of what does, so that this takes no other memory. */
#ifndef KWS_PREROLL_H
#define KWS_PREROLL_H

#include "kws_arena.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    int16_t *hops;           /* num_frames x step_samples, a ring by frame index */
    uint16_t num_frames;     /* 0 .. KWS_GATE_MAX_PREROLL_FRAMES */
    uint16_t window_samples; /* as the framer has it */
    uint16_t step_samples;   /* the hop, or the window where that is shorter */
} kws_preroll_t;

void kws_preroll_init(kws_preroll_t *self, uint16_t num_frames, uint16_t window_samples, uint16_t hop_samples,
                      kws_arena_t *arena);

/* Keeps what the framer is about to drop of the window of a frame, in the place of the frame num_frames before it. */
void kws_preroll_keep(const kws_preroll_t *self, uint32_t frame_index, const int16_t *window);

/* Turns the window of the frame behind frame_index into that of frame_index, one of the last num_frames kept. */
void kws_preroll_back(const kws_preroll_t *self, uint32_t frame_index, int16_t *window);

/* Undoes that; frames go forward in the opposite order. */
void kws_preroll_forward(const kws_preroll_t *self, uint32_t frame_index, int16_t *window);

#ifdef __cplusplus
}
#endif

#endif
