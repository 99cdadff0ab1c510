/* SPDX-License-Identifier: Apache-2.0 */
/* The order of work. */
#ifndef KWS_LOOP_H
#define KWS_LOOP_H

#include "app.h"

/* A little work: a request, a slice of audio, a record. False when there is none and the core may sleep. */
bool loop_step(app_t *app);

#endif
