/* SPDX-License-Identifier: Apache-2.0 */
/* Whether an Ed25519 signature (RFC 8032, without context or prehash) is good. */
#ifndef KWS_ED25519_H
#define KWS_ED25519_H

#include <stdbool.h>
#include <stdint.h>

enum {
    KWS_ED25519_KEY_BYTES = 32,
    KWS_ED25519_SIGNATURE_BYTES = 64
};

/* A piece of a message. */
typedef struct {
    const uint8_t *bytes;
    uint32_t num_bytes;
} kws_ed25519_piece_t;

/* The message is the pieces one behind the other. */
bool kws_ed25519_is_good(const uint8_t signature[KWS_ED25519_SIGNATURE_BYTES],
                         const uint8_t public_key[KWS_ED25519_KEY_BYTES], const kws_ed25519_piece_t *pieces,
                         uint32_t num_pieces);

#endif
