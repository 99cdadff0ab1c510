/* SPDX-License-Identifier: Apache-2.0 */
/* replay_bundle BUNDLE SAMPLES CHUNK: feeds raw int16 samples in chunks; prints every score and event. */
#define _POSIX_C_SOURCE 200809L
#include "bundle_file.h"
#include "kws_pipeline.h"

static uint32_t num_labels;
static int stage_depth;

static void print_scores(void *user, const kws_scores_t *scores)
{
    (void)user;
    printf("scores %llu", (unsigned long long)scores->sample_index);
    for (uint32_t i = 0u; i < num_labels; ++i) {
        printf(" %u", (unsigned)scores->smoothed[i]);
    }
    printf("\n");
}

static void print_event(void *user, const kws_event_t *event)
{
    (void)user;
    printf("event %llu %u %u\n", (unsigned long long)event->sample_index, (unsigned)event->label,
           (unsigned)event->score);
}

static void check_nesting(void *user, kws_stage_t stage, bool begins)
{
    (void)user;
    CHECK((int)stage >= 0 && stage < KWS_NUM_STAGES);
    stage_depth += begins ? 1 : -1;
    CHECK(stage_depth == 0 || stage_depth == 1); /* stages follow each other, they never nest */
}

int main(int argc, char **argv)
{
    CHECK(argc == 4);
    size_t bundle_bytes = 0u;
    size_t samples_bytes = 0u;
    void *file = read_file(argv[1], &bundle_bytes);
    int16_t *samples = read_file(argv[2], &samples_bytes);
    const uint32_t chunk = (uint32_t)strtoul(argv[3], NULL, 10);

    kws_bundle_t bundle;
    CHECK(kws_bundle_open(&bundle, file, bundle_bytes) == KWS_OK);
    const int64_t arena_bytes = kws_pipeline_arena_bytes(&bundle);
    CHECK(arena_bytes > 0);
    void *arena = NULL;
    CHECK(posix_memalign(&arena, 16u, (size_t)arena_bytes) == 0);
    kws_pipeline_t pipeline;
    const kws_pipeline_hooks_t hooks = {
        .on_scores = print_scores, .on_event = print_event, .on_stage = check_nesting};
    CHECK(kws_pipeline_init(&pipeline, &bundle, -1, &hooks, arena, (uint32_t)arena_bytes - 16u) ==
          KWS_ERROR_ARENA);
    CHECK(kws_pipeline_init(&pipeline, &bundle, 99, &hooks, arena, (uint32_t)arena_bytes) ==
          KWS_ERROR_ARGUMENT);
    CHECK(kws_pipeline_init(&pipeline, &bundle, -1, &hooks, (uint8_t *)arena + 4, (uint32_t)arena_bytes) ==
          KWS_ERROR_ALIGNMENT);
    CHECK(kws_pipeline_init(&pipeline, &bundle, -1, &hooks, NULL, 0u) == KWS_ERROR_ARGUMENT);
    CHECK(kws_pipeline_init(&pipeline, &bundle, -1, &hooks, arena, (uint32_t)arena_bytes) == KWS_OK);
    num_labels = pipeline.decision_config.num_labels;
    uint32_t left = (uint32_t)(samples_bytes / sizeof(int16_t));
    for (const int16_t *next = samples; left > 0u;) {
        const uint32_t take = left < chunk ? left : chunk;
        kws_pipeline_feed(&pipeline, next, take);
        next += take;
        left -= take;
    }
    free(arena);
    free(samples);
    free(file);
    return 0;
}
