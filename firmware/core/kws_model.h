/* Stage 3 of 5: int8 feature frames -> posteriors, over the layer table of the bundle.
 *
 * CONTRACT (the owner of this stage fills in the MODL layout and the state). One engine, rows in, rows out: every
 * layer keeps a ring of the input rows (time steps) its kernel spans and emits an output row as soon as it can.
 *   streaming models  (time padding VALID everywhere): each frame computes only new rows; the average pool runs
 *                     over the last pool rows. A decision every product of the time strides, once warm.
 *   window models     (any time padding, e.g. SAME): the last window_frames frames are run through the same
 *                     engine from a clean state every decision_frames frames. */
#ifndef KWS_MODEL_H
#define KWS_MODEL_H

#include <stdbool.h>

#include "kws_arena.h"
#include "kws_bundle.h"

typedef struct {
    uint16_t num_features;    /* values per input frame */
    uint16_t num_labels;      /* output size */
    uint16_t window_frames;   /* frames one decision sees */
    uint16_t decision_frames; /* frames between decisions */
    bool streaming;
} kws_model_config_t;

typedef struct {
    const kws_model_config_t *config;
    void *scratch;
} kws_model_t;

kws_status_t kws_model_read(kws_model_config_t *self, kws_span_t section);
uint32_t kws_model_scratch_bytes(const kws_model_config_t *config);
kws_status_t kws_model_init(kws_model_t *self, const kws_model_config_t *config, kws_arena_t *arena, void *scratch);
void kws_model_reset(kws_model_t *self);

/* One frame of num_features values. posteriors: num_labels values, 0..255 (the int8 output + 128); written only
 * when it returns true: a decision was made. */
bool kws_model_step(kws_model_t *self, const int8_t *features, uint8_t *posteriors);

#endif
