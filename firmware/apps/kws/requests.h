/* SPDX-License-Identifier: Apache-2.0 */
/* What the host asks and what it is answered. */
#ifndef KWS_REQUESTS_H
#define KWS_REQUESTS_H

#include "app.h"

/* Handles at most one request and sends at most one reply. True when there was one. */
bool requests_serve(app_t *self);

#endif
