/* SPDX-License-Identifier: Apache-2.0 */
/* Stage 2, once: a FEAT section into a configuration that every frame may trust. */
#include <stdbool.h>
#include <string.h>

#include "dsp/kws_dsp.h"
#include "kws_features.h"
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
        kws_features_take_table(reader, num_rows(self) * kws_features_row_length(self), sizeof(int16_t));
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
    const uint32_t length = kws_features_row_length(self);
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
    self->log2_points = kws_features_log2(self->fft_length / 2u);
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
