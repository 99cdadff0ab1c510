/* SPDX-License-Identifier: Apache-2.0 */
#include "fixed_point.h"
#include "kws_micro_dsp.h"

/* floor(sqrt(value)), digit by digit; *rest = value - root^2. */
static uint32_t root_s32(uint32_t value, uint32_t *rest)
{
    uint32_t root = 0u;
    uint32_t bit = (value == 0u) ? 0u : 1u << ((31u - kws_clz(value)) & ~1u);
    for (; bit > 0u; bit >>= 2) {
        const uint32_t trial = root + bit;
        root >>= 1;
        if (value >= trial) {
            value -= trial;
            root += bit;
        }
    }
    *rest = value;
    return root;
}

/* value >= 2^32. The root of its leading 32 bits, then the rest of it by one division: (r + q)^2 = r^2 + 2 r q + q^2,
 * where q^2 is less than 2 r, so that the quotient is at most one too large. 2 r ends in shift + 1 zeros, which leave the
 * division before it begins; what is left then is below (2 root + 1) * 2^(shift - 1) < 2^32. */
static uint32_t root_s64(uint64_t value, uint64_t *rest)
{
    const uint32_t shift = (33u - kws_clz((uint32_t)(value >> 32))) / 2u; /* 1 .. 16 */
    const uint32_t root = root_s32((uint32_t)(value >> (2u * shift)), &(uint32_t){0u});
    const uint32_t lead = root << shift;
    const uint64_t left = value - (uint64_t)lead * lead;
    const uint64_t twice = 2u * (uint64_t)lead;
    uint64_t more = (uint32_t)(left >> (shift + 1u)) / root;
    if (more * twice + more * more > left) {
        --more;
    }
    *rest = left - more * twice - more * more;
    return (uint32_t)(lead + more);
}

/* The largest root of each width is not rounded up: so has the definition. */
uint32_t kws_micro_root(uint64_t value)
{
    if (value >> 32 == 0u) {
        uint32_t rest;
        const uint32_t root = root_s32((uint32_t)value, &rest);
        return (rest > root && root != UINT16_MAX) ? root + 1u : root;
    }
    uint64_t rest;
    const uint32_t root = root_s64(value, &rest);
    return (rest > root && root != UINT32_MAX) ? root + 1u : root;
}

void kws_micro_bands(uint32_t *bands, uint32_t num_bands, const uint32_t *energies, const uint16_t *rise_q12,
                     const uint16_t *segments, uint32_t shift)
{
    uint64_t rising = 0u; /* of the band that the last segment rose into; at most 2^12 * 2^31 * 2^11 */
    for (uint32_t i = 0u; i <= num_bands; ++i) {
        uint64_t falling = rising;
        rising = 0u;
        for (uint32_t j = 0u; j < segments[i]; ++j) {
            const uint64_t value = *energies++;
            const uint32_t rise = *rise_q12++;
            rising += value * rise;
            falling += value * ((1u << KWS_MICRO_WEIGHT_BITS) - rise);
        }
        if (i > 0u) {
            bands[i - 1u] = kws_micro_root(falling) >> shift;
        }
    }
}
