/* SPDX-License-Identifier: Apache-2.0 */
/* kws: hears words. The one header to include; the only include path needed is this folder.
 *
 * Add the files that core/sources.txt names to your project (C11, no library but memcpy, memset and memcmp) and a
 * bundle NAME.kws, as an array or in flash of its own, aligned to 16 bytes. No heap, no globals, no floating point. Then:
 *
 *     static kws_bundle_t bundle;
 *     static kws_pipeline_t pipeline;
 *     static _Alignas(16) uint8_t arena[16384];            // kws_pipeline_arena_bytes(&bundle) says how many
 *     const kws_pipeline_hooks_t hooks = {.on_event = on_event};
 *
 *     kws_status_t status = kws_bundle_open(&bundle, bundle_bytes, sizeof bundle_bytes);
 *     if (status == KWS_OK) status = kws_pipeline_init(&pipeline, &bundle, -1, &hooks, arena, sizeof arena);
 *     if (status != KWS_OK) fail(kws_status_text(status));
 *     for (;;) kws_pipeline_feed(&pipeline, samples, wait_for_microphone(samples)); // calls on_event when it hears one
 *
 * Any number of samples at a time, mono, 16 bits, at the rate that pipeline.features_config.sample_rate_hz says;
 * kws_bundle_label(&bundle, event->label) is the word. Never call it from an interrupt: it takes milliseconds.
 * examples/embed is this as a whole program, in C and in C++. */
#ifndef KWS_H
#define KWS_H

#include "core/kws_bundle.h"
#include "core/kws_cascade.h"
#include "core/kws_pipeline.h"
#include "core/kws_status.h"

/* Of this library, as kws.__version__ in Python; a bundle has a version of its own (kws_bundle.h). */
#define KWS_VERSION_MAJOR 0
#define KWS_VERSION_MINOR 1
#define KWS_VERSION_PATCH 0
#define KWS_VERSION       "0.1.0"

#endif
