/* SPDX-License-Identifier: Apache-2.0 */
#include "kws_features.h"

#include <stdbool.h>
#include <string.h>

#include "dsp/kws_dsp.h"
#include "kws_features_tables.h"

static void read_header(kws_features_config_t *self, const uint8_t *data)
{
    self->spectrum = (kws_spectrum_t)data[2];
    self->projection = (kws_projection_t)data[3];
    self->sample_rate_hz = kws_read_u32(data + 4);
    self->window_samples = kws_read_u16(data + 8);
    self->hop_samples = kws_read_u16(data + 10);
    self->fft_length = kws_read_u16(data + 12);
    self->num_mel_bands = kws_read_u16(data + 14);
    self->num_features = kws_read_u16(data + 16);
    self->first_bin = kws_read_u16(data + 18);
    self->num_bins = kws_read_u16(data + 20);
    self->preemphasis_q15 = (int16_t)kws_read_u16(data + 22);
    self->log_floor_mantissa = kws_read_u32(data + 24);
    self->log_floor_shift = (int16_t)kws_read_u16(data + 28);
    self->log_bias_q10 = (int16_t)kws_read_u16(data + 30);
    self->output_shift = data[32];
    self->zero_point = (int8_t)data[33];
    self->scale_float32_bits = kws_read_u32(data + 36);
}

static kws_status_t check_analysis(const kws_features_config_t *self)
{
    const uint32_t length = self->fft_length;
    const bool is_power_of_two = (length & (length - 1u)) == 0u;
    if (length < KWS_FEATURES_MIN_FFT_LENGTH || length > KWS_FEATURES_MAX_FFT_LENGTH || !is_power_of_two) {
        return KWS_ERROR_UNSUPPORTED;
    }
    if (self->window_samples < 2u || self->window_samples > length || (self->window_samples & 1u) != 0u) {
        return KWS_ERROR_BOUNDS;
    }
    if (self->sample_rate_hz == 0u || self->hop_samples == 0u || self->preemphasis_q15 < 0) {
        return KWS_ERROR_BOUNDS;
    }
    const bool bins_inside = self->first_bin >= 1u && self->num_bins >= 1u &&
                             2u * self->first_bin + self->num_bins <= length / 2u + 1u;
    return bins_inside ? KWS_OK : KWS_ERROR_BOUNDS;
}

static kws_status_t check_output(const kws_features_config_t *self)
{
    if (self->spectrum > KWS_SPECTRUM_POWER || self->projection > KWS_PROJECTION_DCT) {
        return KWS_ERROR_UNSUPPORTED;
    }
    const uint32_t num_bands = self->num_mel_bands;
    const uint32_t num_features = self->num_features;
    if (num_bands < 1u || num_bands > KWS_FEATURES_MAX_MEL_BANDS || num_features < 1u ||
        num_features > num_bands || self->output_shift > 30u) {
        return KWS_ERROR_BOUNDS;
    }
    return (self->projection == KWS_PROJECTION_DCT || num_features == num_bands) ? KWS_OK : KWS_ERROR_BOUNDS;
}

/* Logs in a row of the projection: the DCT reads them in pairs. */
static uint32_t row_length(const kws_features_config_t *self)
{
    return (self->projection == KWS_PROJECTION_DCT) ? (self->num_mel_bands + 1u) & ~1u : 1u;
}

/* Without DCT all bands have the same factor and offset. */
static uint32_t num_rows(const kws_features_config_t *self)
{
    return (self->projection == KWS_PROJECTION_DCT) ? self->num_features : 1u;
}

/* The bins used up to fft_length / 4: the others are mirrored. */
static uint32_t num_real_twiddles(const kws_features_config_t *self)
{
    const uint32_t to_middle = self->fft_length / 4u + 1u - self->first_bin;
    return 2u * ((self->num_bins < to_middle) ? self->num_bins : to_middle);
}

static bool read_tables(kws_features_config_t *self, kws_features_tables_t *reader)
{
    const uint32_t num_bins = self->num_bins;
    const bool has_roots = self->spectrum == KWS_SPECTRUM_MAGNITUDE;
    self->window_q15 = kws_features_take_table(reader, self->window_samples, sizeof(int16_t));
    self->fft_twiddles_q15 =
        kws_features_take_table(reader, kws_dsp_fft_num_twiddles(self->log2_points), sizeof(int16_t));
    self->real_twiddles_q15 = kws_features_take_table(reader, num_real_twiddles(self), sizeof(int16_t));
    self->mel_rise_q15 = kws_features_take_table(reader, num_bins, sizeof(uint16_t));
    self->mel_segments = kws_features_take_table(reader, self->num_mel_bands + 1u, sizeof(uint16_t));
    self->sqrt_table = has_roots
                           ? kws_features_take_table(reader, KWS_FEATURES_SQRT_ENTRIES, sizeof(uint16_t))
                           : (const uint16_t *)NULL;
    self->log2_table_q15 = kws_features_take_table(reader, KWS_FEATURES_LOG2_ENTRIES, sizeof(uint16_t));
    self->projection_weights =
        kws_features_take_table(reader, num_rows(self) * row_length(self), sizeof(int16_t));
    self->offsets = kws_features_take_table(reader, num_rows(self), sizeof(int32_t));
    return !reader->failed;
}

static bool mel_is_sound(const kws_features_config_t *self)
{
    uint32_t num_bins = 0u;
    for (uint32_t i = 0u; i <= self->num_mel_bands; ++i) {
        num_bins += self->mel_segments[i];
    }
    for (uint32_t i = 0u; i < self->num_bins; ++i) {
        if (self->mel_rise_q15[i] > 1u << 15) {
            return false;
        }
    }
    return num_bins == self->num_bins;
}

/* The tables only ever grow from entry to entry, so the differences that interpolation takes are not
 * negative. */
static bool log2_table_rises(const uint16_t *table_q15)
{
    for (uint32_t i = 1u; i < KWS_FEATURES_LOG2_ENTRIES; ++i) {
        if (table_q15[i] < table_q15[i - 1u]) {
            return false;
        }
    }
    return table_q15[KWS_FEATURES_LOG2_ENTRIES - 1u] <= 1u << 15;
}

/* The loudest logs (2^15) through a row, plus its offset, must fit an int32. */
static bool projection_fits(const kws_features_config_t *self)
{
    const uint32_t length = row_length(self);
    const int16_t *weight = self->projection_weights;
    for (uint32_t row = 0u; row < num_rows(self); ++row) {
        const int64_t offset = self->offsets[row];
        int64_t sum = (offset < 0) ? -offset : offset;
        for (uint32_t i = 0u; i < length; ++i, ++weight) {
            sum += (int64_t)((*weight < 0) ? -*weight : *weight) * 32768;
        }
        if (sum > INT32_MAX) {
            return false;
        }
    }
    return true;
}

static kws_status_t check_tables(const kws_features_config_t *self)
{
    const uint32_t num_twiddles = kws_dsp_fft_num_twiddles(self->log2_points);
    const bool sound = kws_features_twiddles_are_short(self->fft_twiddles_q15, num_twiddles) &&
                       kws_features_twiddles_are_short(self->real_twiddles_q15, num_real_twiddles(self)) &&
                       mel_is_sound(self) && log2_table_rises(self->log2_table_q15) && projection_fits(self);
    return sound ? KWS_OK : KWS_ERROR_BOUNDS;
}

static uint8_t log2_of(uint32_t power_of_two)
{
    uint8_t result = 0u;
    while (power_of_two > 1u) {
        power_of_two >>= 1;
        ++result;
    }
    return result;
}

static kws_status_t read_mel(kws_features_config_t *self, kws_span_t section)
{
    read_header(self, section.data);
    self->kind = (self->preemphasis_q15 == 0) ? KWS_FEATURES_MEL : KWS_FEATURES_EMPHASIZED_MEL;
    kws_status_t status = check_analysis(self);
    if (status == KWS_OK) {
        status = check_output(self);
    }
    if (status != KWS_OK) {
        return status;
    }
    self->log2_points = log2_of(self->fft_length / 2u);
    kws_features_tables_t reader = {.next = section.data + KWS_FEATURES_HEADER_BYTES,
                                    .left_bytes = section.size_bytes - KWS_FEATURES_HEADER_BYTES};
    return read_tables(self, &reader) ? check_tables(self) : KWS_ERROR_TRUNCATED;
}

static kws_status_t read_micro(kws_features_config_t *self, kws_span_t section)
{
    const kws_status_t status = kws_micro_read(&self->micro, section);
    if (status != KWS_OK) {
        return status;
    }
    self->kind = KWS_FEATURES_MICRO;
    self->sample_rate_hz = self->micro.sample_rate_hz;
    self->window_samples = self->micro.window_samples;
    self->hop_samples = self->micro.hop_samples;
    self->fft_length = (uint16_t)(2u << self->micro.log2_points);
    self->num_mel_bands = self->micro.num_bands;
    self->num_features = self->micro.num_bands;
    self->zero_point = self->micro.zero_point;
    self->scale_float32_bits = self->micro.scale_float32_bits;
    return KWS_OK;
}

kws_status_t kws_features_read(kws_features_config_t *self, kws_span_t section)
{
    memset(self, 0, sizeof *self);
    if (section.data == NULL) {
        return KWS_ERROR_MISSING;
    }
    if (((uintptr_t)section.data & 3u) != 0u) {
        return KWS_ERROR_ALIGNMENT;
    }
    if (section.size_bytes < KWS_FEATURES_HEADER_BYTES) {
        return KWS_ERROR_TRUNCATED;
    }
    switch (kws_read_u16(section.data)) {
    case KWS_FEATURES_LAYOUT_VERSION: return read_mel(self, section);
    case KWS_MICRO_LAYOUT_VERSION: return read_micro(self, section);
    default: return KWS_ERROR_VERSION;
    }
}

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
    const uint32_t log2_points = log2_of(fft_length / 2u);
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
    kws_dsp_project(features, config->num_features, logs, row_length(config), config->projection_weights,
                    config->offsets, config->output_shift);
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
