/* SPDX-License-Identifier: Apache-2.0 */
/* Which bundle runs, and how it is replaced over the line (kws_update.h). Boards that cannot write their flash link
 * no_update.c: they run the bundle at the beginning of its region. */
#ifndef KWS_APP_UPDATE_H
#define KWS_APP_UPDATE_H

#include "app.h"

/* Chooses the bundle to run and opens it; not while one of them is in use. */
kws_status_t update_open_bundle(app_t *app);

/* Whether the bundle that was opened last is not confirmed. */
bool update_on_trial(void);

/* Answers one of the KWS_MESSAGE_UPDATE_... requests. */
void update_serve(app_t *app, uint8_t type, const uint8_t *payload, uint32_t payload_bytes);

#endif
