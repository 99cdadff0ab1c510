/* SPDX-License-Identifier: Apache-2.0 */
/* For boards without a microphone: audio comes from the host only. */
#include "microphone.h"

bool microphone_start(app_t *app)
{
    (void)app;
    return false;
}

void microphone_stop(app_t *app)
{
    (void)app;
}

bool microphone_feed(app_t *app)
{
    (void)app;
    return false;
}

void microphone_listen(app_t *app)
{
    (void)app;
}

bool microphone_show_event(app_t *app, const kws_event_t *event)
{
    (void)app;
    (void)event;
    return false;
}
