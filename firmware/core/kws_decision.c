/* SPDX-License-Identifier: Apache-2.0 */
#include "kws_decision.h"

enum {
    FA_RATE_BYTES = 4, /* the uint32 in front of each operating point's thresholds */
    PAUSE_BYTES = 8    /* behind the operating points */
};

static uint32_t point_bytes(uint32_t num_labels)
{
    return (uint32_t)FA_RATE_BYTES + ((num_labels + 3u) & ~3u);
}

static kws_status_t check_header(const kws_decision_config_t *self, uint8_t default_point)
{
    if (self->num_labels < 1u || self->num_labels > (uint16_t)KWS_MAX_LABELS) {
        return KWS_ERROR_BOUNDS;
    }
    if (self->smoothing_decisions < 1u || self->smoothing_decisions > (uint8_t)KWS_DECISION_MAX_SMOOTHING ||
        self->whole_windows_rounding >= self->smoothing_decisions) {
        return KWS_ERROR_BOUNDS;
    }
    if (self->num_operating_points < 1u ||
        self->num_operating_points > (uint8_t)KWS_DECISION_MAX_OPERATING_POINTS ||
        default_point >= self->num_operating_points) {
        return KWS_ERROR_BOUNDS;
    }
    return KWS_OK;
}

/* How the average begins and rounds, and whether a pause is asked for. */
static void read_averaging(kws_decision_config_t *self, uint8_t byte)
{
    const uint8_t average = (uint8_t)(byte & (uint8_t)~(uint8_t)KWS_DECISION_PAUSE);
    self->whole_windows = average != 0u;
    self->whole_windows_rounding =
        self->whole_windows ? (uint8_t)(average ^ (uint8_t)KWS_DECISION_WHOLE_WINDOWS) : 0u;
}

static bool read_pause(kws_decision_config_t *self, const uint8_t *pause)
{
    self->pause_label = pause[0];
    self->pause_score = pause[1];
    self->pause_decisions = kws_read_u16(pause + 2);
    self->pause_penalty = pause[4];
    return self->pause_label < self->num_labels && self->pause_score > 0u && self->pause_penalty > 0u;
}

kws_status_t kws_decision_read(kws_decision_config_t *self, kws_span_t section, int32_t operating_point)
{
    const uint8_t *data = section.data;
    if (data == NULL) {
        return KWS_ERROR_MISSING;
    }
    if (section.size_bytes < (uint32_t)KWS_DECISION_HEADER_BYTES) {
        return KWS_ERROR_BOUNDS;
    }
    self->num_labels = kws_read_u16(data);
    self->smoothing_decisions = data[2];
    read_averaging(self, data[3]);
    self->refractory_frames = kws_read_u16(data + 4);
    self->num_operating_points = data[6];
    const kws_status_t status = check_header(self, data[7]);
    if (status != KWS_OK) {
        return status;
    }
    const uint32_t step = point_bytes(self->num_labels);
    const uint32_t end = (uint32_t)KWS_DECISION_HEADER_BYTES + self->num_operating_points * step;
    const bool pause = (data[3] & (uint8_t)KWS_DECISION_PAUSE) != 0u;
    if (section.size_bytes < end + (pause ? (uint32_t)PAUSE_BYTES : 0u)) {
        return KWS_ERROR_BOUNDS;
    }
    self->pause_score = 0u;
    if (pause && !read_pause(self, data + end)) {
        return KWS_ERROR_BOUNDS;
    }
    if (operating_point >= (int32_t)self->num_operating_points) {
        return KWS_ERROR_ARGUMENT;
    }
    self->operating_point = (operating_point < 0) ? data[7] : (uint8_t)operating_point;
    const uint8_t *point = data + KWS_DECISION_HEADER_BYTES + self->operating_point * step;
    self->milli_fa_per_hour = kws_read_u32(point);
    self->thresholds = point + FA_RATE_BYTES;
    return KWS_OK;
}
