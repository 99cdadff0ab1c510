#include "loop.h"

#include "requests.h"

bool loop_step(app_t *app)
{
    const bool served = requests_serve(app);
    const bool fed = app_feed(app);
    const bool sent = kws_link_send_record(&app->link);
    return served || fed || sent;
}
