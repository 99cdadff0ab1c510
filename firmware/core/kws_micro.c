/* SPDX-License-Identifier: Apache-2.0 */
#include "kws_micro.h"

#include <string.h>

#include "kws_features_tables.h"

static uint32_t num_points(const kws_micro_config_t *self)
{
    return 1u << self->log2_points;
}

static bool read_header(kws_micro_config_t *self, const uint8_t *data)
{
    const uint32_t fft_length = kws_read_u16(data + 12);
    self->log2_points = (fft_length == 128u)    ? 6u
                        : (fft_length == 512u)  ? 8u
                        : (fft_length == 2048u) ? 10u
                                                : 0u;
    self->sample_rate_hz = kws_read_u32(data + 4);
    self->window_samples = kws_read_u16(data + 8);
    self->hop_samples = kws_read_u16(data + 10);
    self->num_bands = kws_read_u16(data + 14);
    self->first_bin = kws_read_u16(data + 16);
    self->num_bins = kws_read_u16(data + 18);
    self->noise.smoothing_q14[0] = kws_read_u16(data + 20);
    self->noise.smoothing_q14[1] = kws_read_u16(data + 22);
    self->noise.minimum_q14 = kws_read_u16(data + 24);
    self->noise.smoothing_bits = data[26];
    self->snr_shift = data[27];
    self->correction_bits = data[28];
    self->log_shift = data[29];
    self->output_shift = data[30];
    self->zero_point = (int8_t)data[31];
    self->output_factor = (int32_t)kws_read_u32(data + 32);
    self->scale_float32_bits = kws_read_u32(data + 36);
    self->output_offset = (int32_t)kws_read_u32(data + 40);
    return self->log2_points != 0u && kws_read_u16(data + 2) == 0u && kws_read_u32(data + 44) == 0u;
}

static bool header_is_sound(const kws_micro_config_t *self)
{
    const uint32_t one_q14 = 1u << 14;
    const bool analysis = self->sample_rate_hz > 0u && self->hop_samples > 0u && self->window_samples >= 2u &&
                          self->window_samples <= 2u * num_points(self) && (self->window_samples & 1u) == 0u;
    const bool bands = self->num_bands >= 1u && self->num_bands <= KWS_MICRO_MAX_BANDS &&
                       self->first_bin >= 1u && self->num_bins >= 1u &&
                       (uint32_t)self->first_bin + self->num_bins <= num_points(self);
    const bool shares = self->noise.smoothing_q14[0] <= one_q14 && self->noise.smoothing_q14[1] <= one_q14 &&
                        self->noise.minimum_q14 <= one_q14;
    const bool shifts = self->noise.smoothing_bits <= 16u && self->snr_shift <= 31u &&
                        self->correction_bits <= 15u && self->log_shift <= 10u && self->output_shift <= 31u;
    return analysis && bands && shares && shifts;
}

static bool read_tables(kws_micro_config_t *self, kws_features_tables_t *tables)
{
    const uint32_t points = num_points(self);
    self->window_q12 = kws_features_take_table(tables, self->window_samples, sizeof(int16_t));
    self->fft_twiddles_q15 = kws_features_take_table(tables, points / 4u * 6u, sizeof(int16_t));
    self->real_twiddles_q15 = kws_features_take_table(tables, points, sizeof(int16_t));
    self->rise_q12 = kws_features_take_table(tables, self->num_bins, sizeof(uint16_t));
    self->segments = kws_features_take_table(tables, self->num_bands + 1u, sizeof(uint16_t));
    self->gains = kws_features_take_table(tables, KWS_MICRO_GAINS, sizeof(int16_t));
    self->log_table_q16 = kws_features_take_table(tables, KWS_MICRO_LOG_ENTRIES, sizeof(uint16_t));
    return !tables->failed;
}

static bool tables_are_sound(const kws_micro_config_t *self)
{
    const uint32_t points = num_points(self);
    uint32_t num_bins = 0u;
    for (uint32_t i = 0u; i <= self->num_bands; ++i) {
        num_bins += self->segments[i];
    }
    for (uint32_t i = 0u; i < self->num_bins; ++i) {
        if (self->rise_q12[i] > 1u << KWS_MICRO_WEIGHT_BITS) {
            return false;
        }
    }
    for (uint32_t i = 0u; i < self->window_samples; ++i) {
        if (self->window_q12[i] < 0 || self->window_q12[i] > 1 << KWS_MICRO_WEIGHT_BITS) {
            return false;
        }
    }
    return num_bins == self->num_bins &&
           kws_features_twiddles_are_short(self->fft_twiddles_q15, points / 4u * 6u) &&
           kws_features_twiddles_are_short(self->real_twiddles_q15, points);
}

kws_status_t kws_micro_read(kws_micro_config_t *self, kws_span_t section)
{
    if (!read_header(self, section.data) || !header_is_sound(self)) {
        return KWS_ERROR_BOUNDS;
    }
    kws_features_tables_t tables = {.next = section.data + KWS_MICRO_HEADER_BYTES,
                                    .left_bytes = section.size_bytes - KWS_MICRO_HEADER_BYTES};
    if (!read_tables(self, &tables)) {
        return KWS_ERROR_TRUNCATED;
    }
    return tables_are_sound(self) ? KWS_OK : KWS_ERROR_BOUNDS;
}

/* The complex points, where the energies then are; after them the bands. */
static uint32_t points_bytes(const kws_micro_config_t *self)
{
    return num_points(self) * 2u * (uint32_t)sizeof(int16_t);
}

uint32_t kws_micro_scratch_bytes(const kws_micro_config_t *self)
{
    return points_bytes(self) + self->num_bands * (uint32_t)sizeof(uint32_t);
}

const uint32_t *kws_micro_analyse(const kws_micro_config_t *self, uint32_t *noise, void *scratch,
                                  const int16_t *window)
{
    int16_t *points = scratch;
    uint32_t *bands = (uint32_t *)(void *)((uint8_t *)scratch + points_bytes(self));
    const uint32_t *energies = (const uint32_t *)scratch + self->first_bin;
    memset(points + self->window_samples, 0, points_bytes(self) - self->window_samples * sizeof(int16_t));
    const uint32_t shift = kws_micro_window(points, window, self->window_q12, self->window_samples);
    kws_micro_fft(points, self->log2_points, shift, self->fft_twiddles_q15);
    kws_micro_energies(points, self->log2_points, self->real_twiddles_q15);
    kws_micro_bands(bands, self->num_bands, energies, self->rise_q12, self->segments, shift);
    kws_micro_reduce_noise(bands, noise, self->num_bands, &self->noise);
    kws_micro_control_gain(bands, noise, self->num_bands, self->gains, self->snr_shift);
    kws_micro_logarithms(bands, self->num_bands, self->log_table_q16, self->correction_bits, self->log_shift);
    return bands;
}

void kws_micro_step(const kws_micro_config_t *self, uint32_t *noise, void *scratch, const int16_t *window,
                    int8_t *features)
{
    const uint32_t *bands = kws_micro_analyse(self, noise, scratch, window);
    for (uint32_t i = 0u; i < self->num_bands; ++i) {
        const int64_t scaled = (int64_t)bands[i] * self->output_factor + self->output_offset; /* < 2^48 */
        const int64_t value = scaled >> self->output_shift;
        features[i] = (int8_t)((value > INT8_MAX) ? INT8_MAX : (value < INT8_MIN) ? INT8_MIN : value);
    }
}
