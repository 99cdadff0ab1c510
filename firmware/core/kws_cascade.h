/* SPDX-License-Identifier: Apache-2.0 */
/* A wake word, then commands: two bundles that hear one stream in turn.
 *
 * The pipeline of the wake word hears until it has an event. From the very next sample on the pipeline of the commands
 * hears, for window_ms; then that of the wake word again. Each begins as if there had been silence before, and both
 * live in one arena, as large as the larger of them needs. With one bundle only (commands is NULL) this is kws_pipeline.
 * Results do not depend on how the audio was cut into chunks. */
#ifndef KWS_CASCADE_H
#define KWS_CASCADE_H

#include "kws_pipeline.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    KWS_COMMAND_WINDOW_MS = 5000 /* of products, and wherever nobody says otherwise */
};

typedef struct {
    const kws_bundle_t *wake;
    const kws_bundle_t *commands; /* or NULL */
    int32_t operating_point;      /* of the wake word: an index, or negative for the bundle's default */
    uint32_t window_ms;           /* commands are listened for so long; not 0 when there are commands */
} kws_cascade_config_t;

typedef struct {
    kws_cascade_config_t config;
    kws_pipeline_t pipeline; /* that hears now */
    kws_pipeline_hooks_t hooks;
    void *arena_base;
    uint32_t arena_bytes;
    uint32_t window_left; /* samples; 0: the wake word is listened for */
    uint64_t position;    /* samples of the stream so far */
    uint64_t began;       /* where in the stream the pipeline's sample 0 lies */
    bool woken;           /* by the samples fed last */
} kws_cascade_t;

/* Arena that both need, or a negative kws_status_t. */
int64_t kws_cascade_arena_bytes(const kws_cascade_config_t *config);

/* hooks: as for kws_pipeline_init; indices of samples are those of the stream, those of frames and labels those of the
 * bundle that hears (kws_cascade_bundle). KWS_ERROR_UNSUPPORTED: the bundles have different sample rates. */
kws_status_t kws_cascade_init(kws_cascade_t *self, const kws_cascade_config_t *config,
                              const kws_pipeline_hooks_t *hooks, void *arena_base, uint32_t arena_bytes);

/* The bundle that hears now; during on_event, the one whose label it is. */
const kws_bundle_t *kws_cascade_bundle(const kws_cascade_t *self);

/* As kws_pipeline_feed and kws_pipeline_skip. */
void kws_cascade_feed(kws_cascade_t *self, const int16_t *samples, uint32_t num_samples);
void kws_cascade_skip(kws_cascade_t *self, uint32_t num_samples);

#ifdef __cplusplus
}
#endif

#endif
