#include "kws_dsp.h"

/* Two neighbouring bands share each bin: w to the rising one, 1 - w to the falling one. So a segment of bins needs only
 * its plain sum and its weighted sum, one multiplication a bin. Sums: 1024 bins * 2^32 * 2^15 < 2^64. */
void kws_dsp_mel_bands(uint64_t *bands, const uint32_t *bins, const uint16_t *rise_q15,
                       const uint16_t *segments, uint32_t num_bands)
{
    for (uint32_t segment = 0u; segment <= num_bands; ++segment) {
        uint64_t total = 0u;
        uint64_t rising = 0u;
        for (uint32_t left = segments[segment]; left > 0u; --left) {
            total += *bins;
            rising += (uint64_t)*bins++ * *rise_q15++;
        }
        if (segment > 0u) {
            bands[segment - 1u] += (total << 15) - rising;
        }
        if (segment < num_bands) {
            bands[segment] = rising;
        }
    }
}
