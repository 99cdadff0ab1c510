/* SPDX-License-Identifier: Apache-2.0 */
/* The board's end of the serial line: packets in, packets out, records kept until acknowledged. What the messages
 * mean is the application's business. */
#ifndef KWS_LINK_H
#define KWS_LINK_H

#include <stdbool.h>

#include "kws_outbox.h"
#include "kws_packet.h"
#include "kws_protocol.h"

enum {
    KWS_LINK_CHUNK_BYTES = 32
};

typedef struct {
    kws_packet_reader_t reader;
    kws_outbox_t outbox;
    uint8_t chunk[KWS_LINK_CHUNK_BYTES]; /* taken from the serial port, not yet read */
    uint32_t chunk_bytes;
    uint32_t chunk_at;
    uint32_t bad_packets; /* since kws_link_init */
    uint8_t session;
} kws_link_t;

/* capacity_bytes of the outbox: a power of two. */
void kws_link_init(kws_link_t *self, uint8_t *outbox_bytes, uint32_t capacity_bytes);

/* A new session: earlier records are forgotten. */
void kws_link_begin_session(kws_link_t *self, uint8_t session);

/* What has come in, as soon as a whole packet has; KWS_PACKET_NONE when there is nothing to do. A good packet is in
 * self->reader, and the records it acknowledges are gone. */
kws_packet_result_t kws_link_receive(kws_link_t *self);

/* True when the serial port takes a whole packet now. */
bool kws_link_can_send(void);

/* A reply. Call only when kws_link_can_send. */
void kws_link_send(const kws_link_t *self, kws_message_type_t type, const void *payload,
                   uint32_t payload_bytes);

/* The next record, if one is due and the serial port takes it. True when one was sent. */
bool kws_link_send_record(kws_link_t *self);

/* For board_on_fault: a reply sent at once, past everything still waiting. */
void kws_link_send_last(const kws_link_t *self, kws_message_type_t type, const void *payload,
                        uint32_t payload_bytes);

#endif
