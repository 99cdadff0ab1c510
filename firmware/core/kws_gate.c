/* SPDX-License-Identifier: Apache-2.0 */
#include "kws_gate.h"

#include "dsp/kws_dsp.h"

enum {
    FLOOR_UNKNOWN = 30 * 256,
    FALL_SHIFT = 3 /* the floor follows a quieter level by 1/8 of the way a frame */
};

kws_status_t kws_gate_read(kws_gate_config_t *self, kws_span_t section)
{
    *self = (kws_gate_config_t){.enabled = false};
    if (section.data == NULL) {
        return KWS_OK;
    }
    if (section.size_bytes < (uint32_t)KWS_GATE_SECTION_BYTES) {
        return KWS_ERROR_BOUNDS;
    }
    self->enabled = true;
    self->open_margin_q8 = kws_read_u16(section.data);
    self->close_margin_q8 = kws_read_u16(section.data + 2);
    self->hangover_frames = kws_read_u16(section.data + 4);
    self->floor_rise_q8 = kws_read_u16(section.data + 6);
    self->minimum_level_q8 = kws_read_u16(section.data + 8);
    self->preroll_frames = kws_read_u16(section.data + 10);
    const uint32_t reserved = kws_read_u32(section.data + 12);
    const bool plausible = reserved == 0u && self->preroll_frames <= KWS_GATE_MAX_PREROLL_FRAMES &&
                           self->close_margin_q8 <= self->open_margin_q8 && self->floor_rise_q8 <= UINT8_MAX;
    return plausible ? KWS_OK : KWS_ERROR_BOUNDS;
}

void kws_gate_init(kws_gate_t *self, const kws_gate_config_t *config, uint16_t window_frames)
{
    self->config = config;
    self->hold_frames = (uint32_t)config->hangover_frames + window_frames;
    kws_gate_reset(self);
}

void kws_gate_reset(kws_gate_t *self)
{
    self->floor_q8 = FLOOR_UNKNOWN;
    self->frames_left = self->hold_frames;
}

/* log2(value) in Q8 for value >= 1: the position of the top bit, and the next 8 bits as a linear fraction
 * (at most 0.086 below the true log2, which is 0.26 dB). */
static int32_t log2_q8(uint32_t value)
{
    const uint32_t exponent = 31u - (uint32_t)__builtin_clz(value);
    const uint32_t mantissa = (exponent >= 8u) ? (value >> (exponent - 8u)) : (value << (8u - exponent));
    return (int32_t)(exponent * 256u + mantissa - 256u);
}

/* value / divisor, divisor < 2^16: digits of 16 bits, which the processor divides itself. */
static uint64_t divided(uint64_t value, uint32_t divisor)
{
    if (value >> 32 == 0u) {
        return (uint32_t)value / divisor;
    }
    uint64_t quotient = 0u;
    uint32_t remainder = 0u;
    for (uint32_t i = 0u; i < 4u; ++i) {
        const uint32_t part = remainder << 16 | (uint32_t)(value >> 48);
        quotient = quotient << 16 | part / divisor;
        remainder = part % divisor;
        value <<= 16;
    }
    return quotient;
}

int32_t kws_gate_level_q8(const int16_t *samples, uint32_t num_samples)
{
    int32_t sum; /* |sum| <= 65535 * 2^15 < 2^31 */
    const uint64_t squares =
        (uint64_t)kws_dsp_sums_s16(samples, num_samples, &sum); /* <= 65535 * 2^30 < 2^46 */
    const uint64_t mean_part = divided((uint64_t)((int64_t)sum * sum), num_samples); /* <= squares */
    return log2_q8((uint32_t)divided(squares - mean_part, num_samples) + 1u);
}

bool kws_gate_step(kws_gate_t *self, const int16_t *samples, uint32_t num_samples)
{
    const kws_gate_config_t *config = self->config;
    const int32_t level = kws_gate_level_q8(samples, num_samples);
    if (level < self->floor_q8) {
        self->floor_q8 -= (self->floor_q8 - level + (1 << FALL_SHIFT) - 1) >> FALL_SHIFT;
    } else {
        self->floor_q8 += config->floor_rise_q8;
    }
    const int32_t above = level - self->floor_q8;
    const int32_t margin = (self->frames_left > 0u) ? config->close_margin_q8 : config->open_margin_q8;
    if (above >= margin && level >= config->minimum_level_q8) {
        self->frames_left = self->hold_frames;
    } else if (self->frames_left > 0u) {
        --self->frames_left;
    }
    return self->frames_left > 0u;
}
