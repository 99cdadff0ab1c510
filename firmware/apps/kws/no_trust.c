/* SPDX-License-Identifier: Apache-2.0 */
/* For boards that take bundles from anybody. */
#include "trust.h"

bool trust_wants_signatures(void)
{
    return false;
}

kws_update_error_t trust_begin(const kws_update_t *update)
{
    (void)update;
    return KWS_UPDATE_OK;
}

kws_update_error_t trust_finish(kws_update_t *update, const uint8_t *payload, uint32_t payload_bytes)
{
    (void)update;
    (void)payload;
    (void)payload_bytes;
    return KWS_UPDATE_OK;
}
