/* SPDX-License-Identifier: Apache-2.0 */
/* Packets on a serial line: COBS with a zero byte between packets, CRC-16 inside.
 *
 *   on the line   COBS(header, payload, crc) 0x00
 *   header        type, session, number: kws_packet_header_t, 4 bytes
 *   crc           CRC-16/CCITT-FALSE over header and payload, little-endian
 *
 * COBS takes every zero out of the bytes, so a zero always ends a packet and a reader that lost its place finds
 * it again at the next one. A packet is at most 254 bytes before COBS, so COBS adds exactly one. The host uses
 * these very functions through cffi. */
#ifndef KWS_PACKET_H
#define KWS_PACKET_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    KWS_PACKET_MAX_BYTES = 254, /* header, payload and CRC */
    KWS_PACKET_HEADER_BYTES = 4,
    KWS_PACKET_CRC_BYTES = 2,
    KWS_PACKET_MAX_PAYLOAD_BYTES = 248,
    KWS_PACKET_MAX_LINE_BYTES = 256 /* with the COBS code and the zero */
};

typedef struct {
    uint8_t type;    /* kws_message_type_t */
    uint8_t session; /* chosen by the host at RESET; 0 = none yet */
    /* host -> board: the record the host waits for next; all before it are acknowledged.
     * board -> host: in a record, its number; in a reply, the number of the next record to be sent. */
    uint16_t number;
} kws_packet_header_t;

/* Header, payload and CRC in a row; the CRC comes right behind the payload, wherever that ends. */
typedef struct {
    kws_packet_header_t header;
    uint8_t payload[KWS_PACKET_MAX_PAYLOAD_BYTES + KWS_PACKET_CRC_BYTES];
} kws_packet_t;

/* A packet with room for what the line adds around it, so that it is encoded where it lies. */
typedef struct {
    uint8_t unused; /* keeps the packet on an even address */
    uint8_t code;   /* the first byte on the line */
    kws_packet_t packet;
    uint8_t end; /* the last one, when the packet is as long as can be */
} kws_packet_line_t;

/* Turns a packet with payload_bytes of payload into the bytes of the line, which begin at self->code. Returns how
 * many there are, at most KWS_PACKET_MAX_LINE_BYTES. The packet cannot be read any more. */
uint32_t kws_packet_write(kws_packet_line_t *self, uint32_t payload_bytes);

typedef enum {
    KWS_PACKET_NONE = 0, /* all bytes taken, no packet complete */
    KWS_PACKET_GOOD = 1, /* packet and payload_bytes of the reader are valid until the next call */
    KWS_PACKET_BAD = 2   /* a packet was altered on its way */
} kws_packet_result_t;

typedef struct {
    kws_packet_t packet;
    uint32_t payload_bytes;
    uint32_t num_bytes; /* decoded so far of the packet that is coming in */
    uint8_t block_left; /* bytes left of its COBS block; 0 between blocks */
    uint8_t zero_due;   /* the block stands for a zero behind it, unless the packet ends there */
    uint8_t too_long;   /* it can only be bad */
} kws_packet_reader_t;

void kws_packet_reader_init(kws_packet_reader_t *self);

/* Takes bytes up to the end of one packet. *result says what came; returns how many bytes were taken. */
uint32_t kws_packet_reader_read(kws_packet_reader_t *self, const uint8_t *bytes, uint32_t num_bytes,
                                kws_packet_result_t *result);

/* CRC-16/CCITT-FALSE: polynomial 0x1021, start with 0xFFFF. */
uint16_t kws_crc16(uint16_t crc, const uint8_t *bytes, uint32_t num_bytes);

#ifdef __cplusplus
}
#endif

#endif
