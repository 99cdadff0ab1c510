/* SPDX-License-Identifier: Apache-2.0 */
/* The product: audio from the board's microphone or from a host -> pipeline -> events, lines of text, records for the
 * host. Without a host it listens to the microphone and says in words what it hears; from the first message of a host
 * on it does what that asks, until the host says goodbye.
 *
 *   main.c        start, sleep, faults
 *   loop.c        the order of work
 *   requests.c    what the host asks and what it is answered
 *   app.c         the pipeline between the audio ring and the outbox
 *   microphone.c  the board's own microphone instead of the host's audio
 *   announce.c    lines of text while there is no host
 *   kws_link.c    the board's end of the serial line
 *   statistics.c  cycles per stage */
#ifndef KWS_APP_H
#define KWS_APP_H

#include "board.h"
#include "board_config.h"
#include "kws_dc_blocker.h"
#include "kws_link.h"
#include "kws_pipeline.h"
#include "statistics.h"

typedef struct {
    kws_dc_blocker_t dc_blocker;
    uint32_t settling;    /* samples still to be thrown away */
    uint32_t position;    /* samples heard, lost ones included; of the next one */
    uint32_t signal_left; /* samples until the event is no longer shown */
    bool runs;
    bool heard_something; /* since the watchdog was fed last */
} microphone_t;

typedef struct {
    kws_bundle_t bundle;
    kws_pipeline_t pipeline;
    kws_status_t status; /* of the last start of the pipeline; it runs only when KWS_OK */
    uint32_t arena_needed_bytes;
    kws_audio_ring_t audio; /* its `written` counts the samples accepted, its `read` those consumed */
    kws_link_t link;
    statistics_t statistics;
    microphone_t microphone;
    bool has_host;   /* it speaks the protocol: no lines of text */
    uint32_t wanted; /* KWS_WANTED_... */
    uint32_t poll_token;
    uint32_t told_allowed; /* samples that the host knows it may send */
    uint32_t audio_crc32;  /* of the samples consumed */
    uint32_t flush_position;
    bool flush_due;  /* a DRAINED record is owed when the pipeline gets to flush_position */
    bool status_due; /* a STATUS is owed */
    bool resend_due; /* and it asks for the audio again */
    bool gap_told;   /* the host knows of the gap behind the last accepted sample */
    int16_t samples[BOARD_AUDIO_RING_SAMPLES];
    uint8_t outbox[BOARD_OUTBOX_BYTES];
} app_t;

/* Opens the bundle and starts the pipeline; what goes wrong is told to the host when it asks. */
void app_init(app_t *self);

/* No host, or none any more: listens to the board's microphone, if there is one. */
void app_listen(app_t *self);

/* Whether all goes on that should: what the watchdog is fed for. */
bool app_is_alive(app_t *self);

/* Room in the outbox for all that one slice of audio can produce. */
uint32_t app_slice_record_bytes(const app_t *self);

/* Starts the pipeline from silence and forgets all audio. operating_point as for kws_pipeline_init. */
void app_start(app_t *self, int32_t operating_point);

/* Gives the pipeline a slice of the audio that has come, if the outbox has room for what it may produce. True when it
 * did. */
bool app_feed(app_t *self);

#endif
