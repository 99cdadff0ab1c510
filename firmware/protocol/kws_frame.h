/* SPDX-License-Identifier: Apache-2.0 */
/* Frames on a serial line: COBS with a zero byte between frames, CRC-16 inside.
 *
 *   on the line   COBS(header, payload, crc) 0x00
 *   header        type, session, number: kws_frame_header_t, 4 bytes
 *   crc           CRC-16/CCITT-FALSE over header and payload, little-endian
 *
 * COBS takes every zero out of the bytes, so a zero always ends a frame and a reader that lost its place finds
 * it again at the next one. A frame is at most 254 bytes before COBS, so COBS adds exactly one. The host uses
 * these very functions through cffi. */
#ifndef KWS_FRAME_H
#define KWS_FRAME_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    KWS_FRAME_MAX_BYTES = 254, /* header, payload and CRC */
    KWS_FRAME_HEADER_BYTES = 4,
    KWS_FRAME_CRC_BYTES = 2,
    KWS_FRAME_MAX_PAYLOAD_BYTES = 248,
    KWS_FRAME_MAX_LINE_BYTES = 256 /* with the COBS code and the zero */
};

typedef struct {
    uint8_t type;    /* kws_message_type_t */
    uint8_t session; /* chosen by the host at RESET; 0 = none yet */
    /* host -> board: the record the host waits for next; all before it are acknowledged.
     * board -> host: in a record, its number; in a reply, the number of the next record to be sent. */
    uint16_t number;
} kws_frame_header_t;

/* Header, payload and CRC in a row; the CRC comes right behind the payload, wherever that ends. */
typedef struct {
    kws_frame_header_t header;
    uint8_t payload[KWS_FRAME_MAX_PAYLOAD_BYTES + KWS_FRAME_CRC_BYTES];
} kws_frame_t;

/* A frame with room for what the line adds around it, so that it is encoded where it lies. */
typedef struct {
    uint8_t unused; /* keeps the frame on an even address */
    uint8_t code;   /* the first byte on the line */
    kws_frame_t frame;
    uint8_t end; /* the last one, when the frame is as long as can be */
} kws_frame_line_t;

/* Turns a frame with payload_bytes of payload into the bytes of the line, which begin at self->code. Returns how
 * many there are, at most KWS_FRAME_MAX_LINE_BYTES. The frame cannot be read any more. */
uint32_t kws_frame_write(kws_frame_line_t *self, uint32_t payload_bytes);

typedef enum {
    KWS_FRAME_NONE = 0, /* all bytes taken, no frame complete */
    KWS_FRAME_GOOD = 1, /* frame and payload_bytes of the reader are valid until the next call */
    KWS_FRAME_BAD = 2   /* a frame was altered on its way */
} kws_frame_result_t;

typedef struct {
    kws_frame_t frame;
    uint32_t payload_bytes;
    uint32_t num_bytes; /* decoded so far of the frame that is coming in */
    uint8_t block_left; /* bytes left of its COBS block; 0 between blocks */
    uint8_t zero_due;   /* the block stands for a zero behind it, unless the frame ends there */
    uint8_t too_long;   /* it can only be bad */
} kws_frame_reader_t;

void kws_frame_reader_init(kws_frame_reader_t *self);

/* Takes bytes up to the end of one frame. *result says what came; returns how many bytes were taken. */
uint32_t kws_frame_reader_read(kws_frame_reader_t *self, const uint8_t *bytes, uint32_t num_bytes,
                               kws_frame_result_t *result);

/* CRC-16/CCITT-FALSE: polynomial 0x1021, start with 0xFFFF. */
uint16_t kws_crc16(uint16_t crc, const uint8_t *bytes, uint32_t num_bytes);

#ifdef __cplusplus
}
#endif

#endif
