/* SPDX-License-Identifier: Apache-2.0 */
#include "update.h"

#include <string.h>

#include "board_flash.h"
#include "kws_update.h"
#include "listen.h"
#include "trust.h"

static kws_update_t update; /* here and not in app_t: boards without flash have no need of it */

kws_status_t update_open_bundle(app_t *app)
{
    const board_memory_t region = board_bundle();
    const kws_flash_t flash = {.data = region.data,
                               .size_bytes = region.size_bytes,
                               .page_bytes = KWS_BOARD_FLASH_PAGE_BYTES,
                               .erase = board_flash_erase,
                               .write = board_flash_write};
    kws_update_init(&update, &flash);
    const kws_status_t status = kws_update_open(&update, &app->bundle);
    app->commands.total_bytes = 0u;
    if (status == KWS_OK && update.by_programmer) { /* in the same slot, right behind it */
        const uint32_t room = kws_update_room_bytes(flash.size_bytes, flash.page_bytes);
        const uint32_t behind = app->bundle.total_bytes;
        if (kws_bundle_open(&app->commands, flash.data + behind, room - behind) != KWS_OK) {
            app->commands.total_bytes = 0u;
        }
    }
    return status;
}

bool update_on_trial(void)
{
    return update.on_trial;
}

static kws_update_error_t begin(app_t *app, const uint8_t *payload)
{
    kws_message_update_begin_t message;
    memcpy(&message, payload, sizeof message);
    if (!app->has_host) {
        return KWS_UPDATE_NOT_BEGUN; /* nobody has said HELLO since the board started */
    }
    if (app->commands.total_bytes > 0u) {
        return KWS_UPDATE_TWO; /* one of them would be lost */
    }
    const kws_update_error_t error = trust_begin(&update);
    if (error != KWS_UPDATE_OK) {
        return error;
    }
    listen_stop(app);
    app_close(app);
    return kws_update_begin(&update, message.total_bytes, message.bundle_crc32);
}

static kws_update_error_t take_chunk(const uint8_t *payload, uint32_t payload_bytes)
{
    kws_message_update_chunk_t message;
    memcpy(&message, payload, sizeof message);
    return kws_update_chunk(&update, message.offset, payload + sizeof message,
                            payload_bytes - (uint32_t)sizeof message, message.crc32);
}

static kws_update_error_t finish(const uint8_t *payload, uint32_t payload_bytes)
{
    const kws_update_error_t error = trust_finish(&update, payload, payload_bytes);
    return error == KWS_UPDATE_OK ? kws_update_finish(&update, board_arena().size_bytes) : error;
}

static void start(app_t *app)
{
    if (app->updating) {
        app_open(app);
        app_start(app, -1);
    }
}

void update_serve(app_t *app, uint8_t type, const uint8_t *payload, uint32_t payload_bytes)
{
    kws_update_error_t error = KWS_UPDATE_OK;
    switch (type) {
    case KWS_MESSAGE_UPDATE_BEGIN: error = begin(app, payload); break;
    case KWS_MESSAGE_UPDATE_CHUNK: error = take_chunk(payload, payload_bytes); break;
    case KWS_MESSAGE_UPDATE_FINISH: error = finish(payload, payload_bytes); break;
    case KWS_MESSAGE_UPDATE_START: start(app); break;
    default: error = kws_update_confirm(&update); break;
    }
    const kws_message_update_result_t message = {
        .request = type,
        .error = (uint32_t)error,
        .bundle_status = error == KWS_UPDATE_BUNDLE ? update.bundle_status : KWS_OK,
        .received_bytes = update.received_bytes,
        .room_bytes = kws_update_room_bytes(update.flash.size_bytes, update.flash.page_bytes),
        .running_crc32 = app->bundle.total_bytes > 0u ? app->bundle.crc32 : 0u,
        .on_trial = update.on_trial ? 1u : 0u};
    kws_link_send(&app->link, KWS_MESSAGE_UPDATE_RESULT, &message, sizeof message);
}
