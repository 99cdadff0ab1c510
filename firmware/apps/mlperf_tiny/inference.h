/* SPDX-License-Identifier: Apache-2.0 */
/* The model stage alone: feature frames in, posteriors out. */
#ifndef KWS_MLPERF_INFERENCE_H
#define KWS_MLPERF_INFERENCE_H

#include "kws_model.h"

typedef struct {
    kws_model_config_t config;
    kws_model_t model;
    kws_status_t status; /* everything below is valid only when KWS_OK */
    int8_t *input;       /* input_bytes: window_frames rows of num_features */
    uint32_t input_bytes;
    uint8_t *posteriors; /* of the last run: config.num_labels */
} inference_t;

/* Opens the board's bundle and takes its arena. */
void inference_init(inference_t *self);

/* One inference over the whole input, from a clean state. */
void inference_run(inference_t *self);

#endif
