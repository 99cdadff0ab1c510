/* SPDX-License-Identifier: Apache-2.0 */
#include "microphone.h"

#include "announce.h"
#include "board.h"
#include "board_audio.h"

enum {
    SLICE_SAMPLES =
        112, /* one HEARD record, beside all that a slice makes the pipeline say, fits the outbox */
    SIGNAL_MS = 250,
    MS_PER_S = 1000
};

_Static_assert(SLICE_SAMPLES + 0u <= BOARD_AUDIO_RING_SAMPLES,
               "the host's ring, idle meanwhile, holds a slice");
_Static_assert(sizeof(kws_message_heard_t) + SLICE_SAMPLES * sizeof(int16_t) <= KWS_PACKET_MAX_PAYLOAD_BYTES,
               "a slice fits a message");

static uint32_t samples_in(const app_t *app, uint32_t ms)
{
    return app->pipeline.features_config.sample_rate_hz * ms / MS_PER_S;
}

static uint32_t record_bytes(const app_t *app)
{
    const uint32_t sound_bytes = (uint32_t)sizeof(kws_message_heard_t) + SLICE_SAMPLES * sizeof(int16_t);
    const bool sound = (app->wanted & KWS_WANTED_SOUND) != 0u;
    return app_slice_record_bytes(app) + (sound ? kws_outbox_record_bytes(sound_bytes) : 0u);
}

bool microphone_start(app_t *app)
{
    microphone_stop(app);
    app->microphone = (microphone_t){.settling = samples_in(app, KWS_SETTLING_MS)};
    app->microphone.runs = app->status == KWS_OK && record_bytes(app) <= BOARD_OUTBOX_BYTES &&
                           board_audio_start(app->pipeline.features_config.sample_rate_hz);
    return app->microphone.runs;
}

void microphone_stop(app_t *app)
{
    if (app->microphone.runs) {
        board_audio_stop();
        board_signal(false);
        app->microphone.runs = false;
    }
}

static void tell_sound(app_t *app, const int16_t *samples, uint32_t num_samples, uint32_t lost)
{
    const kws_message_heard_t message = {.position = app->microphone.position, .lost = lost};
    const uint32_t sound_bytes = num_samples * (uint32_t)sizeof *samples;
    if ((app->wanted & KWS_WANTED_SOUND) != 0u) {
        kws_outbox_begin(&app->link.outbox, KWS_MESSAGE_HEARD, (uint32_t)sizeof message + sound_bytes);
        kws_outbox_append(&app->link.outbox, &message, sizeof message);
        kws_outbox_append(&app->link.outbox, samples, sound_bytes);
    }
}

/* Lost sound keeps its place in the stream, or every index after it would lie. */
static uint32_t skip_lost(app_t *app)
{
    const uint32_t lost = board_audio_take_lost();
    if (app->microphone.settling > 0u) {
        return 0u;
    }
    app->microphone.position += lost;
    kws_pipeline_skip(&app->pipeline, lost);
    return lost;
}

static void end_signal(app_t *app, uint32_t num_samples)
{
    microphone_t *self = &app->microphone;
    if (self->signal_left > 0u) {
        self->signal_left = num_samples < self->signal_left ? self->signal_left - num_samples : 0u;
        if (self->signal_left == 0u) {
            board_signal(false);
        }
    }
}

bool microphone_show_event(app_t *app, const kws_event_t *event)
{
    if (app->microphone.runs) {
        app->microphone.signal_left = samples_in(app, SIGNAL_MS);
        board_signal(true);
    }
    if (!app->has_host) {
        announce_event(app, event);
    }
    return !app->has_host;
}

void microphone_listen(app_t *app)
{
    (void)microphone_start(app);
    announce_start(app, board_take_reset_reason());
}

bool microphone_feed(app_t *app)
{
    microphone_t *self = &app->microphone;
    if (kws_outbox_room(&app->link.outbox) < record_bytes(app)) {
        self->heard_something =
            true; /* the line keeps us waiting: sound keeps in its ring, or is lost and counted */
        return false;
    }
    const uint32_t lost = skip_lost(app);
    uint32_t available;
    const int16_t *sound = board_audio_peek(&available);
    const uint32_t num_samples = available < SLICE_SAMPLES ? available : SLICE_SAMPLES;
    if (num_samples == 0u) {
        return false;
    }
    self->heard_something = true;
    kws_dc_blocker_step(&self->dc_blocker, sound, app->samples, num_samples);
    board_audio_consume(num_samples);
    const uint32_t settled = num_samples < self->settling ? num_samples : self->settling;
    const uint32_t count = num_samples - settled;
    self->settling -= settled;
    if (count > 0u) {
        tell_sound(app, app->samples + settled, count, lost);
        self->position += count;
        kws_pipeline_feed(&app->pipeline, app->samples + settled, count);
        end_signal(app, count);
    }
    return true;
}
