/* SPDX-License-Identifier: Apache-2.0 */
/* A board made of arrays, for the application above it: line, flash and memory. The clock, which goes as the test wants,
 * and a microphone are the test's. */
#ifndef KWS_BOARD_OF_ARRAYS_H
#define KWS_BOARD_OF_ARRAYS_H

#include <stddef.h>

#include "kws_byte_ring.h"

enum {
    BOARD_REGION_BYTES = 65536 /* flash of two slots */
};

extern kws_byte_ring_t board_receive_ring;  /* what the host has sent */
extern kws_byte_ring_t board_transmit_ring; /* what it has been sent */

/* Flash with nothing in it but this bundle. */
void board_load(const void *bundle, size_t size_bytes);

#endif
