/* SPDX-License-Identifier: Apache-2.0 */
/* Hears words in 16-bit samples on standard input. In a product, read your microphone there. */
#include <stdio.h>

#include "kws.h"
#include "kws_bundle_data.h"

static kws_bundle_t bundle;
static kws_pipeline_t pipeline;
static _Alignas(KWS_ARENA_ALIGNMENT) uint8_t arena[KWS_BUNDLE_ARENA_BYTES];

static void on_event(void *user, const kws_event_t *event)
{
    (void)user;
    printf("%s at sample %lu\n", kws_bundle_label(&bundle, event->label), (unsigned long)event->sample_index);
}

int main(void)
{
    const kws_pipeline_hooks_t hooks = {.on_event = on_event};
    int16_t samples[160];
    if (kws_bundle_open(&bundle, kws_bundle_data, sizeof kws_bundle_data) != KWS_OK ||
        kws_pipeline_init(&pipeline, &bundle, -1, &hooks, arena, sizeof arena) != KWS_OK) {
        return 1;
    }
    for (size_t count; (count = fread(samples, sizeof samples[0], 160u, stdin)) > 0u;) {
        kws_pipeline_feed(&pipeline, samples, (uint32_t)count);
    }
    return 0;
}
