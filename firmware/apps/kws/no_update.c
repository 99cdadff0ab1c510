/* SPDX-License-Identifier: Apache-2.0 */
/* For boards that cannot write their flash. */
#include "kws_update.h"
#include "update.h"

kws_status_t update_open_bundle(app_t *app)
{
    const board_memory_t region = board_bundle();
    const kws_status_t status = region.size_bytes > 0u
                                    ? kws_bundle_open(&app->bundle, region.data, region.size_bytes)
                                    : KWS_ERROR_MAGIC;
    const uint32_t used = app->bundle.total_bytes;
    if (status != KWS_OK || kws_bundle_open(&app->commands, (const uint8_t *)region.data + used,
                                            region.size_bytes - used) != KWS_OK) {
        app->commands.total_bytes = 0u;
    }
    return status;
}

bool update_on_trial(void)
{
    return false;
}

void update_serve(app_t *app, uint8_t type, const uint8_t *payload, uint32_t payload_bytes)
{
    (void)payload;
    (void)payload_bytes;
    const kws_message_update_result_t message = {
        .request = type, .error = KWS_UPDATE_NO_FLASH, .running_crc32 = app->bundle.crc32};
    kws_link_send(&app->link, KWS_MESSAGE_UPDATE_RESULT, &message, sizeof message);
}
