/* SPDX-License-Identifier: Apache-2.0 */
/* The board's own microphone in front of the pipeline. Without a host this is the product: it listens for the wake word,
 * then for commands if it has a bundle of them, shows events and says them in words, and lets rest what nobody needs.
 * Boards without a microphone link no_microphone.c. */
#ifndef KWS_LISTEN_H
#define KWS_LISTEN_H

#include "app.h"

/* No host, or none any more. */
void listen_alone(app_t *app);

/* The same as soon as the host has been silent for so long that it must have gone without a GOODBYE. */
void listen_unless_host_speaks(app_t *app);

/* For a host that wants the microphone: starts it at the bundle's rate. False: there is none that could. */
bool listen_start(app_t *app);
void listen_stop(app_t *app);

/* Gives the pipeline what has come, or a part of it. True when it did. */
bool listen_feed(app_t *app);

/* Whether all goes on that should: what the watchdog is fed for. */
bool listen_is_alive(app_t *app);

#endif
