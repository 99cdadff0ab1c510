/* SPDX-License-Identifier: Apache-2.0 */
/* Runs on the emulated Cortex-M4: memcpy, memmove, memset and memcmp of mcu/armv7em do what loops of bytes do, at every
 * alignment, also in each other. */
#include <stdbool.h>
#include <string.h>

#include "../random.h"
#include "semihosting.h"

enum {
    NUM_CASES = 4000,
    MOST_BYTES = 90,
    ROOM_BYTES = 2 * MOST_BYTES + 8
};

static volatile uint8_t expected[ROOM_BYTES]; /* volatile: loops stay loops */
static uint8_t room[ROOM_BYTES];

static bool same(void)
{
    uint32_t different = 0;
    for (uint32_t i = 0; i < ROOM_BYTES; ++i) {
        different += expected[i] != room[i];
    }
    return different == 0u;
}

static void fill(void)
{
    for (uint32_t i = 0; i < ROOM_BYTES; ++i) {
        expected[i] = room[i] = (uint8_t)(random_u32() >> 24);
    }
}

static bool moves(uint32_t to, uint32_t from, uint32_t num_bytes)
{
    uint8_t copy[MOST_BYTES];
    for (uint32_t i = 0; i < num_bytes; ++i) {
        ((volatile uint8_t *)copy)[i] = room[from + i];
    }
    for (uint32_t i = 0; i < num_bytes; ++i) {
        expected[to + i] = copy[i];
    }
    const bool apart = to + num_bytes <= from || from + num_bytes <= to;
    uint8_t *const there = room + to;
    void *(*volatile const move)(void *, const void *, size_t) = apart ? memcpy : memmove;
    return move(there, room + from, num_bytes) == there && same();
}

static bool sets(uint32_t to, uint32_t num_bytes)
{
    const uint32_t byte = random_u32(); /* only its lowest eight bits count */
    for (uint32_t i = 0; i < num_bytes; ++i) {
        expected[to + i] = (uint8_t)byte;
    }
    void *(*volatile const set)(void *, int, size_t) = memset;
    return set(room + to, (int)byte, num_bytes) == room + to && same();
}

static bool compares(uint32_t a, uint32_t b, uint32_t num_bytes)
{
    int order = 0;
    for (uint32_t i = 0; i < num_bytes && order == 0; ++i) {
        order = (int)expected[a + i] - (int)expected[b + i];
    }
    int (*volatile const compare)(const void *, const void *, size_t) = memcmp;
    const int found = compare(room + a, room + b, num_bytes);
    return (found > 0) == (order > 0) && (found < 0) == (order < 0);
}

int run(void)
{
    random_state = 11u;
    for (uint32_t i = 0; i < NUM_CASES; ++i) {
        const uint32_t num_bytes = random_u32() % (MOST_BYTES + 1);
        const uint32_t from = random_u32() % (ROOM_BYTES - num_bytes);
        const uint32_t near = from + random_u32() % 40u; /* often overlapping */
        const uint32_t far = random_u32() % (ROOM_BYTES - num_bytes);
        const uint32_t to = (i % 2u == 0u && near + num_bytes <= ROOM_BYTES) ? near : far;
        fill();
        if (!moves(to, from, num_bytes) || !compares(to, from, num_bytes) || !sets(from, num_bytes) ||
            !compares(to, from, num_bytes)) {
            print("memory differs\n");
            return 1;
        }
    }
    print("memory agrees\n");
    return 0;
}
