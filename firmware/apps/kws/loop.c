/* SPDX-License-Identifier: Apache-2.0 */
#include "loop.h"

#include "listen.h"
#include "requests.h"

bool loop_step(app_t *app)
{
    app_keep_time(app);
    const bool served = requests_serve(app);
    listen_unless_host_speaks(app);
    const bool own = app->microphone.runs || app->waits_for_sound;
    const bool fed = own ? listen_feed(app) : app_feed(app);
    const bool sent = kws_link_send_record(&app->link);
    if (own) {
        kws_outbox_forget_sent(&app->link.outbox); /* sound does not wait for acknowledgements */
    }
    return served || fed || sent;
}
