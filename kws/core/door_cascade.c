/* SPDX-License-Identifier: Apache-2.0 */
#include "door_cascade.h"

static void log_event(void *user, const kws_event_t *event)
{
    kws_door_cascade_t *self = user;
    if (self->num_events < self->capacity) {
        self->events[self->num_events] = *event;
        self->is_command[self->num_events] = kws_cascade_bundle(&self->cascade) == &self->commands;
    }
    ++self->num_events;
}

kws_status_t kws_door_cascade_init(kws_door_cascade_t *self, int32_t operating_point, uint32_t window_ms,
                                   void *arena, uint32_t arena_bytes)
{
    const kws_cascade_config_t config = {.wake = &self->wake,
                                         .commands = &self->commands,
                                         .operating_point = operating_point,
                                         .window_ms = window_ms};
    const kws_pipeline_hooks_t hooks = {.user = self, .on_event = log_event};
    return kws_cascade_init(&self->cascade, &config, &hooks, arena, arena_bytes);
}

void kws_door_cascade_feed(kws_door_cascade_t *self, const int16_t *samples, uint32_t num_samples)
{
    self->num_events = 0u;
    kws_cascade_feed(&self->cascade, samples, num_samples);
}
