/* SPDX-License-Identifier: Apache-2.0 */
/* Host-only: what a cascade told while fed. */
#ifndef KWS_DOOR_CASCADE_H
#define KWS_DOOR_CASCADE_H

#include "kws_cascade.h"

typedef struct {
    kws_cascade_t cascade;
    kws_bundle_t wake, commands;
    kws_event_t *events; /* capacity of them; more are counted and not stored */
    uint8_t *is_command; /* likewise: the event is of the commands' bundle */
    uint32_t capacity;
    uint32_t num_events;
} kws_door_cascade_t;

/* self->wake and self->commands are open. */
kws_status_t kws_door_cascade_init(kws_door_cascade_t *self, int32_t operating_point, uint32_t window_ms,
                                   void *arena, uint32_t arena_bytes);
/* Feeds samples; the events restart at 0. */
void kws_door_cascade_feed(kws_door_cascade_t *self, const int16_t *samples, uint32_t num_samples);

#endif
