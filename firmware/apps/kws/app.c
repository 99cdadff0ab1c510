/* SPDX-License-Identifier: Apache-2.0 */
#include "app.h"

#include <string.h>

#include "board.h"
#include "update.h"

enum {
    US_PER_S = 1000000,
    SLICE_SAMPLES = 320 /* worth a call of the pipeline, when they do not complete a window */
};

/* The host sends whole messages only: a ring without room for one while it waits for a slice would wait for ever. */
_Static_assert(SLICE_SAMPLES + KWS_AUDIO_PACKET_SAMPLES <= BOARD_AUDIO_RING_SAMPLES, "a slice always comes");

static void on_stage(void *user, kws_stage_t stage, bool begins)
{
    app_t *self = user;
    statistics_stage(&self->statistics, stage, begins);
}

static void on_frame(void *user, const int8_t *features)
{
    app_t *self = user;
    if ((self->wanted & KWS_WANTED_FEATURES) == 0u) {
        return;
    }
    const uint32_t num_features = self->cascade.pipeline.features_config.num_features;
    const kws_message_features_t message = {.frame_index = self->cascade.pipeline.frame_index};
    kws_outbox_begin(&self->link.outbox, KWS_MESSAGE_FEATURES, (uint32_t)sizeof message + num_features);
    kws_outbox_append(&self->link.outbox, &message, sizeof message);
    kws_outbox_append(&self->link.outbox, features, num_features);
}

static void on_scores(void *user, const kws_scores_t *scores)
{
    app_t *self = user;
    if ((self->wanted & KWS_WANTED_SCORES) == 0u) {
        return;
    }
    const uint32_t num_labels = self->cascade.pipeline.decision_config.num_labels;
    const kws_message_scores_t message = {.sample_index = scores->sample_index,
                                          .frame_index = scores->frame_index,
                                          .num_labels = (uint8_t)num_labels};
    kws_outbox_begin(&self->link.outbox, KWS_MESSAGE_SCORES, (uint32_t)sizeof message + 2u * num_labels);
    kws_outbox_append(&self->link.outbox, &message, sizeof message);
    kws_outbox_append(&self->link.outbox, scores->posteriors, num_labels);
    kws_outbox_append(&self->link.outbox, scores->smoothed, num_labels);
}

static void on_event(void *user, const kws_event_t *event)
{
    app_t *self = user;
    const kws_message_event_t message = {
        .sample_index = event->sample_index, .label = event->label, .score = event->score};
    self->event = *event;
    self->label = kws_bundle_label(kws_cascade_bundle(&self->cascade), event->label);
    self->event_due = true;
    if (!self->has_host) {
        return;
    }
    kws_outbox_begin(&self->link.outbox, KWS_MESSAGE_EVENT, sizeof message);
    kws_outbox_append(&self->link.outbox, &message, sizeof message);
}

static kws_status_t start_pipeline(app_t *self, int32_t operating_point)
{
    const kws_pipeline_hooks_t hooks = {.user = self,
                                        .on_stage = (self->wanted & KWS_WANTED_TIMES) != 0u ? on_stage : NULL,
                                        .on_frame = on_frame,
                                        .on_scores = on_scores,
                                        .on_event = on_event};
    const board_memory_t arena = board_arena();
    const bool in_turns = !self->has_host && self->commands.total_bytes > 0u;
    const kws_cascade_config_t config = {.wake = &self->bundle,
                                         .commands = in_turns ? &self->commands : NULL,
                                         .operating_point = operating_point,
                                         .window_ms = KWS_COMMAND_WINDOW_MS};
    const kws_status_t status =
        kws_cascade_init(&self->cascade, &config, &hooks, arena.data, arena.size_bytes);
    if (status != KWS_OK) {
        return status;
    }
    const bool fits_messages =
        self->cascade.pipeline.decision_config.num_labels <= KWS_PROTOCOL_MAX_LABELS &&
        self->cascade.pipeline.features_config.num_features <= KWS_PROTOCOL_MAX_FEATURES;
    return fits_messages ? KWS_OK : KWS_ERROR_UNSUPPORTED;
}

static kws_status_t try_bundle(app_t *self)
{
    kws_status_t status = update_open_bundle(self);
    if (status == KWS_OK) {
        const int64_t needed = kws_pipeline_arena_bytes(&self->bundle);
        status = needed < 0 ? (kws_status_t)needed : KWS_OK;
        self->arena_needed_bytes = needed < 0 ? 0u : (uint32_t)needed;
    }
    return status == KWS_OK && update_on_trial() ? start_pipeline(self, -1) : status;
}

void app_open(app_t *self)
{
    self->updating = false;
    self->status = try_bundle(self);
    if (self->status != KWS_OK && update_on_trial()) {
        self->status = try_bundle(self); /* it was tried once: now the one before it */
    }
    if (self->status != KWS_OK) {
        self->bundle.total_bytes = 0u; /* nothing to start */
    }
}

void app_close(app_t *self)
{
    self->wanted = 0u;
    self->commands.total_bytes = 0u;
    self->updating = true;
    self->status = KWS_ERROR_MAGIC;
    self->bundle.total_bytes = 0u;
}

void app_start(app_t *self, int32_t operating_point)
{
    if (self->updating) {
        app_open(self);
    }
    kws_audio_ring_init(&self->audio, self->samples, BOARD_AUDIO_RING_SAMPLES);
    statistics_reset(&self->statistics);
    self->audio_crc32 = 0u;
    self->flush_due = false;
    self->resend_due = false;
    self->gap_told = false;
    if (self->bundle.total_bytes > 0u) {
        self->status = start_pipeline(self, operating_point);
    }
}

void app_init(app_t *self)
{
    memset(self, 0, sizeof *self);
    kws_link_init(&self->link, self->outbox, BOARD_OUTBOX_BYTES);
    self->reset = board_take_reset_reason();
    self->has_fault = board_take_fault(&self->fault);
    self->told_us = board_microseconds();
    app_open(self);
}

void app_keep_time(app_t *self)
{
    const uint32_t seconds = (board_microseconds() - self->told_us) / US_PER_S;
    self->uptime_s += seconds;
    self->told_us += seconds * US_PER_S;
}

/* It completes at most one frame, that at most one decision, and that at most one event; and a DRAINED behind them. */
uint32_t app_slice_record_bytes(const app_t *self)
{
    const uint32_t num_labels = self->cascade.pipeline.decision_config.num_labels;
    const uint32_t num_features = self->cascade.pipeline.features_config.num_features;
    return kws_outbox_record_bytes((uint32_t)sizeof(kws_message_features_t) + num_features) +
           kws_outbox_record_bytes((uint32_t)sizeof(kws_message_scores_t) + 2u * num_labels) +
           kws_outbox_record_bytes(sizeof(kws_message_event_t)) +
           kws_outbox_record_bytes(sizeof(kws_message_drained_t));
}

bool app_feed(app_t *self)
{
    if (self->status != KWS_OK || kws_outbox_room(&self->link.outbox) < app_slice_record_bytes(self)) {
        return false;
    }
    /* A window waits for its last sample and no longer; crumbs before that would cost a call each. */
    const uint32_t wanted = kws_audio_framer_wanted(&self->cascade.pipeline.audio);
    const uint32_t enough = (wanted < SLICE_SAMPLES) ? wanted : SLICE_SAMPLES;
    if (kws_audio_ring_available(&self->audio) < enough && !self->flush_due) {
        return false;
    }
    uint32_t in_a_row;
    const int16_t *samples = kws_audio_ring_peek(&self->audio, &in_a_row);
    uint32_t num_samples = (in_a_row < enough) ? in_a_row : enough;
    const uint32_t until_flush = self->flush_position - self->audio.read;
    if (self->flush_due && num_samples > until_flush) {
        num_samples = until_flush; /* what came behind the FLUSH is not heard before its DRAINED is told */
    }
    self->audio_crc32 = kws_crc32(self->audio_crc32, samples, num_samples * sizeof samples[0]);
    kws_cascade_feed(&self->cascade, samples, num_samples);
    kws_audio_ring_consume(&self->audio, num_samples);
    if (self->flush_due && self->audio.read == self->flush_position) {
        const kws_message_drained_t message = {.position = self->flush_position, .crc32 = self->audio_crc32};
        kws_outbox_begin(&self->link.outbox, KWS_MESSAGE_DRAINED, sizeof message);
        kws_outbox_append(&self->link.outbox, &message, sizeof message);
        self->flush_due = false;
    }
    return num_samples > 0u;
}
