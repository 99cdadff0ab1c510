/* SPDX-License-Identifier: Apache-2.0 */
/* Stage 2, the other front end: that of micro_speech and microWakeWord ("microfrontend"), bit for bit.
 *
 *   samples -> window -> real FFT (16 bits) -> energy -> bands -> square root -> noise reduction -> gain control -> ln
 *
 * Noise reduction follows each band slowly and takes the estimate out of it; gain control divides by a power of the same
 * estimate. The estimates are this stage's state: kws_features_reset makes them zero, every frame heard moves them, and
 * frames slept through behind a closed gate do not.
 *
 * Its FEAT section, little-endian, made by kws/micro_features.py:
 *   offset  size  field
 *        0     2  layout version (KWS_MICRO_LAYOUT_VERSION)
 *        2     2  reserved, zero
 *        4     4  sample_rate_hz
 *        8     2  window_samples      even, 2 .. fft_length
 *       10     2  hop_samples         >= 1
 *       12     2  fft_length          128, 512 or 2048
 *       14     2  num_bands           1 .. KWS_MICRO_MAX_BANDS, which is the number of features
 *       16     2  first_bin           lowest FFT bin used, >= 1
 *       18     2  num_bins            first_bin + num_bins <= fft_length / 2
 *       20     4  smoothing_q14       of even and of odd bands, 0 .. 2^14 each
 *       24     2  minimum_q14         0 .. 2^14
 *       26     1  smoothing_bits      0 .. 16
 *       27     1  snr_shift           0 .. 31
 *       28     1  correction_bits     0 .. 15, added to the bands before the logarithm
 *       29     1  log_shift           0 .. 10: logarithms are 2^log_shift * ln(band * 2^correction_bits)
 *       30     1  output_shift        features = (logarithm * output_factor + output_offset) >> output_shift, 0 .. 31,
 *                                     clamped to int8
 *       31     1  zero_point          int8; with scale, for readers: value = (feature - zero_point) * scale
 *       32     4  output_factor       int32
 *       36     4  scale               IEEE float32, never read by the core
 *       40     4  output_offset       int32
 *       44     4  reserved, zero
 *       48   ...  tables, one after the other, each padded with zeros to a multiple of 4 bytes:
 *                 window           int16  window_samples         Q12, at most 1
 *                 fft twiddles     int16  pairs for 3/8 fft_length angles (kws_micro_fft)
 *                 real twiddles    int16  pairs for fft_length / 4 angles (kws_micro_energies)
 *                 rise             uint16 num_bins               Q12 (kws_micro_bands)
 *                 segments         uint16 num_bands + 1          sum = num_bins
 *                 gains            int16  KWS_MICRO_GAINS        (kws_micro_control_gain)
 *                 logarithms       uint16 KWS_MICRO_LOG_ENTRIES  (kws_micro_logarithms) */
#ifndef KWS_MICRO_H
#define KWS_MICRO_H

#include "dsp/kws_micro_dsp.h"
#include "kws_bundle.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    KWS_MICRO_LAYOUT_VERSION = 4,
    KWS_MICRO_HEADER_BYTES = 48,
    KWS_MICRO_MAX_BANDS = 128
};

/* Parsed and checked: scalars by value, tables as pointers into the bundle. */
typedef struct {
    uint32_t sample_rate_hz;
    uint16_t window_samples;
    uint16_t hop_samples;
    uint16_t num_bands;
    uint16_t first_bin;
    uint16_t num_bins;
    kws_micro_noise_t noise;
    uint8_t log2_points; /* log2(fft_length / 2): size of the complex FFT */
    uint8_t snr_shift;
    uint8_t correction_bits;
    uint8_t log_shift;
    uint8_t output_shift;
    int8_t zero_point;
    int32_t output_factor;
    int32_t output_offset;
    uint32_t scale_float32_bits;
    const int16_t *window_q12;
    const int16_t *fft_twiddles_q15;
    const int16_t *real_twiddles_q15;
    const uint16_t *rise_q12;
    const uint16_t *segments;
    const int16_t *gains;
    const uint16_t *log_table_q16;
} kws_micro_config_t;

/* Checks everything that a step relies on. section: at least KWS_MICRO_HEADER_BYTES, aligned to 4. */
kws_status_t kws_micro_read(kws_micro_config_t *self, kws_span_t section);

uint32_t kws_micro_scratch_bytes(const kws_micro_config_t *self);

/* The logarithms of one window, num_bands of 0 .. 65535, in scratch. noise and scratch as below. */
const uint32_t *kws_micro_analyse(const kws_micro_config_t *self, uint32_t *noise, void *scratch,
                                  const int16_t *window);

/* The same as features. noise: num_bands estimates, the state. scratch: kws_micro_scratch_bytes, aligned to 4. features: num_bands. */
void kws_micro_step(const kws_micro_config_t *self, uint32_t *noise, void *scratch, const int16_t *window,
                    int8_t *features);

#ifdef __cplusplus
}
#endif

#endif
