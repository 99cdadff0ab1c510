// SPDX-License-Identifier: Apache-2.0
// Prints the words that a PDM microphone hears (Nano 33 BLE Sense, XIAO nRF52840 Sense, Nicla: boards with the PDM library).
#include <PDM.h>
#include <kws.h>
#include <kws_bundle_data.h>

static kws_bundle_t bundle;
static kws_pipeline_t pipeline;
alignas(KWS_ARENA_ALIGNMENT) static uint8_t arena[KWS_BUNDLE_ARENA_BYTES];

static void on_event(void *, const kws_event_t *event) {
  Serial.println(kws_bundle_label(&bundle, event->label));
}

void setup() {
  Serial.begin(115200);
  kws_pipeline_hooks_t hooks = {};
  hooks.on_event = on_event;
  while (kws_bundle_open(&bundle, kws_bundle_data, sizeof kws_bundle_data) != KWS_OK ||
         kws_pipeline_init(&pipeline, &bundle, -1, &hooks, arena, sizeof arena) != KWS_OK ||
         !PDM.begin(1, KWS_BUNDLE_SAMPLE_RATE_HZ)) {
    Serial.println("kws: cannot start");
    delay(1000);
  }
}

void loop() {
  int16_t samples[256];
  const int bytes = PDM.read(samples, sizeof samples);
  kws_pipeline_feed(&pipeline, samples, bytes / sizeof samples[0]);
}
