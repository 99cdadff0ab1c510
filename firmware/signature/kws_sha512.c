/* SPDX-License-Identifier: Apache-2.0 */
#include "kws_sha512.h"

#include <string.h>

enum {
    NUM_ROUNDS = 80,
    NUM_WORDS = 16, /* of a block, and of its schedule that is kept */
    LENGTH_BYTES = 16
};

/* The first 64 bits behind the point of the square roots of the first 8 primes, and of the cube roots of the first 80. */
static const uint64_t first_state[] = {
    0x6A09E667F3BCC908u, 0xBB67AE8584CAA73Bu, 0x3C6EF372FE94F82Bu, 0xA54FF53A5F1D36F1u,
    0x510E527FADE682D1u, 0x9B05688C2B3E6C1Fu, 0x1F83D9ABFB41BD6Bu, 0x5BE0CD19137E2179u,
};

static const uint64_t round_constants[NUM_ROUNDS] = {
    0x428A2F98D728AE22u, 0x7137449123EF65CDu, 0xB5C0FBCFEC4D3B2Fu, 0xE9B5DBA58189DBBCu, 0x3956C25BF348B538u,
    0x59F111F1B605D019u, 0x923F82A4AF194F9Bu, 0xAB1C5ED5DA6D8118u, 0xD807AA98A3030242u, 0x12835B0145706FBEu,
    0x243185BE4EE4B28Cu, 0x550C7DC3D5FFB4E2u, 0x72BE5D74F27B896Fu, 0x80DEB1FE3B1696B1u, 0x9BDC06A725C71235u,
    0xC19BF174CF692694u, 0xE49B69C19EF14AD2u, 0xEFBE4786384F25E3u, 0x0FC19DC68B8CD5B5u, 0x240CA1CC77AC9C65u,
    0x2DE92C6F592B0275u, 0x4A7484AA6EA6E483u, 0x5CB0A9DCBD41FBD4u, 0x76F988DA831153B5u, 0x983E5152EE66DFABu,
    0xA831C66D2DB43210u, 0xB00327C898FB213Fu, 0xBF597FC7BEEF0EE4u, 0xC6E00BF33DA88FC2u, 0xD5A79147930AA725u,
    0x06CA6351E003826Fu, 0x142929670A0E6E70u, 0x27B70A8546D22FFCu, 0x2E1B21385C26C926u, 0x4D2C6DFC5AC42AEDu,
    0x53380D139D95B3DFu, 0x650A73548BAF63DEu, 0x766A0ABB3C77B2A8u, 0x81C2C92E47EDAEE6u, 0x92722C851482353Bu,
    0xA2BFE8A14CF10364u, 0xA81A664BBC423001u, 0xC24B8B70D0F89791u, 0xC76C51A30654BE30u, 0xD192E819D6EF5218u,
    0xD69906245565A910u, 0xF40E35855771202Au, 0x106AA07032BBD1B8u, 0x19A4C116B8D2D0C8u, 0x1E376C085141AB53u,
    0x2748774CDF8EEB99u, 0x34B0BCB5E19B48A8u, 0x391C0CB3C5C95A63u, 0x4ED8AA4AE3418ACBu, 0x5B9CCA4F7763E373u,
    0x682E6FF3D6B2B8A3u, 0x748F82EE5DEFB2FCu, 0x78A5636F43172F60u, 0x84C87814A1F0AB72u, 0x8CC702081A6439ECu,
    0x90BEFFFA23631E28u, 0xA4506CEBDE82BDE9u, 0xBEF9A3F7B2C67915u, 0xC67178F2E372532Bu, 0xCA273ECEEA26619Cu,
    0xD186B8C721C0C207u, 0xEADA7DD6CDE0EB1Eu, 0xF57D4F7FEE6ED178u, 0x06F067AA72176FBAu, 0x0A637DC5A2C898A6u,
    0x113F9804BEF90DAEu, 0x1B710B35131C471Bu, 0x28DB77F523047D84u, 0x32CAAB7B40C72493u, 0x3C9EBE0A15C9BEBCu,
    0x431D67C49C100D4Cu, 0x4CC5D4BECB3E42B6u, 0x597F299CFC657E2Au, 0x5FCB6FAB3AD6FAECu, 0x6C44198C4A475817u,
};

static uint64_t rotated(uint64_t x, uint32_t right)
{
    return x >> right | x << (64u - right);
}

static uint64_t read_u64(const uint8_t *bytes)
{
    uint64_t value = 0u;
    for (uint32_t i = 0u; i < sizeof value; ++i) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static void write_u64(uint8_t *bytes, uint64_t value)
{
    for (uint32_t i = 0u; i < sizeof value; ++i) {
        bytes[i] = (uint8_t)(value >> (56u - 8u * i));
    }
}

/* The schedule's word of a round from 16 on, in place of that of 16 rounds before. */
static void extend(uint64_t *words, uint32_t round)
{
    const uint64_t old = words[(round + 1u) % NUM_WORDS], new = words[(round + 14u) % NUM_WORDS];
    words[round % NUM_WORDS] += (rotated(old, 1u) ^ rotated(old, 8u) ^ old >> 7) +
                                words[(round + 9u) % NUM_WORDS] +
                                (rotated(new, 19u) ^ rotated(new, 61u) ^ new >> 6);
}

static void take_block(kws_sha512_t *self)
{
    uint64_t words[NUM_WORDS];
    uint64_t s[KWS_SHA512_BYTES / sizeof(uint64_t)]; /* a, b, ... h */
    memcpy(s, self->state, sizeof s);
    for (uint32_t i = 0u; i < NUM_WORDS; ++i) {
        words[i] = read_u64(self->block + i * sizeof words[0]);
    }
    for (uint32_t round = 0u; round < NUM_ROUNDS; ++round) {
        if (round >= NUM_WORDS) {
            extend(words, round);
        }
        const uint64_t chosen = (s[4] & s[5]) ^ (~s[4] & s[6]);
        const uint64_t majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
        const uint64_t first = s[7] + (rotated(s[4], 14u) ^ rotated(s[4], 18u) ^ rotated(s[4], 41u)) +
                               chosen + round_constants[round] + words[round % NUM_WORDS];
        const uint64_t second = (rotated(s[0], 28u) ^ rotated(s[0], 34u) ^ rotated(s[0], 39u)) + majority;
        memmove(s + 1, s, sizeof s - sizeof s[0]);
        s[4] += first;
        s[0] = first + second;
    }
    for (uint32_t i = 0u; i < sizeof s / sizeof s[0]; ++i) {
        self->state[i] += s[i];
    }
}

void kws_sha512_init(kws_sha512_t *self)
{
    memcpy(self->state, first_state, sizeof self->state);
    self->num_bytes = 0u;
}

void kws_sha512_step(kws_sha512_t *self, const uint8_t *bytes, uint32_t num_bytes)
{
    while (num_bytes > 0u) {
        const uint32_t filled = (uint32_t)(self->num_bytes % KWS_SHA512_BLOCK_BYTES);
        const uint32_t room = KWS_SHA512_BLOCK_BYTES - filled;
        const uint32_t count = num_bytes < room ? num_bytes : room;
        memcpy(self->block + filled, bytes, count);
        self->num_bytes += count;
        bytes += count;
        num_bytes -= count;
        if (count == room) {
            take_block(self);
        }
    }
}

void kws_sha512_finish(kws_sha512_t *self, uint8_t hash[KWS_SHA512_BYTES])
{
    static const uint8_t padding[KWS_SHA512_BLOCK_BYTES] = {0x80u};
    uint8_t length[LENGTH_BYTES] = {0u}; /* in bits, big-endian */
    write_u64(length + sizeof(uint64_t), self->num_bytes * 8u);
    const uint32_t filled = (uint32_t)((self->num_bytes + LENGTH_BYTES) % KWS_SHA512_BLOCK_BYTES);
    kws_sha512_step(self, padding, KWS_SHA512_BLOCK_BYTES - filled);
    kws_sha512_step(self, length, LENGTH_BYTES);
    for (uint32_t i = 0u; i < KWS_SHA512_BYTES / sizeof(uint64_t); ++i) {
        write_u64(hash + i * sizeof(uint64_t), self->state[i]);
    }
}
