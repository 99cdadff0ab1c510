/* SPDX-License-Identifier: Apache-2.0 */
/* Stage 4 of 5: posteriors -> smoothed posteriors, a moving average over the last decisions. Where the bundle asks for a
 * pause before a word, what may fire counts less until there was one. */
#ifndef KWS_SMOOTHING_H
#define KWS_SMOOTHING_H

#include "kws_arena.h"
#include "kws_decision.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    const kws_decision_config_t *config;
    uint8_t *ring;  /* smoothing_decisions rows of num_labels posteriors */
    uint16_t *sums; /* num_labels; at most 64 * 255 */
    uint16_t next_row;
    uint16_t num_rows;    /* rows seen since reset, up to smoothing_decisions */
    uint32_t since_pause; /* decisions: 2^32 of 20 ms are 2.7 years */
} kws_smoothing_t;

kws_status_t kws_smoothing_init(kws_smoothing_t *self, const kws_decision_config_t *config,
                                kws_arena_t *arena);
void kws_smoothing_reset(kws_smoothing_t *self);

/* There was a pause, whatever the posteriors said. */
void kws_smoothing_pause(kws_smoothing_t *self);

/* posteriors, smoothed: num_labels values, 0..255 = 0..1. Averages over the rows seen so far until the ring is
 * full, rounding half up, or as whole_windows of the config says; labels
 * with a threshold are less by the penalty where the pause that is asked for, or a word after it, was too long ago. */
void kws_smoothing_step(kws_smoothing_t *self, const uint8_t *posteriors, uint8_t *smoothed);

#ifdef __cplusplus
}
#endif

#endif
