/* SPDX-License-Identifier: Apache-2.0 */
/* test_listen BUNDLE: the application on a board with a microphone that can wake it, hosts that come and go, and noise on
 * the line. The bundle has a gate: in silence the board waits for sound. */
#define _POSIX_C_SOURCE 200809L /* posix_memalign */
#include <string.h>

#include "app.h"
#include "board_audio.h"
#include "board_of_arrays.h"
#include "bundle_file.h"
#include "kws_update.h"
#include "listen.h"
#include "loop.h"

enum {
    BLOCK_SAMPLES = 128, /* 8 ms */
    BLOCKS_PER_S = 125,
    US_PER_S = 1000000,
    BLOCK_US = US_PER_S / BLOCKS_PER_S,
    SESSION = 1
};

static app_t app;
static uint32_t now_us;
static uint32_t answers[256]; /* packets of the board, by type, since the test began */
static kws_message_error_t last_error;
static kws_message_update_result_t last_result;
static bool listening_was_announced;

/* ---- the rest of the board ---- */

static struct {
    bool runs, waits, heard_sound;
    uint32_t available; /* samples */
} microphone;
static int16_t silence[BLOCK_SAMPLES];
static bool can_wait, is_open;
static uint32_t num_rests; /* of the receiver */

uint32_t board_microseconds(void)
{
    return now_us;
}
void board_serial_rest(void)
{
    ++num_rests;
}
bool board_serial_is_open(void)
{
    return is_open;
}
bool board_audio_start(uint32_t sample_rate_hz)
{
    CHECK_EQUAL(sample_rate_hz, BLOCK_SAMPLES * BLOCKS_PER_S);
    microphone.runs = true;
    microphone.waits = false;
    microphone.available = 0u;
    return true;
}
void board_audio_stop(void)
{
    microphone.runs = false;
}
const int16_t *board_audio_peek(uint32_t *num_samples)
{
    *num_samples = microphone.available;
    return silence;
}
void board_audio_consume(uint32_t num_samples)
{
    microphone.available -= num_samples;
}
uint32_t board_audio_take_lost(void)
{
    return 0u;
}
bool board_audio_can_wait(void)
{
    return can_wait;
}
void board_audio_wait(void)
{
    microphone.waits = true;
    microphone.heard_sound = false;
}
void board_audio_end_wait(void)
{
    microphone.waits = false;
}
bool board_audio_heard_sound(void)
{
    return microphone.heard_sound;
}

/* ---- the host ---- */

static void hear_board(void)
{
    static kws_packet_reader_t reader;
    static char line[512];
    static uint32_t length;
    uint8_t byte;
    while (kws_byte_ring_read(&board_transmit_ring, &byte, 1u) == 1u) {
        const bool ends = byte == '\n' || byte == 0u; /* of a line of text, of a packet */
        line[length] = ends ? '\0' : (char)byte;
        listening_was_announced = listening_was_announced || (ends && strstr(line, ", listening") != NULL);
        length = ends ? 0u : length + 1u;
        CHECK(length < sizeof line);
        kws_packet_result_t result;
        kws_packet_reader_read(&reader, &byte, 1u, &result);
        if (result == KWS_PACKET_GOOD) {
            const uint8_t type = reader.packet.header.type;
            ++answers[type];
            memcpy(&last_error, reader.packet.payload, type == KWS_MESSAGE_ERROR ? sizeof last_error : 0u);
            memcpy(&last_result, reader.packet.payload,
                   type == KWS_MESSAGE_UPDATE_RESULT ? sizeof last_result : 0u);
        }
    }
}

static void work(void)
{
    while (loop_step(&app)) {
    }
    hear_board();
}

static void pass_blocks(uint32_t num_blocks)
{
    for (uint32_t i = 0u; i < num_blocks; ++i) {
        now_us += BLOCK_US;
        microphone.available = microphone.runs ? BLOCK_SAMPLES : 0u;
        work();
    }
}

static void pass_s(uint32_t seconds)
{
    pass_blocks(seconds * BLOCKS_PER_S);
}

static void say(uint8_t type, uint8_t session, const void *payload, uint32_t payload_bytes)
{
    kws_packet_line_t line = {.packet.header = {.type = type, .session = session}};
    if (payload_bytes > 0u) {
        memcpy(line.packet.payload, payload, payload_bytes);
    }
    const uint32_t line_bytes = kws_packet_write(&line, payload_bytes);
    CHECK_EQUAL(kws_byte_ring_write(&board_receive_ring, &line.code, line_bytes), line_bytes);
    work();
}

static void say_hello(void)
{
    const kws_message_hello_t hello = {.version = KWS_PROTOCOL_VERSION};
    const uint32_t before = answers[KWS_MESSAGE_INFO];
    say(KWS_MESSAGE_HELLO, 0u, &hello, sizeof hello);
    CHECK_EQUAL(answers[KWS_MESSAGE_INFO], before + 1u);
}

static void begin_session(uint32_t wanted)
{
    const kws_message_reset_t reset = {.operating_point = -1, .wanted = wanted};
    const uint32_t before = answers[KWS_MESSAGE_STATUS];
    say_hello();
    say(KWS_MESSAGE_RESET, SESSION, &reset, sizeof reset);
    CHECK_EQUAL(answers[KWS_MESSAGE_STATUS], before + 1u);
}

static void send_audio(uint32_t position)
{
    struct {
        kws_message_audio_t audio;
        int16_t samples[KWS_AUDIO_PACKET_SAMPLES];
    } message = {.audio.position = position};
    say(KWS_MESSAGE_AUDIO, SESSION, &message, sizeof message);
}

static void start_board(bool wakes)
{
    microphone.runs = microphone.waits = false;
    can_wait = wakes;
    is_open = true;
    app_init(&app);
    listen_alone(&app);
    CHECK_EQUAL(app.status, KWS_OK);
    hear_board();
    CHECK(listening_was_announced);
    listening_was_announced = false;
    memset(answers, 0, sizeof answers);
}

static bool is_product(void)
{
    return !app.has_host && microphone.runs;
}

/* ---- hosts that go ---- */

static void a_host_that_goes_without_a_word_is_missed_after_a_minute(void)
{
    start_board(false);
    say_hello();
    CHECK(!is_product());
    pass_s(KWS_HOST_SILENCE_S - 1u);
    say_hello();
    pass_s(KWS_HOST_SILENCE_S - 1u);
    CHECK(!is_product());
    CHECK(!listening_was_announced);
    pass_s(2u);
    CHECK(is_product());
    CHECK(listening_was_announced);

    begin_session(KWS_WANTED_SCORES);
    send_audio(0u);
    pass_s(KWS_HOST_SILENCE_S + 1u);
    CHECK(is_product());
    send_audio(KWS_AUDIO_PACKET_SAMPLES); /* so late that the board has forgotten */
    CHECK_EQUAL(last_error.error, KWS_LINK_ERROR_SESSION);
    CHECK(is_product());
}

static void an_update_whose_host_goes_is_given_up(void)
{
    start_board(false);
    const uint32_t before = app.bundle.crc32;
    const kws_message_update_begin_t update = {.total_bytes = 4096u};
    say_hello();
    say(KWS_MESSAGE_UPDATE_BEGIN, 0u, &update, sizeof update);
    CHECK_EQUAL(last_result.error, KWS_UPDATE_OK);
    pass_s(KWS_HOST_SILENCE_S + 1u);
    CHECK(is_product());
    CHECK_EQUAL(app.bundle.crc32, before);
}

static void the_microphone_runs_on_for_a_host_that_only_listens_unless_it_said_that_it_would_speak(void)
{
    start_board(false);
    begin_session(KWS_WANTED_MICROPHONE);
    pass_s(5u * KWS_HOST_SILENCE_S);
    CHECK(app.has_host);
    CHECK(microphone.runs);
    say(KWS_MESSAGE_GOODBYE, SESSION, NULL, 0u);
    CHECK(is_product());

    begin_session(KWS_WANTED_MICROPHONE | KWS_WANTED_WHILE_HOST_SPEAKS);
    for (uint32_t i = 0u; i < 5u; ++i) {
        pass_s(KWS_HOST_SILENCE_S - 1u);
        CHECK(app.has_host);
        say(KWS_MESSAGE_ACKNOWLEDGE, SESSION, NULL, 0u);
    }
    pass_s(KWS_HOST_SILENCE_S + 1u);
    CHECK(is_product());
}

static void a_closed_port_ends_a_session_soon_and_a_cable_that_slips_does_not(void)
{
    start_board(false);
    begin_session(KWS_WANTED_MICROPHONE);
    pass_s(10u); /* it merely listens */
    is_open = false;
    pass_s(2u);
    is_open = true;
    pass_s(10u);
    CHECK(app.has_host);
    is_open = false;
    pass_s(3u);
    CHECK(is_product());
}

static void only_hello_and_reset_end_the_product(void)
{
    start_board(false);
    pass_s(1u);
    const uint32_t position = app.microphone.position;
    const uint8_t zeros[KWS_PACKET_MAX_PAYLOAD_BYTES] = {0};
    for (uint32_t type = 0u; type < 256u; ++type) {
        for (uint32_t num_bytes = 0u; num_bytes <= sizeof zeros; ++num_bytes) {
            const bool greets = (type == KWS_MESSAGE_HELLO && num_bytes == sizeof(kws_message_hello_t)) ||
                                (type == KWS_MESSAGE_RESET && num_bytes == sizeof(kws_message_reset_t));
            if (!greets) {
                say((uint8_t)type, 0u, zeros, num_bytes);
                CHECK(is_product());
            }
        }
    }
    CHECK(!listening_was_announced);
    pass_s(1u);
    CHECK(app.microphone.position > position);
    const kws_message_update_begin_t update = {.total_bytes = 4096u};
    say(KWS_MESSAGE_UPDATE_BEGIN, 0u, &update, sizeof update);
    CHECK_EQUAL(last_result.error, KWS_UPDATE_NOT_BEGUN);
    CHECK_EQUAL(last_result.running_crc32, app.bundle.crc32);
    CHECK(is_product());
    begin_session(0u);
    CHECK(app.has_host);
}

/* ---- while the microphone waits for sound ---- */

static void start_waiting(void)
{
    start_board(true);
    for (uint32_t i = 0u; i < 60u && !microphone.waits; ++i) {
        pass_s(1u);
    }
    CHECK(microphone.waits);
    CHECK(!microphone.runs);
}

static void a_host_has_its_own_audio_heard_by_a_board_that_waited_for_sound(void)
{
    start_waiting();
    begin_session(KWS_WANTED_SCORES);
    CHECK(!microphone.waits); /* the line has its clock */
    uint32_t position = 0u;
    for (; position < 50u * KWS_AUDIO_PACKET_SAMPLES; position += KWS_AUDIO_PACKET_SAMPLES) {
        send_audio(position);
    }
    const kws_message_flush_t flush = {.position = position};
    say(KWS_MESSAGE_FLUSH, SESSION, &flush, sizeof flush);
    CHECK_EQUAL(app.audio.read, position);
    CHECK_EQUAL(answers[KWS_MESSAGE_DRAINED], 1);
    microphone.heard_sound = true; /* of which the host wants nothing */
    pass_s(1u);
    CHECK(!microphone.runs);
    say(KWS_MESSAGE_GOODBYE, SESSION, NULL, 0u);
    CHECK(is_product());
}

static void sound_wakes_a_board_that_waits(void)
{
    start_waiting();
    pass_s(100u);
    CHECK(microphone.waits);
    microphone.heard_sound = true;
    pass_blocks(1u);
    CHECK(is_product());
}

/* While it waits a board turns when it is woken: by its slow clock every two seconds, and by bytes. */
static void a_receiver_that_noise_has_woken_rests_again(void)
{
    start_waiting();
    const uint8_t noise = 0x55u;
    const uint32_t before = num_rests;
    CHECK_EQUAL(kws_byte_ring_write(&board_receive_ring, &noise, 1u), 1);
    work();
    CHECK_EQUAL(num_rests, before); /* there may be a host behind it */
    now_us += 2u * US_PER_S;
    work();
    CHECK_EQUAL(num_rests, before + 1u);
}

int main(int argc, char **argv)
{
    CHECK_EQUAL(argc, 2);
    size_t size_bytes;
    uint8_t *bundle = read_file(argv[1], &size_bytes);
    CHECK(size_bytes < BOARD_REGION_BYTES / 2u);
    board_load(bundle, size_bytes);
    free(bundle);
    a_host_that_goes_without_a_word_is_missed_after_a_minute();
    an_update_whose_host_goes_is_given_up();
    the_microphone_runs_on_for_a_host_that_only_listens_unless_it_said_that_it_would_speak();
    a_closed_port_ends_a_session_soon_and_a_cable_that_slips_does_not();
    only_hello_and_reset_end_the_product();
    a_host_has_its_own_audio_heard_by_a_board_that_waited_for_sound();
    sound_wakes_a_board_that_waits();
    a_receiver_that_noise_has_woken_rests_again();
    return 0;
}
