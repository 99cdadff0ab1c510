/* SPDX-License-Identifier: Apache-2.0 */
/* The product: audio from the board's microphone or from a host -> pipeline -> events, lines of text, records for the
 * host. Without a host it listens to the microphone and says in words what it hears; from the HELLO or RESET of a host on
 * it does what that asks, until the host says goodbye, or nothing at all for KWS_HOST_SILENCE_S.
 *
 *   main.c        start, sleep, faults
 *   loop.c        the order of work
 *   requests.c    what the host asks and what it is answered
 *   listen.c      the board's own microphone instead of the host's audio; the product without a host
 *   app.c         the pipeline between the audio ring and the outbox
 *   microphone.c  sound without offset, settled
 *   announce.c    lines of text while there is no host
 *   update.c      which bundle runs; a new one over the line
 *   trust.c       whose bundles are taken; no_trust.c: anybody's
 *   kws_link.c    the board's end of the serial line
 *   statistics.c  cycles per stage */
#ifndef KWS_APP_H
#define KWS_APP_H

#include "board.h"
#include "board_config.h"
#include "kws_cascade.h"
#include "kws_link.h"
#include "microphone.h"
#include "statistics.h"

typedef struct {
    kws_bundle_t bundle;
    kws_bundle_t commands; /* behind the bundle in its region; total_bytes is 0 when there are none */
    kws_cascade_t cascade; /* of the bundle alone while there is a host */
    kws_status_t status;   /* of the last start of the pipeline; it runs only when KWS_OK */
    uint32_t arena_needed_bytes;
    kws_audio_ring_t audio; /* its `written` counts the samples accepted, its `read` those consumed */
    kws_link_t link;
    statistics_t statistics;
    microphone_t microphone;
    kws_event_t event;    /* the newest, while event_due */
    const char *label;    /* of it */
    bool event_due;       /* to be shown by who fed the pipeline */
    bool waits_for_sound; /* the microphone is off until there is some */
    board_reset_t reset;  /* why the board started */
    uint32_t uptime_s;    /* since then */
    uint32_t told_us;     /* time of the board's clock when the last of those seconds was full */
    board_fault_t fault;  /* what ended the run before, while has_fault */
    bool has_fault;
    uint32_t signal_left; /* samples until the event is no longer shown */
    uint32_t quiet_left;  /* samples until the receiver may rest: no host has spoken */
    bool updating;        /* a bundle is being written: none is open */
    bool has_host;        /* it speaks the protocol: no lines of text */
    bool port_was_open;   /* when it was last looked at */
    uint32_t
        heard_s; /* uptime when a packet came last, its port closed, or, while waits_for_sound, the last rest */
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

/* Opens the bundle; what goes wrong is told to the host when it asks. */
void app_init(app_t *self);

/* Counts the time that has gone by; at least once an hour, as the board's clock wraps. */
void app_keep_time(app_t *self);

/* Opens the bundle to run, or the one before it when that cannot be started. */
void app_open(app_t *self);

/* Closes it, because a new one is to be written; app_start opens one again. */
void app_close(app_t *self);

/* Room in the outbox for all that one slice of audio can produce. */
uint32_t app_slice_record_bytes(const app_t *self);

/* Starts the pipeline from silence and forgets all audio. operating_point as for kws_pipeline_init. */
void app_start(app_t *self, int32_t operating_point);

/* Gives the pipeline a slice of the audio that has come, if the outbox has room for what it may produce. True when it
 * did. */
bool app_feed(app_t *self);

#endif
