/* SPDX-License-Identifier: Apache-2.0 */
#include "kws_pipeline.h"

#include <string.h>

/* A cut is a whole number of decisions long, or the frames of later decisions would shift: rounding it up must not
 * reach beyond the frame that woke the pipeline. */
static bool preroll_fits(const kws_pipeline_t *self)
{
    return !self->gate_config.enabled ||
           self->gate_config.preroll_frames + 1u >= self->model_config.decision_frames;
}

static kws_status_t read_sections(kws_pipeline_t *self, const kws_bundle_t *bundle, int32_t operating_point)
{
    kws_status_t status = kws_features_read(&self->features_config, bundle->features);
    if (status == KWS_OK) {
        status = kws_model_read(&self->model_config, bundle->model);
    }
    if (status == KWS_OK) {
        status = kws_gate_read(&self->gate_config, bundle->gate);
    }
    if (status == KWS_OK) {
        status = kws_decision_read(&self->decision_config, bundle->decision, operating_point);
    }
    if (status != KWS_OK) {
        return status;
    }
    const int32_t num_labels = kws_bundle_num_labels(bundle);
    if (num_labels < 0) {
        return (kws_status_t)num_labels;
    }
    /* The stages must fit each other; each was only checked by itself so far. */
    const bool agree = self->features_config.num_features == self->model_config.num_features &&
                       self->decision_config.num_labels == self->model_config.num_labels &&
                       num_labels == (int32_t)self->model_config.num_labels;
    return (agree && preroll_fits(self)) ? KWS_OK : KWS_ERROR_BOUNDS;
}

/* Also the counting pass: with arena->base == NULL nothing is written through the pointers taken. */
static kws_status_t take_memory(kws_pipeline_t *self, kws_arena_t *arena)
{
    const uint32_t features_scratch = kws_features_scratch_bytes(&self->features_config);
    const uint32_t model_scratch = kws_model_scratch_bytes(&self->model_config);
    void *scratch =
        kws_arena_take(arena, features_scratch > model_scratch ? features_scratch : model_scratch);
    self->frame = kws_arena_take(arena, self->features_config.num_features);
    self->posteriors = kws_arena_take(arena, self->model_config.num_labels);
    self->smoothed = kws_arena_take(arena, self->model_config.num_labels);
    if (self->gate_config.enabled) {
        kws_preroll_init(&self->preroll, self->gate_config.preroll_frames,
                         self->features_config.window_samples, self->features_config.hop_samples, arena);
    }

    kws_status_t status = kws_audio_framer_init(&self->audio, self->features_config.window_samples,
                                                self->features_config.hop_samples, arena);
    if (status == KWS_OK) {
        status = kws_features_init(&self->features, &self->features_config, arena, scratch);
    }
    if (status == KWS_OK) {
        status = kws_model_init(&self->model, &self->model_config, arena, scratch);
    }
    if (status == KWS_OK) {
        status = kws_smoothing_init(&self->smoothing, &self->decision_config, arena);
    }
    if (status == KWS_OK && !kws_arena_fits(arena)) {
        status = KWS_ERROR_ARENA;
    }
    return status;
}

int64_t kws_pipeline_arena_bytes(const kws_bundle_t *bundle)
{
    if (bundle == NULL) {
        return KWS_ERROR_ARGUMENT;
    }
    kws_pipeline_t counter;
    memset(&counter, 0, sizeof counter);
    kws_arena_t arena;
    kws_arena_init(&arena, NULL, 0u);
    kws_status_t status = read_sections(&counter, bundle, -1);
    if (status == KWS_OK) {
        status = take_memory(&counter, &arena);
    }
    return (status == KWS_OK) ? (int64_t)arena.used_bytes : (int64_t)status;
}

kws_status_t kws_pipeline_init(kws_pipeline_t *self, const kws_bundle_t *bundle, int32_t operating_point,
                               const kws_pipeline_hooks_t *hooks, void *arena_base, uint32_t arena_bytes)
{
    if (self == NULL || bundle == NULL || arena_base == NULL) {
        return KWS_ERROR_ARGUMENT;
    }
    if ((uintptr_t)arena_base % (uintptr_t)KWS_ARENA_ALIGNMENT != 0u) {
        return KWS_ERROR_ALIGNMENT;
    }
    memset(self, 0, sizeof *self);
    if (hooks != NULL) {
        self->hooks = *hooks;
    }
    kws_arena_t arena;
    kws_arena_init(&arena, arena_base, arena_bytes);
    kws_status_t status = read_sections(self, bundle, operating_point);
    if (status == KWS_OK) {
        status = take_memory(self, &arena);
    }
    if (status == KWS_OK) {
        kws_gate_init(&self->gate, &self->gate_config, self->model_config.window_frames);
        kws_detection_init(&self->detection, &self->decision_config);
        kws_pipeline_reset(self);
    }
    return status;
}

void kws_pipeline_reset(kws_pipeline_t *self)
{
    kws_audio_framer_reset(&self->audio);
    kws_features_reset(&self->features);
    kws_gate_reset(&self->gate);
    kws_model_reset(&self->model);
    kws_smoothing_reset(&self->smoothing);
    kws_detection_reset(&self->detection);
    self->frame_index = 0u;
    self->last_decision_frame = UINT32_MAX; /* one before frame 0 */
    self->gated_frames = 0u;
    self->asleep = false;
    self->was_reset = true;
}

static void mark(const kws_pipeline_t *self, kws_stage_t stage, bool begins)
{
    if (self->hooks.on_stage != NULL) {
        self->hooks.on_stage(self->hooks.user, stage, begins);
    }
}

/* One past the newest sample of the newest frame. Frames count in 32 bits: 2^32 hops of 20 ms are 2.7 years. */
static uint64_t newest_sample(const kws_pipeline_t *self)
{
    return (uint64_t)self->frame_index * self->features_config.hop_samples +
           self->features_config.window_samples;
}

static void decide(kws_pipeline_t *self)
{
    const kws_scores_t scores = {.sample_index = newest_sample(self),
                                 .frame_index = self->frame_index,
                                 .posteriors = self->posteriors,
                                 .smoothed = self->smoothed};
    mark(self, KWS_STAGE_SMOOTHING, true);
    kws_smoothing_step(&self->smoothing, self->posteriors, self->smoothed);
    mark(self, KWS_STAGE_SMOOTHING, false);
    if (self->hooks.on_scores != NULL) {
        self->hooks.on_scores(self->hooks.user, &scores);
        if (self->was_reset) {
            return;
        }
    }
    kws_event_t event;
    mark(self, KWS_STAGE_DETECTION, true);
    const bool fired = kws_detection_step(&self->detection, self->frame_index - self->last_decision_frame,
                                          self->smoothed, scores.sample_index, &event);
    mark(self, KWS_STAGE_DETECTION, false);
    self->last_decision_frame = self->frame_index;
    if (fired && self->hooks.on_event != NULL) {
        self->hooks.on_event(self->hooks.user, &event);
    }
}

static void compute_features(kws_pipeline_t *self)
{
    mark(self, KWS_STAGE_FEATURES, true);
    kws_features_step(&self->features, self->audio.window, self->frame);
    mark(self, KWS_STAGE_FEATURES, false);
}

static bool run_model(kws_pipeline_t *self)
{
    mark(self, KWS_STAGE_MODEL, true);
    const bool decided = kws_model_step(&self->model, self->frame, self->posteriors);
    mark(self, KWS_STAGE_MODEL, false);
    return decided;
}

/* Frames before this one that the model hears after all; what was slept through before them is cut out. */
static uint32_t frames_to_catch_up(const kws_pipeline_t *self)
{
    const uint32_t slept = self->frame_index - self->first_gated_frame;
    const uint32_t kept = self->gate_config.preroll_frames;
    const uint32_t step = self->model_config.decision_frames;
    return (slept > kept) ? slept - (slept - kept + step - 1u) / step * step : slept;
}

/* The gate has opened: the sound before it. Decisions about the past are smoothed and told to nobody. */
static void wake(kws_pipeline_t *self)
{
    kws_smoothing_pause(&self->smoothing); /* a closed gate is one */
    const uint32_t num_frames = frames_to_catch_up(self);
    for (uint32_t ago = 1u; ago <= num_frames; ++ago) {
        kws_preroll_back(&self->preroll, self->frame_index - ago, self->audio.window);
    }
    for (uint32_t ago = num_frames; ago > 0u; --ago) {
        compute_features(self);
        if (run_model(self)) {
            kws_smoothing_step(&self->smoothing, self->posteriors, self->smoothed);
        }
        kws_preroll_forward(&self->preroll, self->frame_index - ago, self->audio.window);
    }
    self->asleep = false;
}

static void hear_frame(kws_pipeline_t *self)
{
    if (self->asleep) {
        wake(self);
    }
    compute_features(self);
    if (self->hooks.on_frame != NULL) {
        self->hooks.on_frame(self->hooks.user, self->frame);
        if (self->was_reset) {
            return;
        }
    }
    if (run_model(self)) {
        decide(self);
    }
}

static void sleep_frame(kws_pipeline_t *self)
{
    if (!self->asleep) {
        self->asleep = true;
        self->first_gated_frame = self->frame_index;
    }
    kws_preroll_keep(&self->preroll, self->frame_index, self->audio.window);
    ++self->gated_frames;
}

/* Looks at the newest hop. */
static bool gate_is_open(kws_pipeline_t *self)
{
    const uint32_t window = self->features_config.window_samples;
    const uint32_t hop = self->features_config.hop_samples;
    const uint32_t newest = (hop < window) ? hop : window;
    mark(self, KWS_STAGE_AUDIO, true);
    const bool open = kws_gate_step(&self->gate, self->audio.window + window - newest, newest);
    mark(self, KWS_STAGE_AUDIO, false);
    return open;
}

static void step_frame(kws_pipeline_t *self)
{
    self->was_reset = false;
    if (!self->gate_config.enabled || gate_is_open(self)) {
        hear_frame(self);
    } else {
        sleep_frame(self);
    }
    if (!self->was_reset) {
        ++self->frame_index;
    }
}

void kws_pipeline_feed(kws_pipeline_t *self, const int16_t *samples, uint32_t num_samples)
{
    while (num_samples > 0u) {
        bool complete = false;
        mark(self, KWS_STAGE_AUDIO, true);
        const uint32_t taken = kws_audio_framer_step(&self->audio, samples, num_samples, &complete);
        mark(self, KWS_STAGE_AUDIO, false);
        samples += taken;
        num_samples -= taken;
        if (complete) {
            step_frame(self);
        }
    }
}

void kws_pipeline_skip(kws_pipeline_t *self, uint32_t num_samples)
{
    /* Asleep, what was slept through lies before the gap and is out of reach: it is cut out with it. */
    const uint32_t slept = self->asleep ? self->frame_index - self->first_gated_frame : 0u;
    self->frame_index +=
        kws_audio_framer_skip(&self->audio, num_samples, slept, self->model_config.decision_frames);
    if (num_samples > 0u) {
        self->first_gated_frame = self->frame_index;
    }
}
