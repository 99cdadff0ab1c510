/* Stage 2 of 5: one window of int16 samples -> one frame of int8 features.
 *
 * CONTRACT (the owner of this stage fills in the settings, the FEAT layout and the state). */
#ifndef KWS_FEATURES_H
#define KWS_FEATURES_H

#include "kws_arena.h"
#include "kws_bundle.h"

/* Parsed and checked FEAT section: scalars by value, tables as pointers into the bundle. */
typedef struct {
    uint32_t sample_rate_hz;
    uint16_t window_samples;
    uint16_t hop_samples;
    uint16_t fft_length;
    uint16_t num_mel_bands;
    uint16_t num_features; /* values per frame: num_coefficients, or num_mel_bands when there is no DCT */
} kws_features_config_t;

typedef struct {
    const kws_features_config_t *config;
    void *scratch; /* shared: contents do not outlive a step */
} kws_features_t;

kws_status_t kws_features_read(kws_features_config_t *self, kws_span_t section);

/* Scratch the step needs; the pipeline shares one block between the stages. */
uint32_t kws_features_scratch_bytes(const kws_features_config_t *config);

/* state: taken from the arena for what is carried between hops (may be nothing). */
kws_status_t kws_features_init(kws_features_t *self, const kws_features_config_t *config, kws_arena_t *arena,
                               void *scratch);
void kws_features_reset(kws_features_t *self);

/* window: config->window_samples samples. features: config->num_features values. */
void kws_features_step(kws_features_t *self, const int16_t *window, int8_t *features);

#endif
