/* SPDX-License-Identifier: Apache-2.0 */
#include "loop.h"

#include "requests.h"

bool loop_step(app_t *app)
{
    const bool served = requests_serve(app);
    const bool fed = app_feed(app);
    const bool sent = kws_link_send_record(&app->link);
    if (app->microphone.runs) {
        kws_outbox_forget_sent(&app->link.outbox); /* sound does not wait for acknowledgements */
    }
    return served || fed || sent;
}
