/* SPDX-License-Identifier: Apache-2.0 */
/* scores BUNDLE SAMPLES: feeds raw int16 samples and prints the CRC-32 of all features, of all posteriors, of all smoothed
 * ones, and the events. Static memory and stdio only, so that it runs wherever a compiler's program can be run. */
#include <stdio.h>

#include "kws.h"

enum {
    MAX_BUNDLE_BYTES = 128 * 1024,
    MAX_SAMPLES = 64 * 1024
};

static _Alignas(16) uint8_t bundle_bytes[MAX_BUNDLE_BYTES];
static _Alignas(16) uint8_t arena[64 * 1024];
static int16_t samples[MAX_SAMPLES];
static kws_pipeline_t pipeline;
static uint32_t features_crc32, posteriors_crc32, smoothed_crc32;

static void on_frame(void *user, const int8_t *features)
{
    (void)user;
    features_crc32 = kws_crc32(features_crc32, features, pipeline.features_config.num_features);
}

static void on_scores(void *user, const kws_scores_t *scores)
{
    (void)user;
    const uint32_t num_labels = pipeline.decision_config.num_labels;
    posteriors_crc32 = kws_crc32(posteriors_crc32, scores->posteriors, num_labels);
    smoothed_crc32 = kws_crc32(smoothed_crc32, scores->smoothed, num_labels);
}

static void on_event(void *user, const kws_event_t *event)
{
    (void)user;
    printf("event %lu %u %u\n", (unsigned long)event->sample_index, (unsigned)event->label,
           (unsigned)event->score);
}

static size_t read_file(const char *path, void *data, size_t size_bytes)
{
    FILE *file = fopen(path, "rb");
    const size_t count = (file == NULL) ? 0u : fread(data, 1u, size_bytes, file);
    if (file != NULL) {
        fclose(file);
    }
    return count;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        return 2;
    }
    const kws_pipeline_hooks_t hooks = {.on_frame = on_frame, .on_scores = on_scores, .on_event = on_event};
    kws_bundle_t bundle;
    kws_status_t status =
        kws_bundle_open(&bundle, bundle_bytes, read_file(argv[1], bundle_bytes, sizeof bundle_bytes));
    if (status == KWS_OK) {
        status = kws_pipeline_init(&pipeline, &bundle, -1, &hooks, arena, sizeof arena);
    }
    if (status != KWS_OK) {
        printf("%s\n", kws_status_text(status));
        return 1;
    }
    const uint32_t num_samples = (uint32_t)(read_file(argv[2], samples, sizeof samples) / sizeof samples[0]);
    kws_pipeline_feed(&pipeline, samples, num_samples);
    printf("features %08lx posteriors %08lx smoothed %08lx\n", (unsigned long)features_crc32,
           (unsigned long)posteriors_crc32, (unsigned long)smoothed_crc32);
    return 0;
}
