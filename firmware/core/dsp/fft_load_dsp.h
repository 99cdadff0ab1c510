/* SPDX-License-Identifier: Apache-2.0 */
/* The Armv7E-M first pass for the usual size: called by fft_load.c, which does all other sizes itself. */
#ifndef KWS_DSP_FFT_LOAD_DSP_H
#define KWS_DSP_FFT_LOAD_DSP_H

#include <stdint.h>

enum {
    KWS_DSP_LOAD_256_LOG2_POINTS = 8,
    KWS_DSP_LOAD_256_MIN_SAMPLES = 384
};

/* kws_dsp_fft_load_s16 for 256 points and num_samples 384 .. 512. */
void kws_dsp_fft_load_256(int32_t *data, const int16_t *samples, const int16_t *window_q15,
                          uint32_t num_samples, int32_t exponent);

#endif
