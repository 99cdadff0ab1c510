/* SPDX-License-Identifier: Apache-2.0 */
/* Host-only batch loops over the core's functions: Python never loops over frames. */
#ifndef KWS_DOOR_H
#define KWS_DOOR_H

#include "kws_pipeline.h"

/* One record of everything the pipeline told while fed: filled by kws_door_feed. */
typedef struct {
    kws_pipeline_t pipeline;
    /* Growing logs; capacity in rows. A row that does not fit is counted and not stored. */
    uint64_t *score_samples;   /* sample_index of each decision */
    uint32_t *score_frames;    /* frame_index of each decision */
    uint8_t *score_posteriors; /* num_labels a row */
    uint8_t *score_smoothed;   /* num_labels a row */
    uint32_t score_capacity;
    uint32_t num_scores;
    kws_event_t *events;
    uint32_t event_capacity;
    uint32_t num_events;
    int8_t *frames; /* num_features a row, or NULL: not wanted */
    uint32_t frame_capacity;
    uint32_t num_frames;
} kws_door_t;

kws_status_t kws_door_init(kws_door_t *self, const kws_bundle_t *bundle, int32_t operating_point, void *arena,
                           uint32_t arena_bytes);
/* Feeds samples; the logs restart at row 0. */
void kws_door_feed(kws_door_t *self, const int16_t *samples, uint32_t num_samples);
uint32_t kws_door_sizeof(void);

/* Stage 5 alone over a whole track of decisions, as if just reset: frames[i] is the newest frame of decision
 * i. Returns how many events there were; the first capacity of them are in events. */
uint32_t kws_door_detect(const kws_decision_config_t *config, const uint32_t *frames, const uint64_t *samples,
                         const uint8_t *smoothed, uint32_t num_decisions, kws_event_t *events,
                         uint32_t capacity);

#endif
