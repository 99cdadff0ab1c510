/* SPDX-License-Identifier: Apache-2.0 */
/* Stage 2 of 5: one window of int16 samples -> one frame of int8 features. Two kinds of front end, told apart by the
 * layout version that the FEAT section begins with: this one, and that of kws_micro.h.
 *
 *   samples -> [pre-emphasis] -> window -> real FFT -> magnitude or power -> mel bands -> log2 -> [DCT] -> int8
 *
 * Integers only. A window is first scaled up by the power of two that its loudest sample allows (block floating
 * point), so that a whisper is analysed as finely as a shout; the scale is taken out again after the logarithm.
 * Frames are independent of each other: no state is carried from hop to hop. (That of kws_micro.h carries one.)
 *
 * The FEAT section, little-endian, made by kws/features.py, which is the only place that computes a table:
 *   offset  size  field
 *        0     2  layout version (KWS_FEATURES_LAYOUT_VERSION)
 *        2     1  spectrum   (kws_spectrum_t)
 *        3     1  projection (kws_projection_t)
 *        4     4  sample_rate_hz
 *        8     2  window_samples      even, 2 .. fft_length
 *       10     2  hop_samples         >= 1
 *       12     2  fft_length          a power of two, 128 .. 2048
 *       14     2  num_mel_bands       1 .. KWS_FEATURES_MAX_MEL_BANDS
 *       16     2  num_features        1 .. num_mel_bands; equal to it without DCT
 *       18     2  first_bin           lowest FFT bin used, >= 1
 *       20     2  num_bins            bins used; the last one is at most fft_length / 2 - first_bin, so that the upper
 *                                     half has its mirror image among them
 *       22     2  preemphasis_q15     y[n] = x[n] - preemphasis * x[n - 1], x[-1] = 0 in each window;
 *                                     0 .. 32767, 0 = none
 *       24     4  log_floor_mantissa  added to every band before the logarithm:
 *       28     2  log_floor_shift       mantissa * 2^(exponent - shift), exponent as in kws_dsp.h
 *       30     2  log_bias_q10        subtracted from every log2, Q10: centres it in 16 bits
 *       32     1  output_shift        features = (projected + offset) >> output_shift, 0 .. 30
 *       33     1  zero_point          int8; with scale, for readers: value = (feature - zero_point) * scale
 *       34     2  reserved, zero
 *       36     4  scale               IEEE float32, never read by the core
 *       40     8  reserved, zero
 *       48   ...  tables, one after the other, each padded with zeros to a multiple of 4 bytes:
 *                 window           int16  window_samples        Q15
 *                 fft twiddles     int16  pairs (cos, sin) Q15, in the order the passes read them (kws_dsp.h)
 *                 real twiddles    int16  pairs (cos, sin) Q15: angle 2 pi k / fft_length, the bins used up to
 *                                         fft_length / 4
 *                 mel rise         uint16 num_bins              Q15 weight in the band that rises over the bin;
 *                                                               the band before it falls with 1 - weight
 *                 mel segments     uint16 num_mel_bands + 1     bins between two neighbouring band centres;
 *                                                               sum = num_bins
 *                 square roots     uint16 513                   absent when the spectrum is power
 *                 logarithms       uint16 65                    log2(1 + i / 64), Q15
 *                 projection       int16  DCT: num_features rows of num_mel_bands (even, zero padded);
 *                                         no DCT: one factor
 *                 offsets          int32  rounding, zero point, gain, log_bias. DCT: num_features; no DCT: one
 *
 * Tables are used in place: the section must be aligned to 4 bytes and the machine little-endian. */
#ifndef KWS_FEATURES_H
#define KWS_FEATURES_H

#include "kws_arena.h"
#include "kws_bundle.h"
#include "kws_micro.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    KWS_FEATURES_LAYOUT_VERSION = 3,
    KWS_FEATURES_HEADER_BYTES = 48,
    KWS_FEATURES_MIN_FFT_LENGTH = 128,
    KWS_FEATURES_MAX_FFT_LENGTH = 2048,
    KWS_FEATURES_MAX_MEL_BANDS = 128,
    KWS_FEATURES_SQRT_ENTRIES = 513,
    KWS_FEATURES_LOG2_ENTRIES = 65
};

typedef enum {
    KWS_SPECTRUM_MAGNITUDE = 0,
    KWS_SPECTRUM_POWER = 1
} kws_spectrum_t;

typedef enum {
    KWS_PROJECTION_NONE = 0, /* features are the log-mel bands */
    KWS_PROJECTION_DCT = 1
} kws_projection_t;

typedef enum {
    KWS_FEATURES_MEL = 0,
    KWS_FEATURES_EMPHASIZED_MEL = 1, /* with pre-emphasis */
    KWS_FEATURES_MICRO = 2
} kws_features_kind_t;

/* Parsed and checked FEAT section: scalars by value, tables as pointers into the bundle. Of the micro front end: the
 * common scalars and `micro`, all else is zero. */
typedef struct {
    kws_features_kind_t kind;
    uint32_t sample_rate_hz;
    uint16_t window_samples;
    uint16_t hop_samples;
    uint16_t fft_length;
    uint16_t num_mel_bands;
    uint16_t num_features; /* values per frame: DCT coefficients, or num_mel_bands when there is no DCT */
    uint16_t first_bin;
    uint16_t num_bins;
    int16_t preemphasis_q15;
    uint8_t log2_points; /* log2(fft_length / 2): size of the complex FFT */
    kws_spectrum_t spectrum;
    kws_projection_t projection;
    uint32_t log_floor_mantissa;
    int16_t log_floor_shift;
    int16_t log_bias_q10;
    uint8_t output_shift;
    int8_t zero_point;
    uint32_t scale_float32_bits;
    const int16_t *window_q15;
    const int16_t *fft_twiddles_q15;
    const int16_t *real_twiddles_q15;
    const uint16_t *mel_rise_q15;
    const uint16_t *mel_segments;
    const uint16_t *sqrt_table; /* NULL when the spectrum is power */
    const uint16_t *log2_table_q15;
    const int16_t *projection_weights;
    const int32_t *offsets;
    kws_micro_config_t micro;
} kws_features_config_t;

typedef struct {
    const kws_features_config_t *config;
    void *scratch;   /* shared: contents do not outlive a step */
    uint32_t *noise; /* micro: noise estimates, num_features; else NULL */
} kws_features_t;

/* Checks everything that step relies on: no bytes, however wrong, make it read outside the section or
 * overflow. */
kws_status_t kws_features_read(kws_features_config_t *self, kws_span_t section);

/* Scratch the step needs; the pipeline shares one block between the stages. Aligned to 8 bytes. */
uint32_t kws_features_scratch_bytes(const kws_features_config_t *config);

/* The micro front end takes its noise estimates from the arena; the other kind carries nothing between hops and leaves
 * the arena alone. scratch may be NULL when the arena only counts. */
kws_status_t kws_features_init(kws_features_t *self, const kws_features_config_t *config, kws_arena_t *arena,
                               void *scratch);
/* Forgets what was heard. */
void kws_features_reset(kws_features_t *self);

/* window: config->window_samples samples, aligned to 4 bytes for full speed. features: config->num_features
 * values. */
void kws_features_step(kws_features_t *self, const int16_t *window, int8_t *features);

/* Frames in a recording: every window that lies inside it. */
uint32_t kws_features_num_frames(const kws_features_config_t *config, uint32_t num_samples);

/* Whole recordings, each from a reset: num_clips rows of clip_samples samples -> num_clips * num_frames rows of
 * features. */
void kws_features_run(kws_features_t *self, const int16_t *samples, uint32_t num_clips, uint32_t clip_samples,
                      int8_t *features);

/* What kws/features.py needs to know to compute log_floor and offsets: a mel band of true value 1 (in units of an
 * int16 sample step, squared for power) is the integer 2^(this + exponent). */
int32_t kws_features_band_scale_log2(uint16_t fft_length, kws_spectrum_t spectrum);

#ifdef __cplusplus
}
#endif

#endif
