/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-512 (FIPS 180-4) of a message that comes in pieces. */
#ifndef KWS_SHA512_H
#define KWS_SHA512_H

#include <stdint.h>

enum {
    KWS_SHA512_BYTES = 64,
    KWS_SHA512_BLOCK_BYTES = 128
};

typedef struct {
    uint64_t state[KWS_SHA512_BYTES / sizeof(uint64_t)];
    uint8_t block[KWS_SHA512_BLOCK_BYTES]; /* its first num_bytes % KWS_SHA512_BLOCK_BYTES wait */
    uint64_t num_bytes;                    /* of the message so far */
} kws_sha512_t;

void kws_sha512_init(kws_sha512_t *self);

void kws_sha512_step(kws_sha512_t *self, const uint8_t *bytes, uint32_t num_bytes);

/* The message is whole. */
void kws_sha512_finish(kws_sha512_t *self, uint8_t hash[KWS_SHA512_BYTES]);

#endif
