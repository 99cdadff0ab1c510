/* SPDX-License-Identifier: Apache-2.0 */
/* Byte ring, outbox and packets at their edges; the host's side is tested from Python. */
#include <string.h>

#include "check.h"
#include "kws_byte_ring.h"
#include "kws_outbox.h"
#include "kws_packet.h"

enum {
    RING_BYTES = 16,
    OUTBOX_BYTES = 64,
    RECORDS_OF_ANY_SIZE = 100000
};

static void ring_gives_back_every_byte_across_its_end(void)
{
    uint8_t bytes[RING_BYTES];
    /* Counters close to 2^32: they wrap in the middle of the test. */
    kws_byte_ring_t ring = {
        .bytes = bytes, .capacity_bytes = RING_BYTES, .written = UINT32_MAX - 20u, .read = UINT32_MAX - 20u};
    uint8_t next_in = 0u;
    uint8_t next_out = 0u;
    for (uint32_t round = 0; round < 50u; ++round) {
        uint8_t block[11];
        for (uint32_t i = 0; i < sizeof block; ++i) {
            block[i] = (uint8_t)(next_in + i);
        }
        const uint32_t room = kws_byte_ring_room(&ring);
        const uint32_t stored = kws_byte_ring_write(&ring, block, sizeof block);
        CHECK_EQUAL(stored, room < sizeof block ? room : sizeof block);
        next_in = (uint8_t)(next_in + stored);
        const uint32_t taken = kws_byte_ring_read(&ring, block, 7u);
        for (uint32_t i = 0; i < taken; ++i) {
            CHECK_EQUAL(block[i], next_out++);
        }
    }
    CHECK_EQUAL(kws_byte_ring_available(&ring), (uint8_t)(next_in - next_out));
}

static void push_numbered(kws_outbox_t *outbox, uint8_t value, uint32_t payload_bytes)
{
    uint8_t payload[OUTBOX_BYTES];
    memset(payload, value, sizeof payload);
    const uint32_t head_bytes = payload_bytes / 2u;
    kws_outbox_begin(outbox, value, payload_bytes);
    kws_outbox_append(outbox, payload, head_bytes);
    kws_outbox_append(outbox, payload + head_bytes, payload_bytes - head_bytes);
}

static void expect_next(kws_outbox_t *outbox, uint16_t number, uint8_t value, int32_t payload_bytes)
{
    uint8_t type;
    uint16_t got_number;
    uint8_t payload[OUTBOX_BYTES];
    CHECK_EQUAL(kws_outbox_next(outbox, &type, &got_number, payload), payload_bytes);
    CHECK_EQUAL(type, value);
    CHECK_EQUAL(got_number, number);
    for (int32_t i = 0; i < payload_bytes; ++i) {
        CHECK_EQUAL(payload[i], value);
    }
}

static void expect_none(kws_outbox_t *outbox)
{
    uint8_t type;
    uint16_t number;
    uint8_t payload[OUTBOX_BYTES];
    CHECK_EQUAL(kws_outbox_next(outbox, &type, &number, payload), -1);
}

static void outbox_repeats_what_is_not_acknowledged(void)
{
    uint8_t bytes[OUTBOX_BYTES];
    kws_outbox_t outbox;
    kws_outbox_init(&outbox, bytes, OUTBOX_BYTES);
    expect_none(&outbox);
    push_numbered(&outbox, 10u, 5u);
    push_numbered(&outbox, 11u, 0u);
    push_numbered(&outbox, 12u, 20u);
    expect_next(&outbox, 0u, 10u, 5);
    expect_next(&outbox, 1u, 11u, 0);
    kws_outbox_acknowledge(&outbox, 1u);
    kws_outbox_rewind(&outbox);
    expect_next(&outbox, 1u, 11u, 0);
    expect_next(&outbox, 2u, 12u, 20);
    expect_none(&outbox);
    kws_outbox_acknowledge(&outbox, 3u);
    CHECK_EQUAL(kws_outbox_room(&outbox), OUTBOX_BYTES);
}

static void outbox_skips_what_is_acknowledged_while_it_waits_to_be_repeated(void)
{
    uint8_t bytes[OUTBOX_BYTES];
    kws_outbox_t outbox;
    kws_outbox_init(&outbox, bytes, OUTBOX_BYTES);
    push_numbered(&outbox, 10u, 5u);
    push_numbered(&outbox, 11u, 5u);
    expect_next(&outbox, 0u, 10u, 5);
    expect_next(&outbox, 1u, 11u, 5);
    kws_outbox_rewind(&outbox);
    kws_outbox_acknowledge(&outbox, 1u);
    expect_next(&outbox, 1u, 11u, 5);
}

static void outbox_ignores_numbers_that_it_never_gave(void)
{
    uint8_t bytes[OUTBOX_BYTES];
    kws_outbox_t outbox;
    kws_outbox_init(&outbox, bytes, OUTBOX_BYTES);
    push_numbered(&outbox, 10u, 5u);
    kws_outbox_acknowledge(&outbox, 2u);
    kws_outbox_acknowledge(&outbox, UINT16_MAX);
    expect_next(&outbox, 0u, 10u, 5);
}

static void outbox_keeps_order_over_any_number_of_records(void)
{
    uint8_t bytes[OUTBOX_BYTES];
    kws_outbox_t outbox;
    kws_outbox_init(&outbox, bytes, OUTBOX_BYTES);
    uint16_t pushed = 0u;
    uint16_t sent = 0u;
    for (uint32_t i = 0; i < RECORDS_OF_ANY_SIZE; ++i) { /* more than 2^16: numbers wrap */
        const uint32_t size = (i * 7u) % 23u;
        while (kws_outbox_room(&outbox) < kws_outbox_record_bytes(size)) {
            expect_next(&outbox, sent, (uint8_t)sent,
                        (int32_t)(((i - (uint16_t)(pushed - sent)) * 7u) % 23u));
            ++sent;
            kws_outbox_acknowledge(&outbox, sent);
        }
        push_numbered(&outbox, (uint8_t)pushed, size);
        ++pushed;
    }
    CHECK(sent != 0u);
}

static void reader_survives_any_bytes_and_then_reads_on(void)
{
    kws_packet_reader_t reader;
    kws_packet_reader_init(&reader);
    kws_packet_line_t packet = {.packet = {.header = {.type = 5u, .session = 6u, .number = 7u}}};
    uint8_t line[1 + KWS_PACKET_MAX_LINE_BYTES] = {0}; /* a zero first: it ends whatever noise came before */
    const uint32_t line_bytes = 1u + kws_packet_write(&packet, KWS_PACKET_MAX_PAYLOAD_BYTES);
    memcpy(line + 1, &packet.code, line_bytes - 1u);
    uint32_t random = 1u;
    for (uint32_t round = 0; round < 2000u; ++round) {
        kws_packet_result_t result;
        for (uint32_t i = 0; i < 300u; ++i) {
            random = random * 1664525u + 1013904223u;
            const uint8_t noise = (uint8_t)(random >> 24);
            CHECK_EQUAL(kws_packet_reader_read(&reader, &noise, 1u, &result), 1);
        }
        uint32_t at = 0u;
        result = KWS_PACKET_NONE;
        while (at < line_bytes) {
            at += kws_packet_reader_read(&reader, line + at, line_bytes - at, &result);
        }
        CHECK_EQUAL(result, KWS_PACKET_GOOD);
        CHECK_EQUAL(reader.payload_bytes, KWS_PACKET_MAX_PAYLOAD_BYTES);
        CHECK_EQUAL(reader.packet.header.number, 7);
    }
}

static void outbox_forgets_what_was_sent_without_waiting(void)
{
    uint8_t bytes[OUTBOX_BYTES];
    kws_outbox_t outbox;
    kws_outbox_init(&outbox, bytes, OUTBOX_BYTES);
    push_numbered(&outbox, 10u, 5u);
    push_numbered(&outbox, 11u, 6u);
    expect_next(&outbox, 0u, 10u, 5);
    kws_outbox_forget_sent(&outbox);
    CHECK_EQUAL(kws_outbox_room(&outbox), OUTBOX_BYTES - kws_outbox_record_bytes(6u));
    kws_outbox_rewind(&outbox);
    expect_next(&outbox, 1u, 11u, 6);
    kws_outbox_forget_sent(&outbox);
    CHECK_EQUAL(kws_outbox_room(&outbox), OUTBOX_BYTES);
    expect_none(&outbox);
}

int main(void)
{
    outbox_forgets_what_was_sent_without_waiting();
    ring_gives_back_every_byte_across_its_end();
    outbox_repeats_what_is_not_acknowledged();
    outbox_skips_what_is_acknowledged_while_it_waits_to_be_repeated();
    outbox_ignores_numbers_that_it_never_gave();
    outbox_keeps_order_over_any_number_of_records();
    reader_survives_any_bytes_and_then_reads_on();
    return 0;
}
