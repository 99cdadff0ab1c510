/* SPDX-License-Identifier: Apache-2.0 */
/* The same random numbers every time, for the programs that alter bytes. */
#ifndef KWS_TEST_RANDOM_H
#define KWS_TEST_RANDOM_H

#include <stdint.h>

static uint32_t random_state; /* set it to the seed, not to 0 */

static inline uint32_t random_u32(void) /* xorshift32 */
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

#endif
