/* SPDX-License-Identifier: Apache-2.0 */
#include "kws_features.h"

#include <string.h>

#include "dsp/kws_dsp.h"
#include "kws_features_tables.h"

/* Scratch: the FFT's points, where the bins then are; after them the bands and their logarithms. */
static uint32_t points_bytes(const kws_features_config_t *config)
{
    return config->fft_length * (uint32_t)sizeof(int32_t);
}

uint32_t kws_features_scratch_bytes(const kws_features_config_t *config)
{
    if (config->kind == KWS_FEATURES_MICRO) {
        return kws_micro_scratch_bytes(&config->micro);
    }
    return points_bytes(config) + config->num_mel_bands * (uint32_t)sizeof(uint64_t) +
           (config->num_mel_bands + 1u) * (uint32_t)sizeof(int16_t);
}

kws_status_t kws_features_init(kws_features_t *self, const kws_features_config_t *config, kws_arena_t *arena,
                               void *scratch)
{
    self->config = config;
    self->scratch = scratch;
    self->noise = NULL;
    if (config->kind != KWS_FEATURES_MICRO) {
        return KWS_OK;
    }
    self->noise = kws_arena_take(arena, config->num_features * (uint32_t)sizeof(uint32_t));
    if (arena->base == NULL) {
        return KWS_OK; /* counting only: there is no memory to clear */
    }
    if (!kws_arena_fits(arena)) {
        return KWS_ERROR_ARENA;
    }
    kws_features_reset(self);
    return KWS_OK;
}

void kws_features_reset(kws_features_t *self)
{
    if (self->noise != NULL) {
        memset(self->noise, 0, self->config->num_features * sizeof(uint32_t));
    }
}

int32_t kws_features_band_scale_log2(uint16_t fft_length, kws_spectrum_t spectrum)
{
    const uint32_t log2_points = kws_features_log2(fft_length / 2u);
    const int32_t bin = 15 - kws_dsp_fft_input_shift(log2_points) - kws_dsp_fft_halvings(log2_points);
    return 15 + ((spectrum == KWS_SPECTRUM_POWER) ? 2 * bin - KWS_DSP_POWER_SHIFT : bin);
}

/* Window -> bins. Returns their exponent. */
static int32_t analyse(const kws_features_config_t *config, const int16_t *window, int32_t *points)
{
    int32_t exponent;
    if (config->kind == KWS_FEATURES_EMPHASIZED_MEL) {
        exponent = kws_dsp_fft_load_preemphasis_s16(points, config->log2_points, window, config->window_q15,
                                                    config->window_samples, config->preemphasis_q15);
    } else {
        exponent = kws_dsp_headroom_s16(window, config->window_samples);
        kws_dsp_fft_load_s16(points, config->log2_points, window, config->window_q15, config->window_samples,
                             exponent);
    }
    kws_dsp_fft_s32(points, config->log2_points, config->fft_twiddles_q15);
    if (config->spectrum == KWS_SPECTRUM_POWER) {
        return 2 * exponent + kws_dsp_powers(points, config->log2_points, config->first_bin, config->num_bins,
                                             config->real_twiddles_q15);
    }
    kws_dsp_magnitudes(points, config->log2_points, config->first_bin, config->num_bins,
                       config->real_twiddles_q15, config->sqrt_table);
    return exponent;
}

/* Bands and floor are added in the frame's own scale. Where the floor would not fit 62 bits (a quiet frame,
 * scaled up far), the bands come down to it instead. */
static kws_dsp_log_t log_scale(const kws_features_config_t *config, uint64_t *bands, int32_t exponent)
{
    const uint64_t mantissa = config->log_floor_mantissa;
    int32_t up = exponent - config->log_floor_shift;
    if (up > 30) {
        const int32_t excess = up - 30;
        for (uint32_t i = 0u; i < config->num_mel_bands; ++i) {
            bands[i] >>= (excess < 63) ? excess : 63;
        }
        exponent -= excess;
        up = 30;
    }
    return (kws_dsp_log_t){.floor = (up >= 0)    ? mantissa << up
                                    : (up > -32) ? mantissa >> -up
                                                 : 0u,
                           .bias_q10 = config->log_bias_q10 + exponent * 1024,
                           .table_q15 = config->log2_table_q15};
}

void kws_features_step(kws_features_t *self, const int16_t *window, int8_t *features)
{
    const kws_features_config_t *config = self->config;
    if (config->kind == KWS_FEATURES_MICRO) {
        kws_micro_step(&config->micro, self->noise, self->scratch, window, features);
        return;
    }
    int32_t *points = self->scratch;
    const int32_t exponent = analyse(config, window, points);

    const uint32_t num_bands = config->num_mel_bands;
    const uint32_t *bins = (const uint32_t *)points + 2u * config->first_bin;
    uint64_t *bands = (uint64_t *)(void *)((uint8_t *)self->scratch + points_bytes(config));
    kws_dsp_mel_bands(bands, bins, config->mel_rise_q15, config->mel_segments, num_bands);
    const kws_dsp_log_t log = log_scale(config, bands, exponent);
    if (config->projection == KWS_PROJECTION_NONE) {
        kws_dsp_log_features(features, bands, num_bands, &log, config->projection_weights[0],
                             config->offsets[0], config->output_shift);
        return;
    }
    int16_t *logs = (int16_t *)(void *)(bands + num_bands);
    kws_dsp_log_bands(logs, bands, num_bands, &log);
    logs[num_bands] = 0; /* the DCT's rows are padded to an even length */
    kws_dsp_project(features, config->num_features, logs, kws_features_row_length(config),
                    config->projection_weights, config->offsets, config->output_shift);
}

uint32_t kws_features_num_frames(const kws_features_config_t *config, uint32_t num_samples)
{
    return (num_samples < config->window_samples)
               ? 0u
               : (num_samples - config->window_samples) / config->hop_samples + 1u;
}

void kws_features_run(kws_features_t *self, const int16_t *samples, uint32_t num_clips, uint32_t clip_samples,
                      int8_t *features)
{
    const kws_features_config_t *config = self->config;
    const uint32_t num_frames = kws_features_num_frames(config, clip_samples);
    for (uint32_t clip = 0u; clip < num_clips; ++clip) {
        const int16_t *clip_start = samples + (size_t)clip * clip_samples;
        kws_features_reset(self);
        for (uint32_t frame = 0u; frame < num_frames; ++frame) {
            kws_features_step(self, clip_start + (size_t)frame * config->hop_samples, features);
            features += config->num_features;
        }
    }
}
