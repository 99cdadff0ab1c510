/* SPDX-License-Identifier: Apache-2.0 */
/* The application against a host that says anything: damaged bytes, and well-formed packets of any type, length and
 * contents. It must neither touch memory that is not its own (sanitizers look), nor stop answering.
 *
 *   fuzz_requests BUNDLE BYTES SEED */
#define _POSIX_C_SOURCE 200809L /* posix_memalign */
#include <string.h>

#include "app.h"
#include "board_of_arrays.h"
#include "bundle_file.h"
#include "listen.h"
#include "loop.h"
#include "random.h"

enum {
    ROUNDS_OF_A_START = 500,
    STEPS_AT_MOST = 10000
};

static app_t app;

uint32_t board_microseconds(void)
{
    static uint32_t now_us;
    return now_us += 700000u; /* wraps every few thousand turns of the loop */
}

static unsigned long num_said; /* bytes */

static uint32_t random_below(uint32_t limit)
{
    return (random_u32() >> 8) % limit;
}

static void host_says(const uint8_t *bytes, uint32_t num_bytes)
{
    CHECK_EQUAL(kws_byte_ring_write(&board_receive_ring, bytes, num_bytes), num_bytes);
    num_said += num_bytes;
}

static void host_sends(uint8_t type, uint8_t session, uint16_t number, kws_packet_line_t *line,
                       uint32_t payload_bytes)
{
    line->packet.header = (kws_packet_header_t){.type = type, .session = session, .number = number};
    const uint32_t line_bytes = kws_packet_write(line, payload_bytes);
    host_says(&line->code, line_bytes);
}

/* Runs until there is nothing to do; the answers are read and counted by type. */
static void board_works(uint32_t *answers)
{
    static kws_packet_reader_t reader;
    uint32_t steps = 0u;
    while (loop_step(&app)) {
        CHECK(++steps < STEPS_AT_MOST);
        uint8_t byte;
        while (kws_byte_ring_read(&board_transmit_ring, &byte, 1u) == 1u) {
            kws_packet_result_t result;
            kws_packet_reader_read(&reader, &byte, 1u, &result);
            CHECK(result != KWS_PACKET_BAD);
            answers[reader.packet.header.type] += result == KWS_PACKET_GOOD;
        }
    }
}

static void say_anything(void)
{
    static const uint8_t lengths[] = {0u, 1u, 3u, 4u, 5u, 6u, 7u, 8u, 9u, 244u, 245u, 246u, 248u};
    kws_packet_line_t line;
    for (uint32_t i = 0; i < KWS_PACKET_MAX_PAYLOAD_BYTES; ++i) {
        line.packet.payload[i] = (uint8_t)random_below(256u);
    }
    if (random_below(2u) == 0u) {
        memset(line.packet.payload, 0, 8u); /* small numbers reach further than random ones */
    }
    const uint8_t type = (uint8_t)(random_below(8u) == 0u ? random_below(256u) : 1u + random_below(14u));
    host_sends(type, (uint8_t)random_below(3u), (uint16_t)random_below(8u), &line,
               lengths[random_below(sizeof lengths)]);
    if (random_below(4u) == 0u) {
        host_says(line.packet.payload, random_below(KWS_PACKET_MAX_PAYLOAD_BYTES));
    }
}

/* A session with results: without one now and then a host that says anything would reach the pipeline too seldom. */
static void begin_session(void)
{
    const kws_message_reset_t reset = {.operating_point = -1, .wanted = random_below(8u)};
    const uint8_t end_of_noise = 0u;
    kws_packet_line_t line;
    memcpy(line.packet.payload, &reset, sizeof reset);
    host_says(&end_of_noise, 1u);
    host_sends(KWS_MESSAGE_RESET, (uint8_t)(1u + random_below(2u)), 0u, &line, sizeof reset);
}

/* The audio that the board waits for, from a host that has heard everything: otherwise it would soon be stuck. */
static void go_on(void)
{
    kws_packet_line_t line;
    for (uint32_t i = 0; i < KWS_PACKET_MAX_PAYLOAD_BYTES; ++i) {
        line.packet.payload[i] = (uint8_t)random_below(256u);
    }
    const uint32_t position = app.audio.written; /* AUDIO and FLUSH both begin with it */
    memcpy(line.packet.payload, &position, sizeof position);
    const uint8_t end_of_noise = 0u;
    host_says(&end_of_noise, 1u);
    const uint16_t number = app.link.outbox.next_number;
    if (random_below(8u) == 0u) {
        host_sends(KWS_MESSAGE_FLUSH, app.link.session, number, &line, sizeof(kws_message_flush_t));
    } else {
        const uint32_t num_samples = 1u + random_below(KWS_AUDIO_PACKET_SAMPLES);
        host_sends(KWS_MESSAGE_AUDIO, app.link.session, number, &line,
                   (uint32_t)(sizeof(kws_message_audio_t) + num_samples * sizeof(int16_t)));
    }
}

/* As after the supply came back, with the bundle that an update may have erased. */
static void start_board(const uint8_t *bundle, size_t size_bytes)
{
    board_load(bundle, size_bytes);
    board_receive_ring.read = board_receive_ring.written;
    board_transmit_ring.read = board_transmit_ring.written;
    app_init(&app);
    listen_alone(&app);
    CHECK_EQUAL(app.status, KWS_OK);
    board_transmit_ring.read = board_transmit_ring.written; /* a line of text */
}

static void answer_as_on_the_first_day(uint32_t *answers)
{
    const uint8_t end_of_noise = 0u;
    host_says(&end_of_noise, 1u);
    kws_packet_line_t hello = {.packet = {.payload = {KWS_PROTOCOL_VERSION}}};
    const uint32_t before = answers[KWS_MESSAGE_INFO];
    host_sends(KWS_MESSAGE_HELLO, 0u, 0u, &hello, sizeof(kws_message_hello_t));
    board_works(answers);
    CHECK_EQUAL(answers[KWS_MESSAGE_INFO], before + 1u);
}

int main(int argc, char **argv)
{
    CHECK_EQUAL(argc, 4);
    size_t size_bytes;
    uint8_t *bundle = read_file(argv[1], &size_bytes);
    CHECK(size_bytes < BOARD_REGION_BYTES / 2u);
    const unsigned long wanted = strtoul(argv[2], NULL, 10);
    random_state = (uint32_t)strtoul(argv[3], NULL, 10) | 1u;
    uint32_t answers[256] = {0};
    while (num_said < wanted) {
        start_board(bundle, size_bytes);
        for (uint32_t i = 0u; i < ROUNDS_OF_A_START && num_said < wanted; ++i) {
            const uint32_t choice = random_below(64u);
            if (choice == 0u) {
                begin_session();
            } else if (choice < 16u) {
                say_anything();
            } else {
                go_on();
            }
            board_works(answers);
        }
        answer_as_on_the_first_day(answers);
    }
    CHECK(answers[KWS_MESSAGE_ERROR] > 0u);
    CHECK(answers[KWS_MESSAGE_STATUS] > 0u);
    CHECK(answers[KWS_MESSAGE_LABEL_TEXT] > 0u);
    CHECK(answers[KWS_MESSAGE_DRAINED] > 0u);
    CHECK(answers[KWS_MESSAGE_FEATURES] > 0u);
    CHECK(answers[KWS_MESSAGE_UPDATE_RESULT] > 0u);
    printf("%lu bytes, %u frames heard\n", num_said, (unsigned)answers[KWS_MESSAGE_FEATURES]);
    free(bundle);
    return 0;
}
