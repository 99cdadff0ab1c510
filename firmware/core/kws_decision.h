/* SPDX-License-Identifier: Apache-2.0 */
/* The DECN section: how posteriors become events. Shared by stages 4 (smoothing) and 5 (detection).
 *
 *   offset  size  field
 *        0     2  num_labels                (equals the label count and the model's output size)
 *        2     1  smoothing_decisions       (moving average over this many posterior vectors, 1 .. 64)
 *        3     1  whole_windows             (0: until the average is full, over what there is; rounded half up. 0x80 + r,
 *                                            r < smoothing_decisions: 0 until it is full; floor((sum + r) / decisions),
 *                                            so that a threshold can lie on any sum. + 0x40: a pause is asked for, below)
 *        4     2  refractory_frames         (no second event of a label for this many frames after one, of another for half as
 *                                            many, rounded down; 1 frame = 1 hop)
 *        6     1  num_operating_points      (1 .. 8)
 *        7     1  default_operating_point   (index)
 *        8   ...  operating points, each: uint32 milli_fa_per_hour (false accepts per 1000 h; UINT32_MAX = not
 *                 measured), then num_labels threshold bytes, padded with zeros to a multiple of 4
 *      ...     8  only if a pause is asked for: uint8 label of the pause, uint8 score it must reach (1 .. 255), uint16 within
 *                 how many decisions, uint8 penalty without one (1 .. 255), three zeros
 *
 * A pause before a word makes it likelier that it is meant: the smoothed posterior of the pause's label reached its score at
 * this decision or one of the last so many. Without one, a word's smoothed posterior is less by the penalty, but not less
 * than 0; 255 lets whoever talks on wake nothing. A stream begins with a pause, and so does what is heard after the gate was
 * closed. A word that is heard after one and reaches KWS_DECISION_FOLLOWED counts as one too: whoever says command after
 * command need not wait between them.
 *
 * A threshold of 0 marks a label that never fires (silence, unknown). */
#ifndef KWS_DECISION_H
#define KWS_DECISION_H

#include <stdbool.h>

#include "kws_bundle.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    KWS_DECISION_HEADER_BYTES = 8,
    KWS_DECISION_MAX_SMOOTHING = 64,
    KWS_DECISION_WHOLE_WINDOWS = 0x80,
    KWS_DECISION_PAUSE = 0x40,
    KWS_DECISION_FOLLOWED = 96, /* smoothed posterior of a word behind which the next needs no pause */
    KWS_DECISION_MAX_OPERATING_POINTS = 8,
    KWS_MAX_LABELS = 255
};

typedef struct {
    uint16_t num_labels;
    uint8_t smoothing_decisions;
    bool whole_windows;
    uint8_t whole_windows_rounding; /* r */
    uint8_t pause_label;
    uint8_t pause_score;      /* 0: no pause is asked for */
    uint8_t pause_penalty;    /* of a word without one */
    uint16_t pause_decisions; /* a pause so many decisions ago still counts */
    uint16_t refractory_frames;
    uint8_t num_operating_points;
    uint8_t operating_point;    /* the one chosen */
    uint32_t milli_fa_per_hour; /* of the one chosen */
    const uint8_t *thresholds;  /* num_labels, of the one chosen */
} kws_decision_config_t;

/* operating_point: an index, or negative for the bundle's default. */
kws_status_t kws_decision_read(kws_decision_config_t *self, kws_span_t section, int32_t operating_point);

#ifdef __cplusplus
}
#endif

#endif
