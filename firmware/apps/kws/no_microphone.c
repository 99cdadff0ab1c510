/* SPDX-License-Identifier: Apache-2.0 */
/* For boards without a microphone: audio comes from the host only. */
#include "listen.h"

void listen_alone(app_t *app)
{
    kws_link_begin_session(&app->link, 0u);
    app->has_host = false;
    app->wanted = 0u;
    app_start(app, -1);
}

void listen_unless_host_speaks(app_t *app)
{
    (void)app; /* there is nothing else to do */
}

bool listen_start(app_t *app)
{
    (void)app;
    return false;
}

void listen_stop(app_t *app)
{
    (void)app;
}

bool listen_feed(app_t *app)
{
    (void)app;
    return false;
}

bool listen_is_alive(app_t *app)
{
    (void)app;
    return true;
}
