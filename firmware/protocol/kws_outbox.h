/* SPDX-License-Identifier: Apache-2.0 */
/* Records that the host has not acknowledged yet, oldest first, so that any of them can be sent again. */
#ifndef KWS_OUTBOX_H
#define KWS_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    uint8_t *bytes;          /* records in a row, each: type, payload size, payload */
    uint32_t capacity_bytes; /* a power of two */
    uint32_t written;        /* total bytes ever written; all three counts run modulo 2^32 */
    uint32_t unsent;         /* up to here records have been sent */
    uint32_t freed;          /* up to here records are acknowledged and gone */
    uint16_t next_number;    /* of the next record pushed */
    uint16_t unsent_number;  /* of the record at unsent */
    uint16_t oldest_number;  /* of the record at freed */
} kws_outbox_t;

/* Bytes that a record with payload_bytes of payload takes. */
uint32_t kws_outbox_record_bytes(uint32_t payload_bytes);

void kws_outbox_init(kws_outbox_t *self, uint8_t *bytes, uint32_t capacity_bytes);

/* Forgets all records; numbers start at 0 again. */
void kws_outbox_clear(kws_outbox_t *self);

uint32_t kws_outbox_room(const kws_outbox_t *self);

/* Begins a record with payload_bytes of payload, which kws_outbox_append then fills, in as many pieces as wanted.
 * The caller made sure of the room. */
void kws_outbox_begin(kws_outbox_t *self, uint8_t type, uint32_t payload_bytes);
void kws_outbox_append(kws_outbox_t *self, const void *data, uint32_t num_bytes);

/* Frees all records before number; a number that is not among the records waiting is ignored. */
void kws_outbox_acknowledge(kws_outbox_t *self, uint16_t number);

/* Frees all records that were sent, acknowledged or not. */
void kws_outbox_forget_sent(kws_outbox_t *self);

/* All records not acknowledged are to be sent again. */
void kws_outbox_rewind(kws_outbox_t *self);

/* Takes the next record to send: its type and number, and its payload copied to payload. Returns the payload's
 * size, or -1 when there is none. */
int32_t kws_outbox_next(kws_outbox_t *self, uint8_t *type, uint16_t *number, uint8_t *payload);

#ifdef __cplusplus
}
#endif

#endif
