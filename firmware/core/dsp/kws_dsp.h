/* SPDX-License-Identifier: Apache-2.0 */
/* Pure functions on arrays, the steps of the front end. Plain C in x.c; kws_simd.h says which of them have an
 * Armv7E-M version in x_dsp.c, bit for bit equal.
 *
 * "Complex" arrays hold re, im, re, im, ... `exponent` is the power of two by which an array is larger than it
 * would be without block scaling. M = 1 << log2_points is the number of complex points, fft_length = 2 M. */
#ifndef KWS_DSP_H
#define KWS_DSP_H

#include <stdint.h>

enum {
    KWS_DSP_POWER_SHIFT = 28 /* powers are (re^2 + im^2) >> this, rounded */
};

/* Left shift that brings the loudest sample to full scale without overflow: 0 .. 15 (15 for silence).
 * num_samples is even. */
int32_t kws_dsp_headroom_s16(const int16_t *samples, uint32_t num_samples);

/* Sum of the samples, and, returned, of their squares. num_samples <= 65535. */
int64_t kws_dsp_sums_s16(const int16_t *samples, uint32_t num_samples, int32_t *sum);

/* Right shift of a full-scale windowed sample (31 bits) that leaves room for the growth of all FFT passes. */
int32_t kws_dsp_fft_input_shift(uint32_t log2_points);
/* How many halvings the passes make: the FFT returns its sums times 2^-(this). */
int32_t kws_dsp_fft_halvings(uint32_t log2_points);

/* Windows num_samples (even, <= 2 M) samples and runs the first FFT pass on the way in. Sample 2n becomes the
 * real, sample 2n + 1 the imaginary part of complex point n; the rest is zeros. data: M complex points, left
 * as kws_dsp_fft_s32 wants them. exponent: as kws_dsp_headroom_s16 returns. */
void kws_dsp_fft_load_s16(int32_t *data, uint32_t log2_points, const int16_t *samples,
                          const int16_t *window_q15, uint32_t num_samples, int32_t exponent);

/* The same with pre-emphasis y[n] = x[n] - preemphasis * x[n - 1], x[-1] = 0. Returns the exponent it chose,
 * which may be -1: y can be twice as loud as x. */
int32_t kws_dsp_fft_load_preemphasis_s16(int32_t *data, uint32_t log2_points, const int16_t *samples,
                                         const int16_t *window_q15, uint32_t num_samples,
                                         int16_t preemphasis_q15);

/* The passes after the first one: radix 4, decimation in time, in place; input in bit-reversed, output in
 * natural order. Each pass halves. twiddles: for passes of q = 2, 8, 32, ... (odd log2_points) or q = 4, 16,
 * 64, ... (even) butterflies a group, for k = 1 .. q / 2, the angles 2k, k, 3k times 2 pi / (4 q) as pairs
 * (cos, sin) Q15. */
void kws_dsp_fft_s32(int32_t *data, uint32_t log2_points, const int16_t *twiddles_q15);

/* One of those passes, over all groups of 4 * quarter points. */
void kws_dsp_fft_pass(int32_t *data, uint32_t num_points, uint32_t quarter, const int16_t *twiddles_q15);

/* Number of int16 values that kws_dsp_fft_s32 reads from its twiddles. */
uint32_t kws_dsp_fft_num_twiddles(uint32_t log2_points);

/* Bins first_bin .. first_bin + num_bins - 1 of the real signal's spectrum as magnitudes, from the complex
 * FFT of its even and odd samples, in place: bin k, 32 bits unsigned, lies where the real part of point k was. Bins k
 * and M - k come together where both are wanted; 1 <= first_bin, last bin
 * <= M - first_bin. twiddles: (cos, sin) Q15 of 2 pi k / (2 M) for the bins up to M / 2. sqrt_table: entry i is
 * 2^11 * sqrt(i + 1/2), i = 0 .. 512, entry 0 is 0; the error stays below 0.4 %. */
void kws_dsp_magnitudes(int32_t *data, uint32_t log2_points, uint32_t first_bin, uint32_t num_bins,
                        const int16_t *twiddles_q15, const uint16_t *sqrt_table);

/* The same as powers, scaled up to use 32 bits. Returns the exponent to add to that of a power. */
int32_t kws_dsp_powers(int32_t *data, uint32_t log2_points, uint32_t first_bin, uint32_t num_bins,
                       const int16_t *twiddles_q15);

/* Triangular bands of every other word of bins: segments[i] consecutive ones rise into band i with weight rise_q15
 * (<= 32768) and fall out of band i - 1 with 1 - rise_q15. num_bands + 1 segments. bands: Q15 sums. */
void kws_dsp_mel_bands(uint64_t *bands, const uint32_t *bins, const uint16_t *rise_q15,
                       const uint16_t *segments, uint32_t num_bands);

/* clamp16(log2(band + floor) - bias) in Q10, where the log of 0 is 0. table_q15: log2(1 + i / 64), 65 entries.
 * band + floor < 2^63. */
typedef struct {
    uint64_t floor;
    int32_t bias_q10;
    const uint16_t *table_q15;
} kws_dsp_log_t;

void kws_dsp_log_bands(int16_t *logs_q10, const uint64_t *bands, uint32_t num_bands,
                       const kws_dsp_log_t *log);

/* features = clamp((factor * log + offset) >> shift): what needs no mixing of the bands. */
void kws_dsp_log_features(int8_t *features, const uint64_t *bands, uint32_t num_bands,
                          const kws_dsp_log_t *log, int16_t factor, int32_t offset, uint32_t shift);

/* features = clamp((weights * logs + offset) >> shift); rows of row_length (even) weights. */
void kws_dsp_project(int8_t *features, uint32_t num_features, const int16_t *logs_q10, uint32_t row_length,
                     const int16_t *weights, const int32_t *offsets, uint32_t shift);

/* The steps of kws_pdm.h. Weights, values and phases are aligned to 4 bytes. */
enum {
    KWS_DSP_BITS_GROUP = 8,  /* kws_dsp_sum_bits: words at once */
    KWS_DSP_FIRST_TAPS = 12, /* kws_dsp_decimate_by_4 */
    KWS_DSP_FAR_TAPS = 30,   /* kws_dsp_decimate_by_2 */
    KWS_DSP_NEAR_TAPS = 9,
    KWS_DSP_PHASES = 4,                           /* numbers for two values */
    KWS_DSP_PHASES_BEFORE = KWS_DSP_FAR_TAPS - 1, /* fours that an output looks back on */
    KWS_DSP_OUTPUTS_GROUP = 8
};

/* Sixteen bits -> one of three sums that they are part of; what a byte adds to them stands in tables
 * (tests/parity/pdm_design.py). */
typedef struct {
    const uint32_t *earlier; /* 256 entries, of a word's upper byte */
    const uint32_t *later;   /* and of its lower one */
    uint32_t before;         /* their sum for the word before */
    uint32_t next;           /* low half: the next sum but for what the next word adds */
} kws_dsp_bits_t;

/* num_words: a multiple of KWS_DSP_BITS_GROUP. */
void kws_dsp_sum_bits(kws_dsp_bits_t *self, const uint16_t *words, uint32_t num_words, int16_t *sums);

/* FIR filters: saturate(sum of values * weights / 2^shift), rounded, halves upwards; the sums fit 32 bits.
 *
 * num_outputs: a multiple of KWS_DSP_OUTPUTS_GROUP. By 4: from KWS_DSP_FIRST_TAPS + 4 * (num_outputs - 1) values;
 * weights are one half, the other is its mirror image; shift: 1 .. 30. By 2: FAR weights for every other value, then NEAR
 * ones for the values between them in the middle, and a zero; shift: 14.
 *
 * Between them two values b, a (a first) lie as KWS_DSP_PHASES numbers: b and the b after it, a and the a after it.
 * So the pairs that an output wants lie at words, wherever it begins. By 4 takes the place of the first of
 * its outputs; by 2 takes that of the first one looked back on. */
void kws_dsp_decimate_by_4(const int16_t *values, const int16_t *weights, uint32_t shift, int16_t *phases,
                           uint32_t num_outputs);
void kws_dsp_decimate_by_2(const int16_t *phases, const int16_t *weights, int16_t *outputs,
                           uint32_t num_outputs);

#endif
