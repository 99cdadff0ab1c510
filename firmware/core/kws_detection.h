/* SPDX-License-Identifier: Apache-2.0 */
/* Stage 5 of 5: smoothed posteriors -> detection events. */
#ifndef KWS_DETECTION_H
#define KWS_DETECTION_H

#include <stdbool.h>

#include "kws_decision.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    uint64_t sample_index; /* samples heard when it fired: one past the newest sample of the newest frame */
    uint8_t label;
    uint8_t score; /* the smoothed posterior that fired, 0..255 = 0..1 */
} kws_event_t;

typedef struct {
    const kws_decision_config_t *config;
    uint32_t refractory_left; /* frames */
    uint32_t last_label;      /* of the last event, while frames are left */
} kws_detection_t;

void kws_detection_init(kws_detection_t *self, const kws_decision_config_t *config);
void kws_detection_reset(kws_detection_t *self);

/* One decision. frames: how many frames passed since the decision before (>= 1). smoothed: num_labels values.
 * The highest posterior wins (the lower index on a tie); it fires when it reaches its label's threshold outside
 * the refractory time, which is half as long for another label than the one that fired. True when *event was
 * filled. Call from the main loop, never from an interrupt. */
bool kws_detection_step(kws_detection_t *self, uint32_t frames, const uint8_t *smoothed,
                        uint64_t sample_index, kws_event_t *event);

#ifdef __cplusplus
}
#endif

#endif
