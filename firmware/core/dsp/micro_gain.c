/* SPDX-License-Identifier: Apache-2.0 */
#include "fixed_point.h"
#include "kws_micro_dsp.h"

enum {
    SHARE_BITS = 14,  /* smoothing and minimum are Q14 */
    OUTPUT_BITS = 6,  /* of a compressed band */
    LOG_BITS = 16,    /* logarithms are Q16 */
    SEGMENT_BITS = 9, /* 128 segments in an octave */
    LN2_Q16 = 45426
};

/* Position of the top bit, from 1; 0 for 0. */
static uint32_t num_bits(uint32_t value)
{
    return 32u - kws_clz(value);
}

void kws_micro_reduce_noise(uint32_t *bands, uint32_t *noise, uint32_t num_bands,
                            const kws_micro_noise_t *config)
{
    for (uint32_t i = 0u; i < num_bands; ++i) {
        const uint32_t share = config->smoothing_q14[i & 1u];
        const uint32_t band = bands[i] << config->smoothing_bits;
        const uint64_t kept = (uint64_t)noise[i] * ((1u << SHARE_BITS) - share);
        uint32_t estimate = (uint32_t)(((uint64_t)band * share + kept) >> SHARE_BITS);
        noise[i] = estimate;
        if (estimate > band) {
            estimate = band;
        }
        const uint32_t least = (uint32_t)((uint64_t)bands[i] * config->minimum_q14 >> SHARE_BITS);
        const uint32_t clean = (band - estimate) >> config->smoothing_bits;
        bands[i] = (clean > least) ? clean : least;
    }
}

/* A parabola in each octave. |slope| + |curvature| <= 2^16, so 2^16 * 32 * 1023 + 2^14 stays inside 32 bits. */
static uint32_t gain_of(uint32_t noise, const int16_t *gains)
{
    if (noise <= 2u) {
        return (uint32_t)gains[noise];
    }
    const uint32_t octave = num_bits(noise);
    const int16_t *parabola = gains + 4u * octave - 6u;
    const int32_t fraction_q10 =
        (int32_t)((octave < 11u ? noise << (11u - octave) : noise >> (octave - 11u)) & 0x3ffu);
    const int32_t slope = ((parabola[2] * fraction_q10) >> 5) + kws_shift_left(parabola[1], 5u);
    return (uint32_t)(int16_t)(((slope * fraction_q10 + (1 << 14)) >> 15) + parabola[0]);
}

static uint32_t compressed(uint32_t snr)
{
    return (snr < 2u << KWS_MICRO_SNR_BITS)
               ? (snr * snr) >> (2u + 2u * (uint32_t)KWS_MICRO_SNR_BITS - (uint32_t)OUTPUT_BITS)
               : (snr >> (KWS_MICRO_SNR_BITS - OUTPUT_BITS)) - (1u << OUTPUT_BITS);
}

void kws_micro_control_gain(uint32_t *bands, const uint32_t *noise, uint32_t num_bands, const int16_t *gains,
                            uint32_t snr_shift)
{
    for (uint32_t i = 0u; i < num_bands; ++i) {
        bands[i] = compressed((uint32_t)((uint64_t)bands[i] * gain_of(noise[i], gains) >> snr_shift));
    }
}

static uint32_t log2_q16(uint32_t value, const uint16_t *table_q16)
{
    const uint32_t octave = num_bits(value) - 1u;
    const uint32_t above = value - (1u << octave);
    const uint32_t fraction =
        (octave < LOG_BITS) ? above << (LOG_BITS - octave) : above >> (octave - LOG_BITS);
    const uint32_t segment = fraction >> SEGMENT_BITS;
    const int32_t start = table_q16[segment], end = table_q16[segment + 1u];
    const int32_t inside = (int32_t)(fraction - (segment << SEGMENT_BITS));
    return (octave << LOG_BITS) + fraction + (uint32_t)(start + (((end - start) * inside) >> LOG_BITS));
}

void kws_micro_logarithms(uint32_t *bands, uint32_t num_bands, const uint16_t *table_q16,
                          uint32_t correction_bits, uint32_t scale_shift)
{
    const uint32_t half = 1u << (LOG_BITS - 1);
    for (uint32_t i = 0u; i < num_bands; ++i) {
        const uint32_t value = bands[i] << correction_bits;
        if (value < 2u) {
            bands[i] = 0u;
            continue;
        }
        const uint32_t ln_q16 =
            (uint32_t)(((uint64_t)LN2_Q16 * log2_q16(value, table_q16) + half) >> LOG_BITS);
        const uint32_t scaled = ((ln_q16 << scale_shift) + half) >> LOG_BITS;
        bands[i] = (scaled < UINT16_MAX) ? scaled : UINT16_MAX;
    }
}
