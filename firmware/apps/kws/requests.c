/* SPDX-License-Identifier: Apache-2.0 */
#include "requests.h"

#include <string.h>

#include "board.h"
#include "kws.h"
#include "listen.h"
#include "trust.h"
#include "update.h"

enum {
    /* Kept free of audio in the receive buffer, for requests that come on top of it. */
    REQUEST_RESERVE_BYTES = 128,
    AUDIO_LINE_BYTES = KWS_PACKET_HEADER_BYTES + sizeof(kws_message_audio_t) +
        KWS_AUDIO_PACKET_SAMPLES * sizeof(int16_t) + KWS_PACKET_CRC_BYTES + 2,
    /* A STATUS tells of this much more room, not of less: one for two messages of audio. */
    STATUS_SAMPLES = 2 * KWS_AUDIO_PACKET_SAMPLES
};

typedef struct {
    const uint8_t *payload;
    uint32_t payload_bytes;
    kws_packet_header_t header;
} request_t;

_Static_assert(KWS_RESET_POWER == (int)BOARD_RESET_POWER && KWS_RESET_PIN == (int)BOARD_RESET_PIN &&
                   KWS_RESET_SOFTWARE == (int)BOARD_RESET_SOFTWARE &&
                   KWS_RESET_WATCHDOG == (int)BOARD_RESET_WATCHDOG &&
                   KWS_RESET_LOCKUP == (int)BOARD_RESET_LOCKUP,
               "told as they are");

/* The host may send up to here: what fits the audio ring, and, while the pipeline keeps the main loop from
 * looking, the buffer that the interrupt fills. */
static uint32_t allowed_samples(const app_t *self)
{
    const uint32_t line_packets = (board_serial_receive_bytes() - REQUEST_RESERVE_BYTES) / AUDIO_LINE_BYTES;
    const uint32_t by_line = self->audio.written + line_packets * KWS_AUDIO_PACKET_SAMPLES;
    const uint32_t by_ring = self->audio.read + self->audio.capacity_samples;
    return (int32_t)(by_line - by_ring) < 0 ? by_line : by_ring;
}

static void send_error(const app_t *self, kws_link_error_t error, uint32_t detail)
{
    const kws_message_error_t message = {.error = (uint32_t)error, .detail = detail};
    kws_link_send(&self->link, KWS_MESSAGE_ERROR, &message, sizeof message);
}

static void send_status(app_t *self)
{
    self->told_allowed = allowed_samples(self);
    const kws_message_status_t message = {.status = self->status,
                                          .poll_token = self->poll_token,
                                          .accepted_samples = self->audio.written,
                                          .allowed_samples = self->told_allowed,
                                          .consumed_samples = self->audio.read,
                                          .bad_packets = self->link.bad_packets,
                                          .overruns = board_serial_overruns(),
                                          .resend = self->resend_due ? 1u : 0u};
    self->status_due = false;
    self->resend_due = false;
    kws_link_send(&self->link, KWS_MESSAGE_STATUS, &message, sizeof message);
}

/* to is all zeros; what does not fit with a NUL is cut. */
static void copy_text(char *to, const char *from, uint32_t to_bytes)
{
    for (uint32_t i = 0; i + 1u < to_bytes && from[i] != '\0'; ++i) {
        to[i] = from[i];
    }
}

static void serve_hello(app_t *self, const request_t *request)
{
    (void)request; /* the host compares versions: it knows how to say what to do about them */
    if (self->updating) {
        app_start(self, -1); /* a new host, after one that left in the middle of an update */
    }
    kws_message_info_t message = {.version = KWS_PROTOCOL_VERSION,
                                  .clock_hz = board_clock_hz(),
                                  .bundle_crc32 = self->bundle.crc32,
                                  .bundle_status = self->status,
                                  .arena_bytes = board_arena().size_bytes,
                                  .arena_needed_bytes = self->arena_needed_bytes,
                                  .static_bytes = board_static_bytes(),
                                  .reset = (uint32_t)self->reset,
                                  .uptime_s = self->uptime_s,
                                  .features = trust_wants_signatures() ? KWS_BOARD_WANTS_SIGNATURES : 0u};
    if (self->has_fault) {
        message.fault = (kws_message_fault_t){.exception = self->fault.exception,
                                              .status = self->fault.status,
                                              .pc = self->fault.pc,
                                              .lr = self->fault.lr};
    }
    copy_text(message.board, board_name(), sizeof message.board);
    copy_text(message.firmware, KWS_VERSION, sizeof message.firmware);
    if (self->status == KWS_OK) {
        message.sample_rate_hz = self->cascade.pipeline.features_config.sample_rate_hz;
        message.window_samples = self->cascade.pipeline.features_config.window_samples;
        message.hop_samples = self->cascade.pipeline.features_config.hop_samples;
        message.num_features = self->cascade.pipeline.features_config.num_features;
        message.num_labels = self->cascade.pipeline.decision_config.num_labels;
    }
    kws_link_send(&self->link, KWS_MESSAGE_INFO, &message, sizeof message);
}

static void serve_label(app_t *self, const request_t *request)
{
    kws_message_label_t label;
    memcpy(&label, request->payload, sizeof label);
    const char *text = self->status == KWS_OK ? kws_bundle_label(&self->bundle, label.index) : NULL;
    if (text == NULL) {
        send_error(self, KWS_LINK_ERROR_LABEL, label.index);
        return;
    }
    kws_message_label_text_t message = {.index = label.index};
    copy_text(message.text, text, sizeof message.text);
    kws_link_send(&self->link, KWS_MESSAGE_LABEL_TEXT, &message, sizeof message);
}

static void serve_reset(app_t *self, const request_t *request)
{
    kws_message_reset_t reset;
    memcpy(&reset, request->payload, sizeof reset);
    if (request->header.session == self->link.session) { /* sent again: the answer was late or lost */
        send_status(self);
        return;
    }
    kws_link_begin_session(&self->link, request->header.session);
    listen_stop(self);
    self->wanted = reset.wanted;
    app_start(self, reset.operating_point);
    if ((reset.wanted & KWS_WANTED_MICROPHONE) != 0u && self->status == KWS_OK && !listen_start(self)) {
        self->status = KWS_ERROR_UNSUPPORTED; /* until the next RESET */
    }
    send_status(self);
}

static bool session_runs(const app_t *self, const request_t *request)
{
    return self->has_host && self->status == KWS_OK && request->header.session == self->link.session;
}

static void serve_audio(app_t *self, const request_t *request)
{
    kws_message_audio_t audio;
    memcpy(&audio, request->payload, sizeof audio);
    int16_t samples[KWS_AUDIO_PACKET_SAMPLES];
    const uint32_t num_samples =
        (request->payload_bytes - (uint32_t)sizeof audio) / (uint32_t)sizeof samples[0];
    memcpy(samples, request->payload + sizeof audio, num_samples * sizeof samples[0]);

    /* Sent again after a loss, a message may overlap what was accepted; beyond that there is a gap. */
    const uint32_t known = self->audio.written - audio.position;
    const bool gap = (int32_t)known < 0;
    uint32_t stored = 0u;
    if (!gap && known < num_samples) {
        stored = kws_audio_ring_write(&self->audio, samples + known, num_samples - known);
    }
    const bool lost = gap || (known < num_samples && stored < num_samples - known);
    if (lost && !self->gap_told) {
        self->status_due = true;
        self->resend_due = true;
    }
    self->gap_told = lost;
}

static void serve_flush(app_t *self, const request_t *request)
{
    kws_message_flush_t flush;
    memcpy(&flush, request->payload, sizeof flush);
    if (flush.position == self->audio.written) {
        self->flush_due = true;
        self->flush_position = flush.position;
    } else {
        self->status_due = true;
        self->resend_due = true;
    }
}

static void serve_poll(app_t *self, const request_t *request)
{
    kws_message_poll_t poll;
    memcpy(&poll, request->payload, sizeof poll);
    self->poll_token = poll.token;
    kws_outbox_rewind(&self->link.outbox);
    self->status_due = true;
}

static void serve_acknowledge(app_t *self, const request_t *request)
{
    (void)self; /* kws_link_receive has read the header */
    (void)request;
}

static void serve_goodbye(app_t *self, const request_t *request)
{
    (void)request;
    if (self->has_host) {
        listen_alone(self);
    }
}

static void serve_statistics(app_t *self, const request_t *request)
{
    (void)request;
    kws_message_statistics_t message;
    statistics_write(&self->statistics, &message);
    message.frames = self->cascade.pipeline.frame_index;
    message.gated_frames = self->cascade.pipeline.gated_frames;
    kws_link_send(&self->link, KWS_MESSAGE_STATISTICS_REPORT, &message, sizeof message);
}

static void serve_update(app_t *self, const request_t *request)
{
    update_serve(self, request->header.type, request->payload, request->payload_bytes);
}

typedef struct {
    uint8_t type;
    enum {
        ANY_TIME,
        GREETING,   /* a host begins with it, and from now on there is one */
        IN_SESSION, /* means something only to the session of its header */
    } when;
    uint16_t min_bytes;
    uint16_t max_bytes;
    void (*serve)(app_t *self, const request_t *request);
} service_t;

enum {
    AUDIO_MIN_BYTES = sizeof(kws_message_audio_t) + sizeof(int16_t)
};
enum {
    AUDIO_MAX_BYTES = sizeof(kws_message_audio_t) + KWS_AUDIO_PACKET_SAMPLES * sizeof(int16_t)
};

enum {
    CHUNK_MIN_BYTES = sizeof(kws_message_update_chunk_t),
    CHUNK_MAX_BYTES = KWS_PACKET_MAX_PAYLOAD_BYTES
};

#define EXACTLY(type) sizeof(type), sizeof(type)

static const service_t services[] = {
    {KWS_MESSAGE_HELLO, GREETING, EXACTLY(kws_message_hello_t), serve_hello},
    {KWS_MESSAGE_LABEL, ANY_TIME, EXACTLY(kws_message_label_t), serve_label},
    {KWS_MESSAGE_RESET, GREETING, EXACTLY(kws_message_reset_t), serve_reset},
    {KWS_MESSAGE_AUDIO, IN_SESSION, AUDIO_MIN_BYTES, AUDIO_MAX_BYTES, serve_audio},
    {KWS_MESSAGE_FLUSH, IN_SESSION, EXACTLY(kws_message_flush_t), serve_flush},
    {KWS_MESSAGE_POLL, IN_SESSION, EXACTLY(kws_message_poll_t), serve_poll},
    {KWS_MESSAGE_ACKNOWLEDGE, ANY_TIME, 0, 0, serve_acknowledge},
    {KWS_MESSAGE_STATISTICS, ANY_TIME, 0, 0, serve_statistics},
    {KWS_MESSAGE_GOODBYE, ANY_TIME, 0, 0, serve_goodbye},
    {KWS_MESSAGE_UPDATE_BEGIN, ANY_TIME, EXACTLY(kws_message_update_begin_t), serve_update},
    {KWS_MESSAGE_UPDATE_CHUNK, ANY_TIME, CHUNK_MIN_BYTES, CHUNK_MAX_BYTES, serve_update},
    {KWS_MESSAGE_UPDATE_FINISH, ANY_TIME, 0, sizeof(kws_message_update_signature_t), serve_update},
    {KWS_MESSAGE_UPDATE_START, ANY_TIME, 0, 0, serve_update},
    {KWS_MESSAGE_UPDATE_CONFIRM, ANY_TIME, 0, 0, serve_update},
};

/* From now on there is a host, and no more lines of text. */
static void greet(app_t *self)
{
    if (!self->has_host) {
        listen_stop(self);
        self->has_host = true;
    }
}

static void serve_request(app_t *self, const request_t *request)
{
    const uint8_t type = request->header.type;
    for (uint32_t i = 0; i < sizeof services / sizeof services[0]; ++i) {
        const service_t *service = &services[i];
        if (service->type != type) {
            continue;
        }
        if (request->payload_bytes < service->min_bytes || request->payload_bytes > service->max_bytes) {
            send_error(self, KWS_LINK_ERROR_LENGTH, type);
        } else if (service->when == IN_SESSION && !session_runs(self, request)) {
            send_error(self, KWS_LINK_ERROR_SESSION, self->link.session);
        } else {
            if (service->when == GREETING) {
                greet(self);
            }
            service->serve(self, request);
        }
        return;
    }
    send_error(self, KWS_LINK_ERROR_MESSAGE, type);
}

bool requests_serve(app_t *self)
{
    if (!kws_link_can_send()) {
        return false; /* every request may need an answer: it waits until there is room for one */
    }
    const bool in_session = self->link.session != 0u && self->status == KWS_OK;
    if (self->status_due || (in_session && allowed_samples(self) - self->told_allowed >= STATUS_SAMPLES)) {
        send_status(self);
        return true;
    }
    const kws_packet_result_t result = kws_link_receive(&self->link);
    if (result == KWS_PACKET_GOOD) {
        self->heard_s = self->uptime_s;
        if (!self->has_host) {
            const uint8_t end_of_text = 0u; /* a line of text in front of an answer would spoil it */
            board_serial_write(&end_of_text, 1);
        }
        const request_t request = {.payload = self->link.reader.packet.payload,
                                   .payload_bytes = self->link.reader.payload_bytes,
                                   .header = self->link.reader.packet.header};
        serve_request(self, &request);
    } else if (result == KWS_PACKET_BAD && self->has_host) {
        self->status_due = true;
        self->resend_due = true;
    }
    return result != KWS_PACKET_NONE;
}
