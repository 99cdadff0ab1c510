/* SPDX-License-Identifier: Apache-2.0 */
/* Runs on the emulated Cortex-M4: kws_dsp_sums_s16 equals the sums written out, over random lengths, places and
 * loudness. */
#include <stdbool.h>

#include "../random.h"
#include "dsp/kws_dsp.h"
#include "semihosting.h"

enum {
    NUM_CASES = 500,
    MAX_SAMPLES = 700
};

static int16_t samples[MAX_SAMPLES + 1];

static bool agrees(const int16_t *first, uint32_t num_samples)
{
    int64_t squares = 0;
    int32_t sum = 0;
    for (uint32_t i = 0; i < num_samples; ++i) {
        sum += first[i];
        squares += (int64_t)first[i] * first[i];
    }
    int32_t found;
    return kws_dsp_sums_s16(first, num_samples, &found) == squares && found == sum;
}

int run(void)
{
    random_state = 7u;
    for (uint32_t i = 0; i < NUM_CASES; ++i) {
        const uint32_t num_samples = 1u + random_u32() % MAX_SAMPLES;
        const uint32_t quieter = random_u32() % 16u; /* 0: full scale, -32768 among it */
        for (uint32_t k = 0; k <= MAX_SAMPLES; ++k) {
            samples[k] = (int16_t)((i == 0u) ? -32768 : (int32_t)random_u32() >> (16u + quieter));
        }
        if (!agrees(samples + i % 2u, num_samples)) {
            print("sums differ\n");
            return 1;
        }
    }
    print("sums agree\n");
    return 0;
}
