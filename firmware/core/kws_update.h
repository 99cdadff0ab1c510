/* SPDX-License-Identifier: Apache-2.0 */
/* A new bundle over the line, in a region of flash with two slots: one is kept while the other is written. Whenever the
 * supply fails, the next start finds a bundle that was whole.
 *
 *   region   slot 0, slot 1: as many whole pages each; a page left over at the end is not used
 *   slot     the bundle, from its first byte on; the last KWS_UPDATE_TRAILER_BYTES are the trailer
 *   trailer  offset 0   record: magic, sequence, total_bytes and crc32 of the bundle, CRC-32 of these four words
 *            offset 24  version: a word, all ones where none was asked for
 *            offset 32  tried: a word, anything but ones once a start with this bundle was begun
 *            offset 48  confirmed: the word KWS_UPDATE_CONFIRMED once such a start was found good
 *
 * The record is written when the whole bundle is in flash and was found good. A start takes the newest bundle that is
 * confirmed, or one that is newer and was not tried yet: that one is marked as tried first, so that it is tried once
 * unless it is confirmed. A bundle without a trailer in slot 0 was put there by a programmer (`kws flash`): it is
 * confirmed and older than all others. Where nothing is confirmed, any whole bundle is better than none.
 *
 * Words of the record are written twice at most between two erasures, all others once: the nRF52840 allows no more. */
#ifndef KWS_UPDATE_H
#define KWS_UPDATE_H

#include <stdbool.h>
#include <stdint.h>

#include "kws_bundle.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    KWS_UPDATE_NUM_SLOTS = 2,
    KWS_UPDATE_NO_SLOT = KWS_UPDATE_NUM_SLOTS,
    KWS_UPDATE_TRAILER_BYTES = 64,
    KWS_UPDATE_MAX_CHUNK_BYTES = 224 /* a multiple of 16 */
};

#define KWS_UPDATE_MAGIC     0x3154574Bu /* "KWT1" */
#define KWS_UPDATE_CONFIRMED 0x600DF00Du

/* Flash as its board has it. Offsets count from data, in bytes. Both functions return when it is done; false: the
 * controller says that it failed. */
typedef struct {
    const uint8_t *data; /* where the processor reads it, aligned to KWS_BUNDLE_ALIGNMENT */
    uint32_t size_bytes;
    uint32_t page_bytes;            /* what is erased at a time, to ones */
    bool (*erase)(uint32_t offset); /* of a page */
    bool (*write)(uint32_t offset, const uint32_t *words, uint32_t num_words); /* ones become zeros */
} kws_flash_t;

/* Why a step of an update is refused. */
typedef enum {
    KWS_UPDATE_OK = 0,
    KWS_UPDATE_NO_FLASH = 1,     /* this board cannot write its flash */
    KWS_UPDATE_SIZE = 2,         /* no bundle has this size: not a multiple of 16, or nothing */
    KWS_UPDATE_TOO_LARGE = 3,    /* for a slot */
    KWS_UPDATE_NOT_BEGUN = 4,    /* no update is going on: begin it */
    KWS_UPDATE_CHUNK_SIZE = 5,   /* empty, longer than a chunk may be, not whole words, or beyond the end */
    KWS_UPDATE_CHUNK_CRC = 6,    /* damaged on its way */
    KWS_UPDATE_ORDER = 7,        /* bytes before it are missing, or it differs from what was written there */
    KWS_UPDATE_FLASH_FAILED = 8, /* flash does not hold what was written to it */
    KWS_UPDATE_INCOMPLETE = 9,   /* bytes are missing at the end */
    KWS_UPDATE_BUNDLE =
        10, /* it is whole, but no bundle that this board can run; see the kws_status_t beside it */
    KWS_UPDATE_OTHER = 11,    /* a good bundle, but not the one announced */
    KWS_UPDATE_NO_TRIAL = 12, /* nothing to confirm: no bundle runs on trial */
    KWS_UPDATE_TWO = 13,      /* the board runs two bundles, and an update would lose one */
    /* of boards that take signed bundles only */
    KWS_UPDATE_UNSIGNED = 14, /* no signature came with it */
    KWS_UPDATE_SIGNATURE =
        15,                /* it was not made with the board's key, or for other bytes or another version */
    KWS_UPDATE_OLDER = 16, /* its version is lower than that of a bundle that was confirmed */
    KWS_UPDATE_FIRST = 17  /* no bundle is confirmed: the first one comes by a programmer */
} kws_update_error_t;

typedef struct {
    kws_flash_t flash;
    kws_status_t bundle_status; /* with KWS_UPDATE_BUNDLE */
    uint32_t total_bytes;       /* of the bundle that is being written */
    uint32_t crc32;
    uint32_t received_bytes; /* of it, in flash */
    uint8_t running;         /* slot of the bundle in use, or KWS_UPDATE_NO_SLOT */
    uint8_t target;          /* slot being written, or KWS_UPDATE_NO_SLOT */
    bool on_trial;           /* the bundle in use is not confirmed */
    bool by_programmer;      /* it was not updated; what a programmer wrote behind it is there too */
    bool finished;           /* the target has its record */
} kws_update_t;

/* The largest bundle that fits a slot; 0 when the region has no room for two. */
uint32_t kws_update_room_bytes(uint32_t region_bytes, uint32_t page_bytes);

void kws_update_init(kws_update_t *self, const kws_flash_t *flash);

/* At every start: chooses the bundle to run and opens it. Ends an update that was going on. */
kws_status_t kws_update_open(kws_update_t *self, kws_bundle_t *bundle);

/* Makes room for a bundle of total_bytes with this checksum in its header. No bundle of this region may be in use any
 * more. What was confirmed last is kept. */
kws_update_error_t kws_update_begin(kws_update_t *self, uint32_t total_bytes, uint32_t crc32);

/* The next bytes of it; crc32 is that of the chunk. A chunk that is already there is taken again. */
kws_update_error_t kws_update_chunk(kws_update_t *self, uint32_t offset, const uint8_t *bytes,
                                    uint32_t num_bytes, uint32_t crc32);

/* All bytes are there: checks the bundle, and that it needs no more than arena_bytes; the next kws_update_open tries
 * it. */
kws_update_error_t kws_update_finish(kws_update_t *self, uint32_t arena_bytes);

/* The bundle in use is good: from now on it is the one to keep. */
kws_update_error_t kws_update_confirm(kws_update_t *self);

/* ---- for boards that take signed bundles only; others link none of it ---- */

/* The bytes that have come, in flash. */
const uint8_t *kws_update_received(const kws_update_t *self);

/* The version of the bundle that was confirmed last, the highest of all that were; 0: it came without one. False:
 * none is confirmed. */
bool kws_update_confirmed_version(const kws_update_t *self, uint32_t *version);

/* Before kws_update_finish: the version of the bundle that was written. */
kws_update_error_t kws_update_write_version(kws_update_t *self, uint32_t version);

#ifdef __cplusplus
}
#endif

#endif
