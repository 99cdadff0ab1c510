/* SPDX-License-Identifier: Apache-2.0 */
/* Which bundles the board takes over the line: anybody's (no_trust.c), or those signed with the key that it was built
 * with, and never an older one (trust.c; -DKWS_UPDATE_PUBLIC_KEY).
 *
 * What a programmer flashed is trusted. From then on one bundle is always confirmed, and kept: nothing else that lies in
 * flash is ever run. So a signature is checked once, before the bundle is given its record. */
#ifndef KWS_APP_TRUST_H
#define KWS_APP_TRUST_H

#include "kws_update.h"

/* Whether it takes signed ones only. */
bool trust_wants_signatures(void);

/* Whether a bundle may be written at all. */
kws_update_error_t trust_begin(const kws_update_t *update);

/* Whether the bundle that was written may be looked at; payload is that of KWS_MESSAGE_UPDATE_FINISH. */
kws_update_error_t trust_finish(kws_update_t *update, const uint8_t *payload, uint32_t payload_bytes);

#endif
