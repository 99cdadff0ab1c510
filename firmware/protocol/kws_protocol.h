/* SPDX-License-Identifier: Apache-2.0 */
/* What a board and a host say to each other over a serial line. This header is the only definition: the
 * firmware includes it and Python reads it through cffi (kws/device/protocol.py). README.md beside it tells the
 * story: who speaks when, how audio is never lost, how errors are repaired.
 *
 * A message is a packet (kws_packet.h): header, payload, CRC. Payloads are the structs below, little-endian, with
 * every field on its natural boundary, so no compiler pads them (checked in kws_protocol.c).
 *
 * Sample counts on the line are modulo 2^32 and count from the last RESET. */
#ifndef KWS_PROTOCOL_H
#define KWS_PROTOCOL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    KWS_SERIAL_BAUD = 921600,
    KWS_PROTOCOL_VERSION = 5, /* boards and hosts of different versions refuse to work together */
    KWS_AUDIO_PACKET_SAMPLES =
        56, /* most samples in one AUDIO message: few, so that a small buffer holds several */
    KWS_PROTOCOL_MAX_LABELS =
        112, /* posteriors and smoothed posteriors of one decision fit one SCORES message */
    KWS_PROTOCOL_MAX_FEATURES = 240, /* values of one FEATURES message */
    KWS_HOST_SILENCE_S =
        60,                /* a board that hears no good packet for longer does what it does without a host */
    KWS_SETTLING_MS = 500, /* a microphone's first sound is not sound: thrown away after every start */
    KWS_BOARD_NAME_BYTES = 24,
    KWS_FIRMWARE_VERSION_BYTES = 16,
    KWS_LABEL_BYTES = 64, /* longest label on the line, its NUL included; longer ones are cut */
    KWS_PROTOCOL_NUM_STAGES = 5,
    KWS_UPDATE_SIGNED = 0x3155574B, /* "KWU1" */
    KWS_RECORD_BIT = 0x80           /* set in the type of every record */
};

/* Requests come from the host; each may be sent again without harm. Replies answer them, or tell of an error.
 * Records are results: numbered, and kept by the board until the host has acknowledged them. */
typedef enum {
    /* requests */
    KWS_MESSAGE_HELLO = 0x01, /* kws_message_hello_t -> INFO */
    KWS_MESSAGE_LABEL = 0x02, /* kws_message_label_t -> LABEL_TEXT */
    KWS_MESSAGE_RESET = 0x03, /* kws_message_reset_t -> STATUS; begins the session of its header */
    KWS_MESSAGE_AUDIO = 0x04, /* kws_message_audio_t, then 1 .. KWS_AUDIO_PACKET_SAMPLES int16 samples */
    KWS_MESSAGE_FLUSH = 0x05, /* kws_message_flush_t -> DRAINED record once all samples before it are heard */
    KWS_MESSAGE_POLL =
        0x06, /* -> STATUS, and every record from the header's number on again; ERROR outside its session */
    KWS_MESSAGE_ACKNOWLEDGE = 0x07, /* empty; the header says it all; no answer */
    KWS_MESSAGE_STATISTICS = 0x08,  /* empty -> STATISTICS_REPORT */
    KWS_MESSAGE_GOODBYE = 0x09,     /* empty; the board goes back to what it does without a host; no answer */
    /* a new bundle, step by step, each -> UPDATE_RESULT; HELLO, RESET and GOODBYE give it up */
    KWS_MESSAGE_UPDATE_BEGIN = 0x0A, /* kws_message_update_begin_t; the board stops listening */
    KWS_MESSAGE_UPDATE_CHUNK = 0x0B, /* kws_message_update_chunk_t, then its bytes */
    KWS_MESSAGE_UPDATE_FINISH =
        0x0C, /* empty, or kws_message_update_signature_t: all bytes are there, check them */
    KWS_MESSAGE_UPDATE_START = 0x0D,   /* empty: run the new bundle, on trial */
    KWS_MESSAGE_UPDATE_CONFIRM = 0x0E, /* empty: it is good, keep it */
    /* replies */
    KWS_MESSAGE_INFO = 0x41,              /* kws_message_info_t */
    KWS_MESSAGE_LABEL_TEXT = 0x42,        /* kws_message_label_text_t */
    KWS_MESSAGE_STATUS = 0x43,            /* kws_message_status_t; also sent whenever more audio is allowed */
    KWS_MESSAGE_STATISTICS_REPORT = 0x44, /* kws_message_statistics_t */
    KWS_MESSAGE_ERROR = 0x45,             /* kws_message_error_t */
    KWS_MESSAGE_FAULT = 0x46,         /* kws_message_fault_t: the processor gave up; it restarts after this */
    KWS_MESSAGE_UPDATE_RESULT = 0x47, /* kws_message_update_result_t */
    /* records */
    KWS_MESSAGE_EVENT = 0x81, /* kws_message_event_t */
    KWS_MESSAGE_SCORES =
        0x82, /* kws_message_scores_t, then num_labels posteriors, then num_labels smoothed */
    KWS_MESSAGE_FEATURES = 0x83, /* kws_message_features_t, then num_features int8 values */
    KWS_MESSAGE_DRAINED = 0x84,  /* kws_message_drained_t */
    KWS_MESSAGE_HEARD = 0x85 /* kws_message_heard_t, then the int16 samples that the pipeline is given next */
} kws_message_type_t;

typedef struct {
    uint16_t version;
    uint16_t reserved;
} kws_message_hello_t;

/* Why a board started: as board_reset_t. */
typedef enum {
    KWS_RESET_UNKNOWN = 0,
    KWS_RESET_POWER = 1,
    KWS_RESET_PIN = 2,
    KWS_RESET_SOFTWARE = 3,
    KWS_RESET_WATCHDOG = 4,
    KWS_RESET_LOCKUP = 5
} kws_reset_t;

typedef struct {
    uint32_t exception; /* the processor's number of it */
    uint32_t status;    /* the processor's fault status register */
    uint32_t pc;        /* where; 0 = unknown */
    uint32_t lr;
} kws_message_fault_t;

/* Bits of kws_message_info_t.features. */
enum {
    KWS_BOARD_WANTS_SIGNATURES =
        1 /* it takes no bundle over its line that is not signed with the key it was built with */
};

typedef struct {
    uint16_t version; /* stays first in every version */
    uint16_t reserved;
    uint32_t clock_hz;     /* of every cycle count */
    uint32_t bundle_crc32; /* names the bundle */
    int32_t bundle_status; /* kws_status_t; when negative the board has nothing to run and the rest is 0 */
    uint32_t arena_bytes;  /* that the board has */
    uint32_t arena_needed_bytes;
    uint32_t static_bytes; /* RAM of data and buffers, without stack and arena; 0 = unknown */
    uint32_t sample_rate_hz;
    uint16_t window_samples;
    uint16_t hop_samples;
    uint16_t num_features;
    uint16_t num_labels;
    char board[KWS_BOARD_NAME_BYTES];          /* NUL-terminated */
    uint32_t reset;                            /* kws_reset_t of this start */
    kws_message_fault_t fault;                 /* what ended the run before; exception 0 = none */
    uint32_t uptime_s;                         /* since this start */
    uint32_t features;                         /* KWS_BOARD_... */
    char firmware[KWS_FIRMWARE_VERSION_BYTES]; /* its version, NUL-terminated */
} kws_message_info_t;

typedef struct {
    uint32_t index;
} kws_message_label_t;

typedef struct {
    uint32_t index;
    char text[KWS_LABEL_BYTES]; /* UTF-8, NUL-terminated */
} kws_message_label_text_t;

/* Bits of kws_message_reset_t.wanted; events and DRAINED always come. */
enum {
    KWS_WANTED_SCORES = 1,
    KWS_WANTED_FEATURES = 2,
    KWS_WANTED_TIMES = 4, /* of each stage in STATISTICS: looking at the clock costs cycles too */
    /* The board hears its own microphone instead of AUDIO. Sound does not wait for acknowledgements: records are sent
     * once; where the line is too slow for them sound is lost, and counted. A board without a microphone says
     * KWS_ERROR_UNSUPPORTED. */
    KWS_WANTED_MICROPHONE = 8,
    KWS_WANTED_SOUND = 16, /* HEARD, with KWS_WANTED_MICROPHONE: what it hears */
    /* With KWS_WANTED_MICROPHONE: while it runs the host says something far more often than every KWS_HOST_SILENCE_S, so
     * its silence means that it is gone. Without this the microphone runs on for a host that merely listens. */
    KWS_WANTED_WHILE_HOST_SPEAKS = 32
};

typedef struct {
    int32_t operating_point; /* index, or negative for the bundle's default */
    uint32_t wanted;         /* KWS_WANTED_... */
} kws_message_reset_t;

typedef struct {
    uint32_t position; /* samples sent before this message's first one */
} kws_message_audio_t;

typedef struct {
    uint32_t position; /* samples sent in all */
} kws_message_flush_t;

typedef struct {
    uint32_t token; /* comes back in the STATUS: all that was sent before the POLL is accounted for in it */
} kws_message_poll_t;

typedef struct {
    uint32_t total_bytes;
    uint32_t bundle_crc32; /* in its header */
} kws_message_update_begin_t;

typedef struct {
    uint32_t offset; /* of these bytes in the bundle */
    uint32_t crc32;  /* kws_crc32 of these bytes */
} kws_message_update_chunk_t;

/* What is signed is this, and the bundle behind it. */
typedef struct {
    uint32_t magic;   /* KWS_UPDATE_SIGNED */
    uint32_t version; /* a board takes none that is lower than the one it has confirmed */
} kws_update_signed_t;

typedef struct {
    uint32_t version;
    uint8_t signature[64]; /* Ed25519 */
} kws_message_update_signature_t;

typedef struct {
    uint32_t request;        /* the message that is answered */
    uint32_t error;          /* kws_update_error_t */
    int32_t bundle_status;   /* kws_status_t, with KWS_UPDATE_BUNDLE */
    uint32_t received_bytes; /* of the new bundle, in flash */
    uint32_t room_bytes;     /* the largest bundle there is room for */
    uint32_t running_crc32;  /* the bundle that runs; 0: none, as while one is being written */
    uint32_t on_trial;       /* 1: it is not confirmed, and runs this once */
} kws_message_update_result_t;

typedef struct {
    int32_t status;            /* kws_status_t of the last RESET */
    uint32_t poll_token;       /* of the last POLL */
    uint32_t accepted_samples; /* arrived in order; the host may forget them */
    uint32_t allowed_samples;  /* the host may send up to here and not beyond */
    uint32_t consumed_samples; /* heard by the pipeline */
    uint32_t bad_packets;      /* packets that failed the CRC, since the board started */
    uint32_t overruns; /* bytes that came while the receive buffer was full, since the board started */
    uint32_t resend;   /* 1: something was lost, send again from accepted_samples on */
} kws_message_status_t;

/* Since the last RESET; cycles of the clock of kws_message_info_t. */
typedef struct {
    uint64_t stage_cycles[KWS_PROTOCOL_NUM_STAGES]; /* index: kws_stage_t */
    uint64_t busy_cycles;                           /* everything outside sleep, serial line included */
    uint32_t stage_calls[KWS_PROTOCOL_NUM_STAGES];
    uint32_t stage_peak_cycles[KWS_PROTOCOL_NUM_STAGES]; /* the longest call */
    uint32_t frames;                                     /* heard or slept through */
    uint32_t gated_frames;                               /* of them, those with the gate closed */
    uint32_t sleeps;
    uint32_t stack_peak_bytes; /* since the board started; 0 = unknown */
} kws_message_statistics_t;

typedef enum {
    KWS_LINK_ERROR_MESSAGE = 1, /* a type this board does not know; detail: the type */
    KWS_LINK_ERROR_LENGTH = 2,  /* a payload of the wrong size; detail: the type */
    KWS_LINK_ERROR_SESSION =
        3, /* audio for a session that is not running, as after a restart; detail: the running one */
    KWS_LINK_ERROR_LABEL = 4 /* no such label; detail: the index */
} kws_link_error_t;

typedef struct {
    uint32_t error; /* kws_link_error_t */
    uint32_t detail;
} kws_message_error_t;

typedef struct {
    uint64_t sample_index; /* kws_event_t */
    uint8_t label;
    uint8_t score;
    uint8_t reserved[6];
} kws_message_event_t;

typedef struct {
    uint64_t sample_index; /* kws_scores_t */
    uint32_t frame_index;
    uint8_t num_labels;
    uint8_t reserved[3];
} kws_message_scores_t;

typedef struct {
    uint32_t frame_index;
} kws_message_features_t;

typedef struct {
    uint32_t position; /* that of the FLUSH */
    uint32_t crc32;    /* kws_crc32 of all samples since RESET, as they went into the pipeline */
} kws_message_drained_t;

typedef struct {
    uint32_t position; /* of the first sample in the stream that the pipeline hears */
    uint32_t
        lost; /* samples right before it that the microphone gave and nobody took; the stream counts them */
} kws_message_heard_t;

#ifdef __cplusplus
}
#endif

#endif
