/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of text for whoever listens on the serial line while no host speaks the protocol: a person, another processor.
 * A line that does not fit the line's buffer now is left out: nobody may be there. */
#ifndef KWS_ANNOUNCE_H
#define KWS_ANNOUNCE_H

#include "board.h"
#include "kws_detection.h"
#include "kws_status.h"

typedef struct {
    board_reset_t reset;
    const board_fault_t *fault; /* that the run before ended with, or NULL */
    kws_status_t status;        /* of the pipeline */
    bool listens;
} announce_t;

/* "kws BOARD started by WHY, listening", or what keeps it from that; what went wrong before stands between. */
void announce_start(const announce_t *what);

/* "event LABEL SCORE SAMPLE": the score 0 .. 255, the index of the sample modulo 2^32. */
void announce_event(const char *label, const kws_event_t *event);

#endif
