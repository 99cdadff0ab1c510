/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest program that hears words: a bundle in flash, one block of memory, samples in, events out.
 * Replace the microphone below by yours and print by what your product does with a word. */
#include <stdint.h>
#include <stdio.h>

#include "kws.h"

extern const uint8_t bundle_bytes[]; /* bundle.c, which CMakeLists.txt makes from a .kws file */
extern const uint32_t bundle_size_bytes;

static kws_bundle_t bundle;
static kws_pipeline_t pipeline;
static _Alignas(KWS_ARENA_ALIGNMENT) uint8_t arena[16384];

static void on_event(void *user, const kws_event_t *event)
{
    (void)user;
    printf("%s at sample %lu\n", kws_bundle_label(&bundle, event->label), (unsigned long)event->sample_index);
}

/* Here a file on standard input, 16-bit samples: how many came, 0 at the end. */
static uint32_t wait_for_microphone(int16_t *samples, uint32_t max_samples)
{
    return (uint32_t)fread(samples, sizeof samples[0], max_samples, stdin);
}

int main(void)
{
    const kws_pipeline_hooks_t hooks = {.on_event = on_event};
    kws_status_t status = kws_bundle_open(&bundle, bundle_bytes, bundle_size_bytes);
    if (status == KWS_OK) {
        status = kws_pipeline_init(&pipeline, &bundle, -1, &hooks, arena, sizeof arena);
    }
    if (status != KWS_OK) {
        fprintf(stderr, "kws: %s; this bundle needs an arena of %ld bytes\n", kws_status_text(status),
                (long)kws_pipeline_arena_bytes(&bundle));
        return 1;
    }
    int16_t samples[160];
    uint32_t num_samples;
    while ((num_samples = wait_for_microphone(samples, 160)) > 0) {
        kws_pipeline_feed(&pipeline, samples, num_samples);
    }
    return 0;
}
