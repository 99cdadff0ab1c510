/* SPDX-License-Identifier: Apache-2.0 */
#include "listen.h"

#include "announce.h"
#include "board.h"
#include "board_audio.h"

enum {
    SLICE_SAMPLES =
        112, /* one HEARD record, beside all that a slice makes the pipeline say, fits the outbox */
    SIGNAL_MS = 250,
    RECEIVER_MS = 2000,    /* without a host: afterwards the receiver rests */
    CLOSED_S = 2,          /* of silence at a closed port: a cable that slipped may be put back */
    SILENCE_MS = 2000,     /* with the gate closed: afterwards a microphone that can wakes us */
    WAKE_SETTLING_MS = 32, /* it had power all the time */
    MS_PER_S = 1000
};

_Static_assert(SLICE_SAMPLES + 0u <= BOARD_AUDIO_RING_SAMPLES,
               "the host's ring, idle meanwhile, holds a slice");
_Static_assert(sizeof(kws_message_heard_t) + SLICE_SAMPLES * sizeof(int16_t) <= KWS_PACKET_MAX_PAYLOAD_BYTES,
               "a slice fits a message");

static uint32_t sample_rate_hz(const app_t *app)
{
    return app->cascade.pipeline.features_config.sample_rate_hz;
}

static uint32_t samples_in(const app_t *app, uint32_t ms)
{
    return sample_rate_hz(app) * ms / MS_PER_S;
}

static uint32_t record_bytes(const app_t *app)
{
    const uint32_t sound_bytes = (uint32_t)sizeof(kws_message_heard_t) + SLICE_SAMPLES * sizeof(int16_t);
    const bool sound = (app->wanted & KWS_WANTED_SOUND) != 0u;
    return app_slice_record_bytes(app) + (sound ? kws_outbox_record_bytes(sound_bytes) : 0u);
}

bool listen_start(app_t *app)
{
    app->signal_left = 0u;
    app->quiet_left = samples_in(app, RECEIVER_MS);
    return app->status == KWS_OK && record_bytes(app) <= BOARD_OUTBOX_BYTES &&
           microphone_start(&app->microphone, sample_rate_hz(app), KWS_SETTLING_MS);
}

void listen_stop(app_t *app)
{
    microphone_stop(&app->microphone);
    if (app->waits_for_sound) {
        app->waits_for_sound = false;
        board_audio_end_wait();
    }
    board_signal(false);
}

void listen_alone(app_t *app)
{
    listen_stop(app);
    kws_link_begin_session(&app->link, 0u);
    app->has_host = false;
    app->wanted = 0u;
    app_start(app, -1);
    (void)listen_start(app);
    announce_start(&(announce_t){.reset = app->reset,
                                 .fault = app->has_fault ? &app->fault : NULL,
                                 .status = app->status,
                                 .listens = app->microphone.runs});
}

/* A host may ask for the microphone and then listen without a word. */
static bool silence_is_allowed(const app_t *app)
{
    return app->microphone.runs && (app->wanted & KWS_WANTED_WHILE_HOST_SPEAKS) == 0u;
}

void listen_unless_host_speaks(app_t *app)
{
    const bool open = board_serial_is_open();
    if (app->port_was_open && !open) {
        app->heard_s = app->uptime_s; /* however long the host had been silent before */
    }
    app->port_was_open = open;
    const uint32_t silent_s = app->uptime_s - app->heard_s;
    const bool gone = open ? silent_s > KWS_HOST_SILENCE_S && !silence_is_allowed(app) : silent_s > CLOSED_S;
    if (app->has_host && gone) {
        listen_alone(app);
    }
}

bool listen_is_alive(app_t *app)
{
    const bool alive = !app->microphone.runs || app->microphone.heard_something;
    app->microphone.heard_something = false;
    return alive;
}

static void tell_sound(app_t *app, const int16_t *samples, uint32_t num_samples, uint32_t lost)
{
    const kws_message_heard_t message = {.position = app->microphone.position - num_samples, .lost = lost};
    const uint32_t sound_bytes = num_samples * (uint32_t)sizeof *samples;
    if ((app->wanted & KWS_WANTED_SOUND) != 0u) {
        kws_outbox_begin(&app->link.outbox, KWS_MESSAGE_HEARD, (uint32_t)sizeof message + sound_bytes);
        kws_outbox_append(&app->link.outbox, &message, sizeof message);
        kws_outbox_append(&app->link.outbox, samples, sound_bytes);
    }
}

/* True once, when so many samples have passed. */
static bool ran_out(uint32_t *left, uint32_t num_samples)
{
    const bool now = *left > 0u && *left <= num_samples;
    *left = *left > num_samples ? *left - num_samples : 0u;
    return now;
}

static void show_event(app_t *app)
{
    app->signal_left = samples_in(app, SIGNAL_MS);
    board_signal(true);
    if (!app->has_host) {
        announce_event(app->label, &app->event);
    }
}

/* A silence behind which nothing is waited for: from here on the microphone itself listens, if it can, and all else is
 * off. */
static void wait_for_sound(app_t *app)
{
    const kws_pipeline_t *pipeline = &app->cascade.pipeline;
    const uint32_t frames = pipeline->asleep ? pipeline->frame_index - pipeline->first_gated_frame : 0u;
    const uint32_t silence = frames * pipeline->features_config.hop_samples;
    if (silence >= samples_in(app, SILENCE_MS) && app->cascade.window_left == 0u && app->signal_left == 0u &&
        board_audio_can_wait()) {
        microphone_stop(&app->microphone);
        board_audio_wait();
        board_serial_rest();
        app->waits_for_sound = true;
        app->heard_s = app->uptime_s;
    }
}

/* Without a host: whatever can rest does. */
static void rest(app_t *app, uint32_t num_samples)
{
    if (ran_out(&app->quiet_left, num_samples)) {
        app->quiet_left = samples_in(app, RECEIVER_MS); /* noise may wake it */
        board_serial_rest();
    }
    wait_for_sound(app);
}

/* Noise may have woken it; a host would have been greeted by now. */
static void rest_receiver(app_t *app)
{
    if (app->uptime_s - app->heard_s >= RECEIVER_MS / MS_PER_S) {
        app->heard_s = app->uptime_s;
        board_serial_rest();
    }
}

/* The stream goes on with what comes now; the silence between leaves no trace in it but a gap of one window. */
static bool woken_by_sound(app_t *app)
{
    if (!board_audio_heard_sound()) {
        rest_receiver(app);
        return false;
    }
    app->waits_for_sound = false;
    kws_cascade_skip(&app->cascade, app->cascade.pipeline.features_config.window_samples);
    (void)microphone_start(&app->microphone, sample_rate_hz(app), WAKE_SETTLING_MS);
    return true;
}

bool listen_feed(app_t *app)
{
    if (app->waits_for_sound) {
        return woken_by_sound(app);
    }
    if (kws_outbox_room(&app->link.outbox) < record_bytes(app)) {
        /* the line keeps us waiting: sound keeps in its ring, or is lost and counted */
        app->microphone.heard_something = true;
        return false;
    }
    uint32_t lost;
    const uint32_t count = microphone_take(&app->microphone, app->samples, SLICE_SAMPLES, &lost);
    kws_cascade_skip(&app->cascade, lost);
    if (count == 0u) {
        return false;
    }
    tell_sound(app, app->samples, count, lost);
    kws_cascade_feed(&app->cascade, app->samples, count);
    if (ran_out(&app->signal_left, count)) {
        board_signal(false);
    }
    if (app->event_due) {
        app->event_due = false;
        show_event(app);
    }
    if (!app->has_host) {
        rest(app, count);
    }
    return true;
}
