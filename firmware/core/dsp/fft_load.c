/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "../kws_simd.h"
#include "fft_load_dsp.h"
#include "fixed_point.h"
#include "kws_dsp.h"

/* Growth: the first pass adds 4 points (2 when log2_points is odd) without halving, each later one 4 points
 * with halving, and a complex point is at most sqrt(2) louder than its parts. Room for 2^(log2_points / 2 +
 * 1) times sqrt(2) plus one bit for the sums of the real-signal step, all below 2^30, which the magnitude
 * step asks for. */
int32_t kws_dsp_fft_input_shift(uint32_t log2_points)
{
    return (int32_t)(log2_points / 2u) + 3;
}

/* One double-length sample at full scale, shifted for headroom. */
static int32_t scaled(int32_t product, int32_t left_shift)
{
    return (left_shift >= 0) ? kws_shift_left(product, (uint32_t)left_shift) : product >> -left_shift;
}

/* Butterflies of two neighbouring points: odd log2_points. */
static void first_pass_radix2(int32_t *data, uint32_t num_points)
{
    for (int32_t *x = data; x < data + 2u * num_points; x += 4) {
        const int32_t re = x[2], im = x[3];
        x[2] = x[0] - re;
        x[3] = x[1] - im;
        x[0] += re;
        x[1] += im;
    }
}

/* Butterflies of four neighbouring points; bit reversal puts them in the order 0, 2, 1, 3. */
static void first_pass_radix4(int32_t *data, uint32_t num_points)
{
    for (int32_t *x = data; x < data + 2u * num_points; x += 8) {
        const int32_t sum02_re = x[0] + x[2], sum02_im = x[1] + x[3];
        const int32_t difference02_re = x[0] - x[2], difference02_im = x[1] - x[3];
        const int32_t sum13_re = x[4] + x[6], sum13_im = x[5] + x[7];
        const int32_t difference13_re = x[4] - x[6], difference13_im = x[5] - x[7];
        x[0] = sum02_re + sum13_re;
        x[1] = sum02_im + sum13_im;
        x[2] = difference02_re + difference13_im;
        x[3] = difference02_im - difference13_re;
        x[4] = sum02_re - sum13_re;
        x[5] = sum02_im - sum13_im;
        x[6] = difference02_re - difference13_im;
        x[7] = difference02_im + difference13_re;
    }
}

static void first_pass(int32_t *data, uint32_t log2_points)
{
    if ((log2_points & 1u) != 0u) {
        first_pass_radix2(data, 1u << log2_points);
    } else {
        first_pass_radix4(data, 1u << log2_points);
    }
}

void kws_dsp_fft_load_s16(int32_t *data, uint32_t log2_points, const int16_t *samples,
                          const int16_t *window_q15, uint32_t num_samples, int32_t exponent)
{
#if KWS_SIMD
    if (log2_points == KWS_DSP_LOAD_256_LOG2_POINTS && num_samples >= KWS_DSP_LOAD_256_MIN_SAMPLES) {
        kws_dsp_fft_load_256(data, samples, window_q15, num_samples, exponent);
        return;
    }
#endif
    const int32_t shift = exponent - kws_dsp_fft_input_shift(log2_points);
    memset(data, 0, sizeof(int32_t) * 2u << log2_points);
    for (uint32_t i = 0u; i < num_samples; i += 2u) {
        int32_t *point = data + 2u * kws_bit_reverse(i / 2u, log2_points);
        point[0] = scaled((int32_t)samples[i] * window_q15[i], shift);
        point[1] = scaled((int32_t)samples[i + 1u] * window_q15[i + 1u], shift);
    }
    first_pass(data, log2_points);
}

/* y in Q15: at most 2^30 + 2^30 - 2^15. */
static int32_t emphasised_q15(int32_t sample, int32_t previous, int16_t preemphasis_q15)
{
    return sample * 32768 - previous * preemphasis_q15;
}

/* As kws_dsp_headroom_s16, for the emphasised samples: 0 .. 16. */
static uint32_t emphasised_headroom(const int16_t *samples, uint32_t num_samples, int16_t preemphasis_q15)
{
    uint32_t seen = 1u << 15;
    int32_t previous = 0;
    for (const int16_t *const end = samples + num_samples; samples < end; ++samples) {
        const uint32_t value = (uint32_t)emphasised_q15(*samples, previous, preemphasis_q15);
        seen |= value ^ (value << 1);
        previous = *samples;
    }
    return kws_clz(seen);
}

int32_t kws_dsp_fft_load_preemphasis_s16(int32_t *data, uint32_t log2_points, const int16_t *samples,
                                         const int16_t *window_q15, uint32_t num_samples,
                                         int16_t preemphasis_q15)
{
    const uint32_t headroom = emphasised_headroom(samples, num_samples, preemphasis_q15);
    const int32_t shift = kws_dsp_fft_input_shift(log2_points);
    int32_t previous = 0;
    memset(data, 0, sizeof(int32_t) * 2u << log2_points);
    for (uint32_t i = 0u; i < num_samples; i += 2u) {
        const int32_t re = emphasised_q15(samples[i], previous, preemphasis_q15);
        const int32_t im = emphasised_q15(samples[i + 1u], samples[i], preemphasis_q15);
        int32_t *point = data + 2u * kws_bit_reverse(i / 2u, log2_points);
        point[0] = kws_smulw(kws_shift_left(re, headroom), window_q15[i]) >> shift;
        point[1] = kws_smulw(kws_shift_left(im, headroom), window_q15[i + 1u]) >> shift;
        previous = samples[i + 1u];
    }
    first_pass(data, log2_points);
    return (int32_t)headroom - 1;
}
