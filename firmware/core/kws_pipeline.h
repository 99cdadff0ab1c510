/* SPDX-License-Identifier: Apache-2.0 */
/* The five stages in order: feed samples, get events. The same object runs on the board and in the host library.
 *
 *   audio -> (gate) -> features -> model -> smoothing -> detection
 *
 * While the gate is closed nothing behind it runs. What comes out is defined without reference to time: the model
 * hears the frames of the stream with the silences cut out, as if they had never been. A cut is what was slept
 * through but for its last preroll_frames, rounded up to a multiple of decision_frames, so that every decision lies on
 * the frame it would lie on without a gate. Smoothing goes on over the cut; decisions and features of the pre-roll are
 * not told.
 *
 * The caller gives one bundle (read-only, stays in place) and one arena (kws_pipeline_arena_bytes says how large).
 * A pipeline points into itself: once it is initialised it stays where it is, and is neither copied nor moved. Results do not depend on how the audio was cut into chunks. Not reentrant; call from the main loop. */
#ifndef KWS_PIPELINE_H
#define KWS_PIPELINE_H

#include "kws_audio.h"
#include "kws_detection.h"
#include "kws_features.h"
#include "kws_gate.h"
#include "kws_model.h"
#include "kws_preroll.h"
#include "kws_smoothing.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    KWS_STAGE_AUDIO = 0,
    KWS_STAGE_FEATURES = 1,
    KWS_STAGE_MODEL = 2,
    KWS_STAGE_SMOOTHING = 3,
    KWS_STAGE_DETECTION = 4,
    KWS_NUM_STAGES = 5
} kws_stage_t;

/* One decision of the model. The pointers are valid during the call only. */
typedef struct {
    uint64_t sample_index;     /* one past the newest sample of the newest frame */
    uint32_t frame_index;      /* index of the newest frame */
    const uint8_t *posteriors; /* num_labels, straight from the model */
    const uint8_t *smoothed;   /* num_labels */
} kws_scores_t;

/* What the owner wants to hear about; every function may be NULL. */
typedef struct {
    void *user;
    void (*on_stage)(void *user, kws_stage_t stage, bool begins); /* around each stage's step: statistics */
    void (*on_frame)(void *user, const int8_t *features); /* each frame while awake: num_features values */
    void (*on_scores)(void *user, const kws_scores_t *scores); /* each decision */
    void (*on_event)(void *user, const kws_event_t *event);    /* each detection */
} kws_pipeline_hooks_t;

typedef struct {
    kws_features_config_t features_config;
    kws_model_config_t model_config;
    kws_gate_config_t gate_config;
    kws_decision_config_t decision_config;
    kws_audio_framer_t audio;
    kws_features_t features;
    kws_gate_t gate;
    kws_preroll_t preroll;
    kws_model_t model;
    kws_smoothing_t smoothing;
    kws_detection_t detection;
    kws_pipeline_hooks_t hooks;
    int8_t *frame;        /* one feature frame */
    uint8_t *posteriors;  /* num_labels */
    uint8_t *smoothed;    /* num_labels */
    uint32_t frame_index; /* frames since reset, heard or slept through */
    uint32_t last_decision_frame;
    uint32_t gated_frames;      /* of them, those with the gate closed */
    uint32_t first_gated_frame; /* of this sleep */
    bool asleep;                /* the gate was closed at the last frame */
    bool was_reset;             /* since the newest frame began: by a hook */
} kws_pipeline_t;

/* Arena the bundle needs, or a negative kws_status_t. bundle is open (kws_bundle_open). */
int64_t kws_pipeline_arena_bytes(const kws_bundle_t *bundle);

/* bundle is open, and stays so and in place as long as the pipeline is used, as do arena_base and what it points to.
 * operating_point: an index, or negative for the bundle's default. hooks are copied, and may be NULL. arena_base is
 * aligned to KWS_ARENA_ALIGNMENT. KWS_ERROR_ARGUMENT for any other NULL. Unless KWS_OK, nothing else may be called. */
kws_status_t kws_pipeline_init(kws_pipeline_t *self, const kws_bundle_t *bundle, int32_t operating_point,
                               const kws_pipeline_hooks_t *hooks, void *arena_base, uint32_t arena_bytes);

/* Back to the state after init: all audio heard so far is forgotten. on_frame, on_scores and on_event may call it, as
 * after a wake word: the frame they were told of is over then, and the next sample fed is sample 0. */
void kws_pipeline_reset(kws_pipeline_t *self);

/* Any number of samples. Events and scores are told through the hooks, in order, before it returns. */
void kws_pipeline_feed(kws_pipeline_t *self, const int16_t *samples, uint32_t num_samples);

/* num_samples of the stream were lost. Indices go on as if they had been fed. No frame that they touch is heard: the
 * model goes on with the first whole one behind them, on the frame grid of the stream, as it does after a sleep of the
 * gate: what is cut out is rounded up to a multiple of decision_frames. */
void kws_pipeline_skip(kws_pipeline_t *self, uint32_t num_samples);

#ifdef __cplusplus
}
#endif

#endif
