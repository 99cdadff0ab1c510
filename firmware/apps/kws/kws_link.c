/* SPDX-License-Identifier: Apache-2.0 */
#include "kws_link.h"

#include <string.h>

#include "board.h"

void kws_link_init(kws_link_t *self, uint8_t *outbox_bytes, uint32_t capacity_bytes)
{
    memset(self, 0, sizeof *self);
    kws_packet_reader_init(&self->reader);
    kws_outbox_init(&self->outbox, outbox_bytes, capacity_bytes);
}

void kws_link_begin_session(kws_link_t *self, uint8_t session)
{
    self->session = session;
    kws_outbox_clear(&self->outbox);
}

/* A header speaks of records only within the running session. */
static void acknowledge(kws_link_t *self)
{
    const kws_packet_header_t *header = &self->reader.packet.header;
    if (header->session == self->session) {
        kws_outbox_acknowledge(&self->outbox, header->number);
    }
}

kws_packet_result_t kws_link_receive(kws_link_t *self)
{
    kws_packet_result_t result = KWS_PACKET_NONE;
    while (result == KWS_PACKET_NONE) {
        if (self->chunk_at == self->chunk_bytes) {
            self->chunk_at = 0u;
            self->chunk_bytes = board_serial_read(self->chunk, KWS_LINK_CHUNK_BYTES);
            if (self->chunk_bytes == 0u) {
                return KWS_PACKET_NONE;
            }
        }
        self->chunk_at += kws_packet_reader_read(&self->reader, self->chunk + self->chunk_at,
                                                 self->chunk_bytes - self->chunk_at, &result);
    }
    if (result == KWS_PACKET_GOOD) {
        acknowledge(self);
    } else {
        ++self->bad_packets;
    }
    return result;
}

bool kws_link_can_send(void)
{
    return board_serial_write_room() >= KWS_PACKET_MAX_LINE_BYTES;
}

/* The packet lives on the stack, not in the link: the pipeline needs a deeper stack than this at other times, so it
 * costs no memory. Returns the number of bytes on the line, from line->code on. */
static uint32_t write_reply(const kws_link_t *self, kws_message_type_t type, const void *payload,
                            uint32_t payload_bytes, kws_packet_line_t *line)
{
    line->packet.header = (kws_packet_header_t){
        .type = (uint8_t)type, .session = self->session, .number = self->outbox.unsent_number};
    memcpy(line->packet.payload, payload, payload_bytes);
    return kws_packet_write(line, payload_bytes);
}

void kws_link_send(const kws_link_t *self, kws_message_type_t type, const void *payload,
                   uint32_t payload_bytes)
{
    kws_packet_line_t line;
    const uint32_t line_bytes = write_reply(self, type, payload, payload_bytes, &line);
    board_serial_write(&line.code, line_bytes);
}

bool kws_link_send_record(kws_link_t *self)
{
    if (!kws_link_can_send()) {
        return false;
    }
    kws_packet_line_t line;
    kws_packet_header_t *header = &line.packet.header;
    const int32_t payload_bytes =
        kws_outbox_next(&self->outbox, &header->type, &header->number, line.packet.payload);
    if (payload_bytes < 0) {
        return false;
    }
    header->session = self->session;
    const uint32_t line_bytes = kws_packet_write(&line, (uint32_t)payload_bytes);
    board_serial_write(&line.code, line_bytes);
    return true;
}

void kws_link_send_last(const kws_link_t *self, kws_message_type_t type, const void *payload,
                        uint32_t payload_bytes)
{
    kws_packet_line_t line;
    const uint8_t end_of_cut_packet = 0u;
    board_serial_write_polled(&end_of_cut_packet, 1);
    const uint32_t line_bytes = write_reply(self, type, payload, payload_bytes, &line);
    board_serial_write_polled(&line.code, line_bytes);
}
