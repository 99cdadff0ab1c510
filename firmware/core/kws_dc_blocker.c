/* SPDX-License-Identifier: Apache-2.0 */
#include "kws_dc_blocker.h"

enum {
    FRACTION_BITS = 14, /* of the mean: a sample and it differ by less than 2^30 */
    MEAN_SHIFT = 7
};

void kws_dc_blocker_reset(kws_dc_blocker_t *self)
{
    self->mean_q14 = 0;
}

static int16_t saturate(int32_t value)
{
    return (int16_t)(value > INT16_MAX ? INT16_MAX : (value < INT16_MIN ? INT16_MIN : value));
}

void kws_dc_blocker_step(kws_dc_blocker_t *self, const int16_t *from, int16_t *to, uint32_t num_samples)
{
    int32_t mean = self->mean_q14;
    for (uint32_t i = 0u; i < num_samples; ++i) {
        const int32_t sample = from[i];
        mean += (sample * (1 << FRACTION_BITS) - mean) >> MEAN_SHIFT;
        to[i] = saturate(sample - ((mean + (1 << (FRACTION_BITS - 1))) >> FRACTION_BITS));
    }
    self->mean_q14 = mean;
}
