/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of text for whoever listens on the serial line while no host speaks the protocol: a person, another processor.
 * A line that does not fit the line's buffer now is left out: nobody may be there. */
#ifndef KWS_ANNOUNCE_H
#define KWS_ANNOUNCE_H

#include "app.h"

/* "kws BOARD started by WHY, listening" or what keeps it from that. */
void announce_start(const app_t *app, board_reset_t why);

/* "event LABEL SCORE SAMPLE": the score 0 .. 255, the index of the sample modulo 2^32. */
void announce_event(const app_t *app, const kws_event_t *event);

#endif
