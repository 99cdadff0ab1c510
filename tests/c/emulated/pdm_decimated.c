/* SPDX-License-Identifier: Apache-2.0 */
/* Runs on the emulated Cortex-M4: decimates words of bits that the test links in, as many at once as the board's DMA gives,
 * and prints a hash (FNV-1a) of the samples. */
#include "kws_pdm.h"
#include "semihosting.h"

enum {
    WORDS_AT_ONCE = 256,
    GAIN_SHIFT = 3
};

extern const uint32_t input_num_words;
extern const uint16_t input_words[];

static kws_pdm_t decimator;
static int16_t samples[WORDS_AT_ONCE / KWS_PDM_WORDS_PER_SAMPLE];

int run(void)
{
    uint32_t hash = 2166136261u;
    kws_pdm_init(&decimator, GAIN_SHIFT);
    for (uint32_t done = 0u; done < input_num_words; done += WORDS_AT_ONCE) {
        kws_pdm_step(&decimator, input_words + done, WORDS_AT_ONCE, samples);
        for (uint32_t i = 0u; i < sizeof samples / sizeof *samples; ++i) {
            hash = (hash ^ (uint16_t)samples[i]) * 16777619u;
        }
    }
    print_number(hash);
    return 0;
}
