/* SPDX-License-Identifier: Apache-2.0 */
#include "trust.h"

#include <stddef.h>
#include <string.h>

#include "kws_ed25519.h"
#include "kws_protocol.h"

static const uint8_t public_key[KWS_ED25519_KEY_BYTES] = {KWS_UPDATE_PUBLIC_KEY};

_Static_assert(sizeof((kws_message_update_signature_t *)NULL)->signature == KWS_ED25519_SIGNATURE_BYTES,
               "all of it");

bool trust_wants_signatures(void)
{
    return true;
}

kws_update_error_t trust_begin(const kws_update_t *update)
{
    uint32_t version;
    return kws_update_confirmed_version(update, &version) ? KWS_UPDATE_OK : KWS_UPDATE_FIRST;
}

static bool is_signed(const kws_update_t *update, const kws_message_update_signature_t *message)
{
    const kws_update_signed_t head = {.magic = KWS_UPDATE_SIGNED, .version = message->version};
    const kws_ed25519_piece_t pieces[] = {{(const uint8_t *)&head, sizeof head},
                                          {kws_update_received(update), update->total_bytes}};
    return kws_ed25519_is_good(message->signature, public_key, pieces, sizeof pieces / sizeof pieces[0]);
}

kws_update_error_t trust_finish(kws_update_t *update, const uint8_t *payload, uint32_t payload_bytes)
{
    kws_message_update_signature_t message;
    uint32_t confirmed;
    const bool is_whole =
        update->target != KWS_UPDATE_NO_SLOT && update->received_bytes == update->total_bytes;
    if (!is_whole || update->finished) {
        return KWS_UPDATE_OK; /* kws_update_finish says what is missing, or that nothing is */
    }
    if (payload_bytes != sizeof message) {
        return KWS_UPDATE_UNSIGNED;
    }
    memcpy(&message, payload, sizeof message);
    if (!is_signed(update, &message)) {
        return KWS_UPDATE_SIGNATURE;
    }
    if (!kws_update_confirmed_version(update, &confirmed)) {
        return KWS_UPDATE_FIRST;
    }
    return message.version < confirmed ? KWS_UPDATE_OLDER : kws_update_write_version(update, message.version);
}
