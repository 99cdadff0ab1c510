/* SPDX-License-Identifier: Apache-2.0 */
/* Host-only batch loops over stage 3. */
#ifndef KWS_DOOR_MODEL_H
#define KWS_DOOR_MODEL_H

#include "kws_model.h"

/* Feeds num_frames frames. Decision k's posteriors go to posteriors[k * num_labels ...] and the index of the frame
 * that completed it to decision_frames[k]. Returns the number of decisions; room for num_frames is assumed. */
uint32_t kws_door_model_stream(kws_model_t *self, const int8_t *frames, uint32_t num_frames,
                               uint8_t *posteriors, uint32_t *decision_frames);

/* Runs each clip of num_frames frames from a clean state and keeps its last decision in posteriors[clip]. Returns
 * false when a clip was too short for one. */
bool kws_door_model_batch(kws_model_t *self, const int8_t *frames, uint32_t num_clips, uint32_t num_frames,
                          uint8_t *posteriors);

#endif
