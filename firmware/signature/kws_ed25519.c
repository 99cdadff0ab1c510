/* SPDX-License-Identifier: Apache-2.0 */
#include "kws_ed25519.h"

#include "kws_sha512.h"
#include "monocypher/monocypher.h"

enum {
    POINT_BYTES = 32 /* the first half of a signature */
};

/* Of the point, the key and the message, modulo the order of the curve's base point. */
static void hash_message(uint8_t reduced[POINT_BYTES], const uint8_t *signature, const uint8_t *public_key,
                         const kws_ed25519_piece_t *pieces, uint32_t num_pieces)
{
    kws_sha512_t sha512;
    uint8_t hash[KWS_SHA512_BYTES];
    kws_sha512_init(&sha512);
    kws_sha512_step(&sha512, signature, POINT_BYTES);
    kws_sha512_step(&sha512, public_key, KWS_ED25519_KEY_BYTES);
    for (uint32_t i = 0u; i < num_pieces; ++i) {
        kws_sha512_step(&sha512, pieces[i].bytes, pieces[i].num_bytes);
    }
    kws_sha512_finish(&sha512, hash);
    crypto_eddsa_reduce(reduced, hash);
}

bool kws_ed25519_is_good(const uint8_t signature[KWS_ED25519_SIGNATURE_BYTES],
                         const uint8_t public_key[KWS_ED25519_KEY_BYTES], const kws_ed25519_piece_t *pieces,
                         uint32_t num_pieces)
{
    uint8_t hash[POINT_BYTES];
    hash_message(hash, signature, public_key, pieces, num_pieces);
    return crypto_eddsa_check_equation(signature, public_key, hash) == 0;
}
