/* SPDX-License-Identifier: Apache-2.0 */
/* Each line of standard input is a public key, a signature and a message, all in hexadecimal, "-" for an empty one; each
 * line of the output the SHA-512 of the message, and whether the signature is good. */
#include <stdio.h>
#include <string.h>

#include "kws_ed25519.h"
#include "kws_sha512.h"

enum {
    MAX_MESSAGE_BYTES = 4096,
    LINE_BYTES = 2 * (MAX_MESSAGE_BYTES + 128)
};

static uint32_t from_hex(const char *text, uint8_t *bytes)
{
    uint32_t count = 0u;
    for (unsigned byte; sscanf(text + 2u * count, "%2x", &byte) == 1; ++count) {
        bytes[count] = (uint8_t)byte;
    }
    return count;
}

int main(void)
{
    static char line[LINE_BYTES];
    static uint8_t message[MAX_MESSAGE_BYTES];
    while (fgets(line, sizeof line, stdin) != NULL) {
        uint8_t public_key[KWS_ED25519_KEY_BYTES], signature[KWS_ED25519_SIGNATURE_BYTES],
            hash[KWS_SHA512_BYTES];
        from_hex(strtok(line, " "), public_key);
        from_hex(strtok(NULL, " "), signature);
        const uint32_t num_bytes = from_hex(strtok(NULL, " "), message), first = num_bytes / 3u;
        const kws_ed25519_piece_t pieces[] = {{message, first}, {message + first, num_bytes - first}};
        kws_sha512_t sha512;
        kws_sha512_init(&sha512);
        kws_sha512_step(&sha512, message, first);
        kws_sha512_step(&sha512, message + first, num_bytes - first);
        kws_sha512_finish(&sha512, hash);
        for (uint32_t i = 0u; i < sizeof hash; ++i) {
            printf("%02x", hash[i]);
        }
        printf(" %d\n", kws_ed25519_is_good(signature, public_key, pieces, 2u));
    }
    return 0;
}
