/* The sound before the gate opened: what the hops slept through leave behind, so that no word onset is lost.
 *
 * Asleep, only audio is kept: of each window its oldest samples, which the framer is about to drop, in a ring of
 * num_frames. When the gate opens, the windows before the newest one are put together again, newest first and in the
 * framer's own memory: the part that two windows share is there already. */
#ifndef KWS_PREROLL_H
#define KWS_PREROLL_H

#include "kws_arena.h"

typedef struct {
    int16_t *hops;           /* num_frames x step_samples, a ring by frame index */
    int16_t *tail;           /* of the newest window: window_samples - step_samples */
    uint16_t num_frames;     /* 0 .. KWS_GATE_MAX_PREROLL_FRAMES */
    uint16_t step_samples;   /* the hop, or the window where that is shorter */
    uint16_t window_samples; /* as the framer has it */
} kws_preroll_t;

void kws_preroll_init(kws_preroll_t *self, uint16_t num_frames, uint16_t window_samples, uint16_t hop_samples,
                      kws_arena_t *arena);

/* Keeps what the framer is about to drop of the window of a frame, in place of the frame num_frames before it. */
void kws_preroll_keep(kws_preroll_t *self, uint32_t frame_index, const int16_t *window);

/* Going back in time: save the newest window's tail; turn the window of the frame behind into that of frame_index, one
 * of the last num_frames kept, again and again; then give the framer back what its next window begins with. */
void kws_preroll_save(kws_preroll_t *self, const int16_t *window);
void kws_preroll_back(const kws_preroll_t *self, uint32_t frame_index, int16_t *window);
void kws_preroll_restore(const kws_preroll_t *self, int16_t *window);

#endif
