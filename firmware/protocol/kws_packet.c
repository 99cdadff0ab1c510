/* SPDX-License-Identifier: Apache-2.0 */
#include "kws_packet.h"

#include <stdbool.h>
#include <stddef.h>

_Static_assert(sizeof(kws_packet_header_t) == KWS_PACKET_HEADER_BYTES, "header without padding");
_Static_assert(sizeof(kws_packet_t) == KWS_PACKET_MAX_BYTES, "packet without padding");
_Static_assert(offsetof(kws_packet_line_t, packet) == offsetof(kws_packet_line_t, code) + 1,
               "line without padding");

enum {
    CRC16_START = 0xFFFF
};

uint16_t kws_crc16(uint16_t crc, const uint8_t *bytes, uint32_t num_bytes)
{
    /* A byte at a time without a table: the polynomial x^16 + x^12 + x^5 + 1 folded into shifts. */
    uint32_t value = crc;
    for (uint32_t i = 0; i < num_bytes; ++i) {
        uint32_t fold = ((value >> 8) ^ bytes[i]) & 0xFFu;
        fold ^= fold >> 4;
        value = ((value << 8) ^ (fold << 12) ^ (fold << 5) ^ fold) & 0xFFFFu;
    }
    return (uint16_t)value;
}

uint32_t kws_packet_write(kws_packet_line_t *self, uint32_t payload_bytes)
{
    uint8_t *line = &((uint8_t *)self)[offsetof(kws_packet_line_t, code)];
    uint8_t *bytes = &line[1]; /* the packet */
    uint32_t num_bytes = KWS_PACKET_HEADER_BYTES + payload_bytes;
    const uint32_t crc = kws_crc16(CRC16_START, bytes, num_bytes);
    bytes[num_bytes++] = (uint8_t)(crc & 0xFFu);
    bytes[num_bytes++] = (uint8_t)(crc >> 8);

    /* Each zero becomes the distance to the next one; the code in front says where the first one was. */
    uint32_t code_at = 0;
    for (uint32_t i = 1; i <= num_bytes; ++i) {
        if (line[i] == 0u) {
            line[code_at] = (uint8_t)(i - code_at);
            code_at = i;
        }
    }
    line[code_at] = (uint8_t)(num_bytes + 1u - code_at);
    line[num_bytes + 1u] = 0u;
    return num_bytes + 2u;
}

void kws_packet_reader_init(kws_packet_reader_t *self)
{
    self->num_bytes = 0u;
    self->block_left = 0u;
    self->zero_due = 0u;
    self->too_long = 0u;
}

static void append(kws_packet_reader_t *self, uint8_t byte)
{
    if (self->num_bytes < KWS_PACKET_MAX_BYTES) {
        ((uint8_t *)&self->packet)[self->num_bytes++] = byte;
    } else {
        self->too_long = 1u;
    }
}

static kws_packet_result_t finish(kws_packet_reader_t *self)
{
    const uint32_t num_bytes = self->num_bytes;
    const bool empty = num_bytes == 0u && self->block_left == 0u && self->zero_due == 0u;
    const bool whole = self->block_left == 0u && self->too_long == 0u &&
                       num_bytes >= KWS_PACKET_HEADER_BYTES + KWS_PACKET_CRC_BYTES;
    kws_packet_reader_init(self);
    if (empty) {
        return KWS_PACKET_NONE; /* zeros in a row: a host makes sure that a packet begins */
    }
    if (!whole) {
        return KWS_PACKET_BAD;
    }
    const uint8_t *bytes = (const uint8_t *)&self->packet;
    const uint32_t crc = bytes[num_bytes - 2u] | ((uint32_t)bytes[num_bytes - 1u] << 8);
    self->payload_bytes = num_bytes - KWS_PACKET_HEADER_BYTES - KWS_PACKET_CRC_BYTES;
    return kws_crc16(CRC16_START, bytes, num_bytes - KWS_PACKET_CRC_BYTES) == crc ? KWS_PACKET_GOOD
                                                                                  : KWS_PACKET_BAD;
}

uint32_t kws_packet_reader_read(kws_packet_reader_t *self, const uint8_t *bytes, uint32_t num_bytes,
                                kws_packet_result_t *result)
{
    *result = KWS_PACKET_NONE;
    for (uint32_t i = 0; i < num_bytes; ++i) {
        const uint8_t byte = bytes[i];
        if (byte == 0u) {
            *result = finish(self);
            if (*result != KWS_PACKET_NONE) {
                return i + 1u;
            }
        } else if (self->block_left > 0u) {
            append(self, byte);
            --self->block_left;
        } else {
            if (self->zero_due != 0u) {
                append(self, 0u);
            }
            self->block_left = (uint8_t)(byte - 1u);
            self->zero_due = byte != 0xFFu;
        }
    }
    return num_bytes;
}
