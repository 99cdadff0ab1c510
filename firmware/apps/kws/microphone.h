/* SPDX-License-Identifier: Apache-2.0 */
/* The board's own microphone in front of the pipeline: its offset taken away, its start thrown away, losses told. Boards without one link no_microphone.c. */
#ifndef KWS_APP_MICROPHONE_H
#define KWS_APP_MICROPHONE_H

#include "app.h"

/* Starts the microphone at the bundle's rate; the stream's sample 0 is the first after settling. False: there is none
 * that could. */
bool microphone_start(app_t *app);
void microphone_stop(app_t *app);

/* Gives the pipeline what has come, or a part of it. True when it did. */
bool microphone_feed(app_t *app);

/* Without a host: listens, and says so. */
void microphone_listen(app_t *app);

/* Shows an event on the board for a while, if it was heard here. True when there is no host to be told of it: then it was
 * told in words. */
bool microphone_show_event(app_t *app, const kws_event_t *event);

#endif
