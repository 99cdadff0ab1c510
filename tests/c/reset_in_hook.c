/* SPDX-License-Identifier: Apache-2.0 */
/* reset_in_hook BUNDLE SAMPLES HOOK: a hook (frame, scores or event) resets the pipeline the second time that it is called.
 * What it tells from then on must be what a pipeline tells that hears the stream from there, in any chunking. Prints how
 * many decisions that were. */
#define _POSIX_C_SOURCE 200809L
#include <string.h>

#include "bundle_file.h"
#include "kws_pipeline.h"

enum {
    RESET_AT = 2 /* calls */
};

typedef struct {
    kws_pipeline_t pipeline;
    void *arena;
    const char *hook; /* that resets; NULL: none does */
    uint32_t calls;
    uint32_t decisions, crc32; /* of all that was told since the reset */
} spotter_t;

static void hear(spotter_t *self, const char *hook)
{
    if (self->hook != NULL && strcmp(hook, self->hook) == 0 && ++self->calls == RESET_AT) {
        self->decisions = self->crc32 = 0u;
        kws_pipeline_reset(&self->pipeline);
    }
}

static void note(spotter_t *self, const void *told, size_t size_bytes)
{
    self->crc32 = kws_crc32(self->crc32, told, size_bytes);
}

static void on_frame(void *user, const int8_t *features)
{
    spotter_t *self = user;
    note(self, features, self->pipeline.features_config.num_features);
    note(self, &self->pipeline.frame_index, sizeof self->pipeline.frame_index);
    hear(self, "frame");
}

static void on_scores(void *user, const kws_scores_t *scores)
{
    spotter_t *self = user;
    ++self->decisions;
    note(self, &scores->sample_index, sizeof scores->sample_index);
    note(self, scores->smoothed, self->pipeline.decision_config.num_labels);
    hear(self, "scores");
}

static void on_event(void *user, const kws_event_t *event)
{
    spotter_t *self = user;
    note(self, &event->sample_index, sizeof event->sample_index);
    hear(self, "event");
}

static void start(spotter_t *self, const kws_bundle_t *bundle, const char *hook)
{
    const kws_pipeline_hooks_t hooks = {
        .user = self, .on_frame = on_frame, .on_scores = on_scores, .on_event = on_event};
    const int64_t arena_bytes = kws_pipeline_arena_bytes(bundle);
    CHECK(arena_bytes > 0);
    memset(self, 0, sizeof *self);
    self->hook = hook;
    CHECK(posix_memalign(&self->arena, 16u, (size_t)arena_bytes) == 0);
    CHECK(kws_pipeline_init(&self->pipeline, bundle, -1, &hooks, self->arena, (uint32_t)arena_bytes) ==
          KWS_OK);
}

int main(int argc, char **argv)
{
    CHECK(argc == 4);
    size_t bundle_bytes = 0u, samples_bytes = 0u;
    void *file = read_file(argv[1], &bundle_bytes);
    int16_t *samples = read_file(argv[2], &samples_bytes);
    const uint32_t num_samples = (uint32_t)(samples_bytes / sizeof samples[0]);
    kws_bundle_t bundle;
    CHECK(kws_bundle_open(&bundle, file, bundle_bytes) == KWS_OK);

    static spotter_t by_sample, at_once, anew;
    start(&by_sample, &bundle, argv[3]);
    uint32_t reset_at = num_samples;
    for (uint32_t i = 0u; i < num_samples; ++i) {
        kws_pipeline_feed(&by_sample.pipeline, samples + i, 1u);
        if (by_sample.calls >= RESET_AT && reset_at == num_samples) {
            reset_at = i + 1u;
            CHECK_EQUAL(by_sample.pipeline.frame_index, 0);
        }
    }
    start(&at_once, &bundle, argv[3]);
    kws_pipeline_feed(&at_once.pipeline, samples, num_samples);
    start(&anew, &bundle, NULL);
    kws_pipeline_feed(&anew.pipeline, samples + reset_at, num_samples - reset_at);
    CHECK_EQUAL(by_sample.decisions, anew.decisions);
    CHECK_EQUAL(by_sample.crc32, anew.crc32);
    CHECK_EQUAL(at_once.decisions, anew.decisions);
    CHECK_EQUAL(at_once.crc32, anew.crc32);
    printf("%u\n", (unsigned)anew.decisions);
    free(by_sample.arena);
    free(at_once.arena);
    free(anew.arena);
    free(samples);
    free(file);
    return 0;
}
