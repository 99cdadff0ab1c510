/* SPDX-License-Identifier: Apache-2.0 */
/* Between a microphone and stage 1: takes away the offset that every microphone has, which would keep the gate open. A
 * one-pole high-pass: the mean follows the samples with 1 / 2^7 of what it misses, -3 dB at 20 Hz for 16 kHz. */
#ifndef KWS_DC_BLOCKER_H
#define KWS_DC_BLOCKER_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    int32_t mean_q14;
} kws_dc_blocker_t;

void kws_dc_blocker_reset(kws_dc_blocker_t *self);

/* to may be from. */
void kws_dc_blocker_step(kws_dc_blocker_t *self, const int16_t *from, int16_t *to, uint32_t num_samples);

#ifdef __cplusplus
}
#endif

#endif
