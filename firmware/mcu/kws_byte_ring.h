/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes from one producer to one consumer without locks: an interrupt on one side, the main loop on the other. */
#ifndef KWS_BYTE_RING_H
#define KWS_BYTE_RING_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    uint8_t *bytes;
    uint32_t capacity_bytes;   /* a power of two */
    volatile uint32_t written; /* total bytes ever written; only the producer changes it */
    volatile uint32_t read;    /* total bytes ever read; only the consumer changes it */
} kws_byte_ring_t;

uint32_t kws_byte_ring_available(const kws_byte_ring_t *self);
uint32_t kws_byte_ring_room(const kws_byte_ring_t *self);

/* Returns how many bytes were stored: min(num_bytes, room). */
uint32_t kws_byte_ring_write(kws_byte_ring_t *self, const uint8_t *bytes, uint32_t num_bytes);

/* Returns how many bytes were taken: min(max_bytes, available). */
uint32_t kws_byte_ring_read(kws_byte_ring_t *self, uint8_t *bytes, uint32_t max_bytes);

#ifdef __cplusplus
}
#endif

#endif
