/* SPDX-License-Identifier: Apache-2.0 */
/* Sound from the board's microphone: its offset taken away, its start thrown away, losses told. */
#ifndef KWS_APP_MICROPHONE_H
#define KWS_APP_MICROPHONE_H

#include <stdbool.h>
#include <stdint.h>

#include "kws_dc_blocker.h"

typedef struct {
    kws_dc_blocker_t dc_blocker;
    uint32_t settling; /* samples still to be thrown away */
    uint32_t position; /* samples given, lost ones included; of the next one */
    uint32_t lost;     /* right before the next one, and not told yet */
    bool runs;
    bool heard_something; /* since somebody last set this to false */
} microphone_t;

/* Starts it; position 0 is the first sample after settling. False: there is none that could at this rate. */
bool microphone_start(microphone_t *self, uint32_t sample_rate_hz, uint32_t settling_ms);
void microphone_stop(microphone_t *self);

/* Up to max_samples of sound; none when none has come. *lost: samples missing right before them. */
uint32_t microphone_take(microphone_t *self, int16_t *samples, uint32_t max_samples, uint32_t *lost);

#endif
