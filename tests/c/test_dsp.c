/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of the front end by hand: one kernel at a time against sums and double-precision formulas. */
#include <math.h>
#include <string.h>

#include "check.h"
#include "dsp/kws_dsp.h"

enum {
    MAX_POINTS = 1024,
    MAX_TWIDDLES = 6 * MAX_POINTS,
    SQRT_ENTRIES = 513,
    LOG2_ENTRIES = 65
};

static const double two_pi = 6.283185307179586;
static int16_t twiddles[MAX_TWIDDLES];
static int16_t real_twiddles[2 * MAX_POINTS];
static int16_t flat_window[2 * MAX_POINTS];
static uint16_t sqrt_table[SQRT_ENTRIES];
static uint16_t log2_table[LOG2_ENTRIES];

static void set_twiddle(int16_t *pair, double turns)
{
    pair[0] = (int16_t)lround(32767.0 * cos(two_pi * turns));
    pair[1] = (int16_t)lround(32767.0 * sin(two_pi * turns));
}

static void make_tables(uint32_t log2_points)
{
    static const uint32_t order[3] = {2u, 1u, 3u};
    int16_t *pair = twiddles;
    for (uint32_t quarter = 4u >> (log2_points & 1u); quarter < 1u << log2_points; quarter *= 4u) {
        for (uint32_t k = 1u; k <= quarter / 2u; ++k) {
            for (uint32_t i = 0u; i < 3u; ++i, pair += 2) {
                set_twiddle(pair, (double)(order[i] * k) / (4.0 * quarter));
            }
        }
    }
    CHECK_EQUAL(pair - twiddles, kws_dsp_fft_num_twiddles(log2_points));
    for (uint32_t k = 1u; k < 1u << log2_points; ++k) {
        set_twiddle(real_twiddles + 2u * (k - 1u), k / (double)(2u << log2_points));
    }
    for (uint32_t i = 0u; i < 2u * MAX_POINTS; ++i) {
        flat_window[i] = 16384;
    }
    for (uint32_t i = 1u; i < SQRT_ENTRIES; ++i) {
        sqrt_table[i] = (uint16_t)lround(2048.0 * sqrt(i + 0.5));
    }
    for (uint32_t i = 0u; i < LOG2_ENTRIES; ++i) {
        log2_table[i] = (uint16_t)lround(32768.0 * log2(1.0 + i / 64.0));
    }
}

static void test_headroom(void)
{
    const int16_t silence[6] = {0};
    const int16_t loudest[2] = {-32768, 0}, half[2] = {0, 16383}, minus_half[2] = {-16384, 1},
                  step[2] = {1, 0};
    CHECK_EQUAL(kws_dsp_headroom_s16(silence, 6), 15);
    CHECK_EQUAL(kws_dsp_headroom_s16(loudest, 2), 0);
    CHECK_EQUAL(kws_dsp_headroom_s16(half, 2), 1);
    CHECK_EQUAL(kws_dsp_headroom_s16(minus_half, 2), 1);
    CHECK_EQUAL(kws_dsp_headroom_s16(step, 2), 14);
}

/* A cosine of bin_at whole turns through a flat window of 1/2: amplitude * points / 2 in its bin, next to nothing in the
 * others. */
static void test_cosine(uint32_t log2_points, uint32_t bin_at, double amplitude)
{
    static int32_t data[2 * MAX_POINTS];
    static int16_t samples[2 * MAX_POINTS];
    static int32_t points[2 * MAX_POINTS];
    const uint32_t num_points = 1u << log2_points;
    for (uint32_t i = 0u; i < 2u * num_points; ++i) {
        samples[i] = (int16_t)lround(amplitude * cos(two_pi * bin_at * i / (2.0 * num_points)));
    }
    const int32_t exponent = kws_dsp_headroom_s16(samples, 2u * num_points);
    kws_dsp_fft_load_s16(data, log2_points, samples, flat_window, 2u * num_points, exponent);
    kws_dsp_fft_s32(data, log2_points, twiddles);
    const double scale =
        ldexp(1.0, 15 + exponent - kws_dsp_fft_input_shift(log2_points) - kws_dsp_fft_halvings(log2_points));
    const double expected = 0.5 * amplitude * num_points * scale;
    memcpy(points, data, sizeof points);
    kws_dsp_magnitudes(data, log2_points, 1u, num_points - 1u, real_twiddles, sqrt_table);
    for (uint32_t k = 1u; k < num_points; ++k) {
        const double error = fabs(data[2u * k] - ((k == bin_at) ? expected : 0.0));
        CHECK(error < ((k == bin_at) ? 0.005 : 0.0005) * expected);
    }
    const int32_t shift = kws_dsp_powers(points, log2_points, 1u, num_points - 1u, real_twiddles);
    const double power = ldexp(expected * expected, shift - KWS_DSP_POWER_SHIFT);
    CHECK(fabs((uint32_t)points[2u * bin_at] - power) < 0.001 * power);
    CHECK((uint32_t)points[2u * bin_at - 2u] < 1e-6 * power);
}

/* y[n] = x[n] - x[n - 1] / 2 of a step is 1, then 1/2 for ever: the sum over the window is what an empty FFT adds up. */
static void test_preemphasis(void)
{
    enum {
        LOG2_POINTS = 6,
        NUM_SAMPLES = 128
    };
    static int32_t data[2 << LOG2_POINTS];
    int16_t samples[NUM_SAMPLES];
    for (uint32_t i = 0u; i < NUM_SAMPLES; ++i) {
        samples[i] = -32768;
    }
    const int32_t exponent =
        kws_dsp_fft_load_preemphasis_s16(data, LOG2_POINTS, samples, flat_window, NUM_SAMPLES, 16384);
    kws_dsp_fft_s32(data, LOG2_POINTS, twiddles);
    const double scale =
        ldexp(0.5, 15 + exponent - kws_dsp_fft_input_shift(LOG2_POINTS) - kws_dsp_fft_halvings(LOG2_POINTS));
    CHECK(fabs(data[0] - -32768.0 * scale * (1.0 + 63 * 0.5)) < 100.0); /* even samples */
    CHECK(fabs(data[1] - -32768.0 * scale * (64 * 0.5)) < 100.0);       /* odd samples */
}

static void test_mel_bands(void)
{
    const uint32_t bins[10] = {100u, 1u,  UINT32_MAX, 1u,  7u,
                               1u,   10u, 1u,         20u, 1u}; /* between them anything */
    const uint16_t rise[5] = {32768u, 0u, 16384u, 8192u, 0u};
    const uint16_t segments[4] = {1u, 2u, 0u,
                                  2u}; /* 3 bands; the middle one rises over two bins and falls over none */
    uint64_t bands[3];
    kws_dsp_mel_bands(bands, bins, rise, segments, 3u);
    CHECK(bands[0] == 100ull * 32768u + UINT32_MAX * 32768ull + 7u * 16384u);
    CHECK(bands[1] == 7u * 16384u);
    CHECK(bands[2] == 10u * 24576u + 20u * 32768u);
}

static void test_log_bands(void)
{
    const uint64_t bands[5] = {0u, 1u, 1ull << 40, 3ull << 50, (1ull << 62) - 1u};
    int16_t logs[5];
    const kws_dsp_log_t plain = {.table_q15 = log2_table};
    const kws_dsp_log_t with_floor = {.floor = 1u, .bias_q10 = 30 * 1024, .table_q15 = log2_table};
    kws_dsp_log_bands(logs, bands, 5u, &plain);
    CHECK_EQUAL(logs[0], 0);
    CHECK_EQUAL(logs[1], 0);
    CHECK_EQUAL(logs[2], INT16_MAX); /* 40 * 1024 does not fit */
    kws_dsp_log_bands(logs, bands, 5u, &with_floor);
    CHECK_EQUAL(logs[0], -30 * 1024);
    CHECK_EQUAL(logs[1], -29 * 1024);
    CHECK_EQUAL(logs[2], 10 * 1024);
    CHECK_EQUAL(logs[3], lround((50 + log2(3.0) - 30) * 1024));
    CHECK_EQUAL(logs[4], 32 * 1024 - 1); /* saturated: exactly 62 - 30 would not fit */
    for (uint32_t i = 1u; i < 5000u; ++i) {
        const uint64_t value = i * 7919ull;
        int16_t log;
        kws_dsp_log_bands(&log, &value, 1u, &plain);
        CHECK(fabs(log - 1024.0 * log2((double)value)) < 1.0);
    }
}

static void test_project(void)
{
    const int16_t logs[4] = {1000, -1000, 32767, 0};
    const int16_t weights[3][4] = {{100, 50, 0, 0}, {0, 0, 32767, 0}, {-3, 0, 0, 9}};
    const int32_t offsets[3] = {1 << 9, 0, 0};
    int8_t features[3];
    kws_dsp_project(features, 3u, logs, 4u, weights[0], offsets, 10u);
    CHECK_EQUAL(features[0], 49); /* (50,000 + 512) / 1024 = 49.3 */
    CHECK_EQUAL(features[1], 127);
    CHECK_EQUAL(features[2], -3); /* -2.93, rounded down: half a step is in the offset */
}

static void test_log_features(void)
{
    const uint64_t bands[4] = {0u, 1ull << 20, 1ull << 21, 1ull << 40};
    const kws_dsp_log_t log = {.bias_q10 = 20 * 1024, .table_q15 = log2_table};
    int8_t features[4];
    kws_dsp_log_features(features, bands, 4u, &log, 100, 1 << 9, 10u);
    CHECK_EQUAL(features[0], -128); /* the log of 0 is 0, less the bias: -20 * 100 */
    CHECK_EQUAL(features[1], 0);
    CHECK_EQUAL(features[2], 100); /* (102,400 + 512) / 1024 */
    CHECK_EQUAL(features[3], 127);
}

int main(void)
{
    test_headroom();
    for (uint32_t log2_points = 6u; log2_points <= 10u; ++log2_points) {
        make_tables(log2_points);
        const uint32_t num_points = 1u << log2_points;
        test_cosine(log2_points, 3u, 32767.0);
        test_cosine(log2_points, num_points / 2u, 900.0);
        test_cosine(log2_points, num_points - 5u, 32767.0);
    }
    make_tables(6u);
    test_preemphasis();
    test_mel_bands();
    test_log_bands();
    test_project();
    test_log_features();
    return 0;
}
