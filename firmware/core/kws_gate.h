/* SPDX-License-Identifier: Apache-2.0 */
/* The gate behind stage 1: in silence everything behind it sleeps, and no word onset is lost.
 *
 * It watches the level of each hop against a noise floor. While it is closed, no features are computed; the audio of
 * the last hops is kept (kws_preroll.h), and when it opens, their frames are heard first. kws_pipeline.h says what that
 * makes of the stream, benchmarks/gate.json what it costs in words.
 *
 * The GATE section is optional; a bundle without it is always on.
 *   offset  size  field
 *        0     2  open_margin_q8    level above the floor that opens, in log2 of mean square, Q8 (256 = 3.01 dB)
 *        2     2  close_margin_q8   level above the floor that keeps it open; <= open_margin_q8
 *        4     2  hangover_frames   stays open for what the model looks back on, which must not hold a word when it
 *                                  sleeps, and so long after the last frame above close_margin_q8
 *        6     2  floor_rise_q8     rise of the floor per frame (0 .. 255)
 *        8     2  minimum_level_q8  below this it never opens: a quiet microphone's own noise
 *       10     2  preroll_frames    frames before the opening one that are heard after all (0 .. 255, at least
 *                                  decision_frames - 1)
 *       12     4  reserved, zero */
#ifndef KWS_GATE_H
#define KWS_GATE_H

#include <stdbool.h>

#include "kws_bundle.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    KWS_GATE_SECTION_BYTES = 16,
    KWS_GATE_MAX_PREROLL_FRAMES = 255
};

typedef struct {
    bool enabled; /* false when the bundle has no GATE section */
    uint16_t open_margin_q8;
    uint16_t close_margin_q8;
    uint16_t hangover_frames;
    uint16_t floor_rise_q8;
    uint16_t minimum_level_q8;
    uint16_t preroll_frames;
} kws_gate_config_t;

typedef struct {
    const kws_gate_config_t *config;
    int32_t floor_q8;
    uint32_t hold_frames; /* open for so long after a loud frame, that one included */
    uint32_t frames_left; /* the gate is open while > 0 */
} kws_gate_t;

kws_status_t kws_gate_read(kws_gate_config_t *self, kws_span_t section);
/* window_frames: frames that one decision of the model sees, 1 .. 65535. */
void kws_gate_init(kws_gate_t *self, const kws_gate_config_t *config, uint16_t window_frames);

/* Open for as long as after a loud frame, so that nothing is lost while the floor is still unknown. */
void kws_gate_reset(kws_gate_t *self);

/* One hop. samples: the newest num_samples (1 .. 65535) samples. True while the gate is open. */
bool kws_gate_step(kws_gate_t *self, const int16_t *samples, uint32_t num_samples);

/* log2(1 + variance) in Q8, 0 .. 30 * 256: the level of samples without their mean (microphones have an offset). */
int32_t kws_gate_level_q8(const int16_t *samples, uint32_t num_samples);

#ifdef __cplusplus
}
#endif

#endif
