/* SPDX-License-Identifier: Apache-2.0 */
/* Where the cycles go: per stage of the pipeline, and in all. */
#ifndef KWS_STATISTICS_H
#define KWS_STATISTICS_H

#include "kws_pipeline.h"
#include "kws_protocol.h"

typedef struct {
    uint64_t stage_cycles[KWS_NUM_STAGES];
    uint64_t busy_cycles;
    uint32_t stage_calls[KWS_NUM_STAGES];
    uint32_t stage_peak_cycles[KWS_NUM_STAGES];
    uint32_t sleeps;
    uint32_t stage_began; /* value of the cycle counter */
    uint32_t awake_since;
} statistics_t;

void statistics_reset(statistics_t *self);

/* A stage begins or ends; for the pipeline's on_stage hook. */
void statistics_stage(statistics_t *self, kws_stage_t stage, bool begins);

/* After each turn of the main loop: the cycle counter may wrap once between two of them, not more. */
void statistics_busy(statistics_t *self);

/* After the main loop has slept. */
void statistics_wake(statistics_t *self);

/* Everything but what belongs to the pipeline. */
void statistics_write(const statistics_t *self, kws_message_statistics_t *message);

#endif
