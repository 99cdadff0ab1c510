/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of the micro front end (kws_micro.h), pure functions on arrays. Their integers are those of the published
 * fixed-point front end that micro_speech and microWakeWord were trained with, roundings and wraps included. */
#ifndef KWS_MICRO_DSP_H
#define KWS_MICRO_DSP_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    KWS_MICRO_WEIGHT_BITS = 12, /* window and band weights are Q12 */
    KWS_MICRO_SNR_BITS = 12,
    KWS_MICRO_GAINS = 125, /* entries of the gain table: 2 + 31 octaves of 4, less one */
    KWS_MICRO_LOG_ENTRIES = 129
};

/* output = samples * window, floor. Returns the left shift, 0 .. 15, that brings the loudest of them (15 when all are
 * 0) to 15 bits. */
uint32_t kws_micro_window(int16_t *output, const int16_t *samples, const int16_t *window_q12,
                          uint32_t num_samples);

/* FFT of 2^log2_points (even) complex points re, im, in place, after a left shift of all of them: radix 4, every pass
 * divides by 4. twiddles: cos, -sin of 2 pi k / points for k < 3/4 points, Q15. */
void kws_micro_fft(int16_t *points, uint32_t log2_points, uint32_t shift, const int16_t *twiddles_q15);

/* From the complex FFT of the even and odd samples of a real signal to the energies of its bins 1 .. points - 1, in
 * place: bin k lies where point k was. twiddles: -sin, -cos of pi k / points for k = 1 .. points / 2, Q15. */
void kws_micro_energies(int16_t *points, uint32_t log2_points, const int16_t *twiddles_q15);

/* Triangular bands and their square roots, rounded: segments[i] consecutive bins rise into band i with weight rise_q12
 * and fall out of band i - 1 with 1 - rise_q12; num_bands + 1 segments. The roots go down by `shift` bits. */
void kws_micro_bands(uint32_t *bands, uint32_t num_bands, const uint32_t *energies, const uint16_t *rise_q12,
                     const uint16_t *segments, uint32_t shift);

/* Square root to the nearest integer. */
uint32_t kws_micro_root(uint64_t value);

typedef struct {
    uint16_t smoothing_q14[2]; /* of even and of odd bands: how fast the noise estimate follows */
    uint16_t minimum_q14;      /* what of a band is left at least */
    uint8_t smoothing_bits;    /* noise estimates are bands times 2^this */
} kws_micro_noise_t;

/* Takes the slowly followed noise out of the bands. noise: the estimates, num_bands, kept from frame to frame. */
void kws_micro_reduce_noise(uint32_t *bands, uint32_t *noise, uint32_t num_bands,
                            const kws_micro_noise_t *config);

/* Bands times a gain that falls with their noise, compressed. gains: for an estimate of 0, of 1, then for each octave
 * value, slope, curvature and an unused one. */
void kws_micro_control_gain(uint32_t *bands, const uint32_t *noise, uint32_t num_bands, const int16_t *gains,
                            uint32_t snr_shift);

/* 2^scale_shift * ln(band * 2^correction_bits), rounded; 0 below 2, at most 65535. table: entry i of 129 is
 * 2^16 * (log2(1 + i / 128) - i / 128). */
void kws_micro_logarithms(uint32_t *bands, uint32_t num_bands, const uint16_t *table_q16,
                          uint32_t correction_bits, uint32_t scale_shift);

#ifdef __cplusplus
}
#endif

#endif
