/* The product: audio from the host (later: a microphone) -> pipeline -> records for the host.
 *
 *   main.c        start, sleep, faults
 *   loop.c        the order of work
 *   requests.c    what the host asks and what it is answered
 *   app.c         the pipeline between the audio ring and the outbox
 *   kws_link.c    the board's end of the serial line
 *   statistics.c  cycles per stage */
#ifndef KWS_APP_H
#define KWS_APP_H

#include "board_config.h"
#include "kws_link.h"
#include "kws_pipeline.h"
#include "statistics.h"

typedef struct {
    kws_bundle_t bundle;
    kws_pipeline_t pipeline;
    kws_status_t status; /* of the last start of the pipeline; it runs only when KWS_OK */
    uint32_t arena_needed_bytes;
    kws_audio_ring_t audio; /* its `written` counts the samples accepted, its `read` those consumed */
    kws_link_t link;
    statistics_t statistics;
    uint32_t wanted; /* KWS_WANTED_... */
    uint32_t poll_token;
    uint32_t told_allowed; /* samples that the host knows it may send */
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

/* Starts the pipeline from silence and forgets all audio. operating_point as for kws_pipeline_init. */
void app_start(app_t *self, int32_t operating_point);

/* Gives the pipeline a slice of the audio that has come, if the outbox has room for what it may produce. True when it
 * did. */
bool app_feed(app_t *self);

#endif
