/* SPDX-License-Identifier: Apache-2.0 */
#include "kws_update.h"

#include <string.h>

#include "kws_pipeline.h"

enum {
    VERSION_OFFSET = 24,
    TRIED_OFFSET = 32,
    CONFIRMED_OFFSET = 48,
    RECORD_WORDS = 5
};

#define ERASED 0xFFFFFFFFu

typedef struct {
    uint32_t magic;
    uint32_t sequence;
    uint32_t total_bytes;
    uint32_t crc32;
    uint32_t check; /* CRC-32 of the words before */
} record_t;

_Static_assert(sizeof(record_t) == RECORD_WORDS * sizeof(uint32_t), "a record is five words");

typedef enum {
    SLOT_WORTHLESS, /* no whole bundle */
    SLOT_TRIED,     /* a whole bundle that was begun with and not confirmed, or that has no good record */
    SLOT_UNTRIED,
    SLOT_CONFIRMED
} slot_state_t;

typedef struct {
    slot_state_t state;
    uint32_t sequence;
} slot_t;

static uint32_t slot_bytes(uint32_t region_bytes, uint32_t page_bytes)
{
    return page_bytes == 0u ? 0u : region_bytes / page_bytes / KWS_UPDATE_NUM_SLOTS * page_bytes;
}

static uint32_t slot_offset(const kws_update_t *self, uint32_t slot)
{
    return slot * slot_bytes(self->flash.size_bytes, self->flash.page_bytes);
}

static uint32_t room_bytes(const kws_update_t *self)
{
    return kws_update_room_bytes(self->flash.size_bytes, self->flash.page_bytes);
}

static uint32_t trailer_offset(const kws_update_t *self, uint32_t slot)
{
    return slot_offset(self, slot) + room_bytes(self);
}

static uint32_t word_at(const kws_update_t *self, uint32_t offset)
{
    return kws_read_u32(self->flash.data + offset);
}

/* Flash is written and read back. */
static bool write_words(kws_update_t *self, uint32_t offset, const uint32_t *words, uint32_t num_words)
{
    return self->flash.write(offset, words, num_words) &&
           memcmp(self->flash.data + offset, words, num_words * sizeof words[0]) == 0;
}

static bool is_erased(const kws_update_t *self, uint32_t offset, uint32_t num_bytes)
{
    bool erased = true;
    for (uint32_t at = 0u; at < num_bytes; at += (uint32_t)sizeof(uint32_t)) {
        erased = erased && word_at(self, offset + at) == ERASED;
    }
    return erased;
}

static bool read_record(const kws_update_t *self, uint32_t slot, record_t *record)
{
    memcpy(record, self->flash.data + trailer_offset(self, slot), sizeof *record);
    return record->magic == KWS_UPDATE_MAGIC &&
           record->check == kws_crc32(0u, record, sizeof *record - sizeof record->check);
}

static bool is_by_programmer(const kws_update_t *self, uint32_t slot)
{
    return slot == 0u && is_erased(self, trailer_offset(self, slot), KWS_UPDATE_TRAILER_BYTES);
}

static slot_t judge(const kws_update_t *self, uint32_t slot)
{
    kws_bundle_t bundle;
    record_t record;
    const uint32_t trailer = trailer_offset(self, slot);
    if (kws_bundle_open(&bundle, self->flash.data + slot_offset(self, slot), room_bytes(self)) != KWS_OK) {
        return (slot_t){.state = SLOT_WORTHLESS};
    }
    if (!read_record(self, slot, &record)) {
        return (slot_t){.state = is_by_programmer(self, slot) ? SLOT_CONFIRMED : SLOT_TRIED};
    }
    if (record.total_bytes != bundle.total_bytes || record.crc32 != bundle.crc32) {
        return (slot_t){.state = SLOT_TRIED};
    }
    const bool confirmed = word_at(self, trailer + CONFIRMED_OFFSET) == KWS_UPDATE_CONFIRMED;
    const bool untried = word_at(self, trailer + TRIED_OFFSET) == ERASED;
    return (slot_t){.state = confirmed ? SLOT_CONFIRMED
                             : untried ? SLOT_UNTRIED
                                       : SLOT_TRIED,
                    .sequence = record.sequence};
}

static void judge_all(const kws_update_t *self, slot_t *slots)
{
    for (uint32_t i = 0u; i < KWS_UPDATE_NUM_SLOTS; ++i) {
        slots[i] = judge(self, i);
    }
}

/* Of the slots in this state the newest, or KWS_UPDATE_NO_SLOT. */
static uint32_t newest(const slot_t *slots, slot_state_t state)
{
    uint32_t found = KWS_UPDATE_NO_SLOT;
    for (uint32_t i = 0u; i < KWS_UPDATE_NUM_SLOTS; ++i) {
        if (slots[i].state == state &&
            (found == KWS_UPDATE_NO_SLOT || slots[i].sequence > slots[found].sequence)) {
            found = i;
        }
    }
    return found;
}

static bool mark_tried(kws_update_t *self, uint32_t slot)
{
    const uint32_t tried = 0u;
    return write_words(self, trailer_offset(self, slot) + TRIED_OFFSET, &tried, 1u);
}

static uint32_t choose(kws_update_t *self, bool *on_trial)
{
    slot_t slots[KWS_UPDATE_NUM_SLOTS];
    judge_all(self, slots);
    const uint32_t confirmed = newest(slots, SLOT_CONFIRMED);
    const uint32_t untried = newest(slots, SLOT_UNTRIED);
    const bool is_newer =
        untried != KWS_UPDATE_NO_SLOT &&
        (confirmed == KWS_UPDATE_NO_SLOT || slots[untried].sequence > slots[confirmed].sequence);
    *on_trial = true;
    if (is_newer && mark_tried(self, untried)) {
        return untried;
    }
    *on_trial = confirmed == KWS_UPDATE_NO_SLOT;
    return *on_trial ? newest(slots, SLOT_TRIED) : confirmed;
}

uint32_t kws_update_room_bytes(uint32_t region_bytes, uint32_t page_bytes)
{
    const uint32_t bytes = slot_bytes(region_bytes, page_bytes);
    return bytes > KWS_UPDATE_TRAILER_BYTES ? bytes - KWS_UPDATE_TRAILER_BYTES : 0u;
}

void kws_update_init(kws_update_t *self, const kws_flash_t *flash)
{
    *self = (kws_update_t){.flash = *flash, .running = KWS_UPDATE_NO_SLOT, .target = KWS_UPDATE_NO_SLOT};
}

kws_status_t kws_update_open(kws_update_t *self, kws_bundle_t *bundle)
{
    self->target = KWS_UPDATE_NO_SLOT;
    self->finished = false;
    const uint32_t slot = choose(self, &self->on_trial);
    self->running = (uint8_t)slot;
    self->by_programmer = is_by_programmer(self, slot);
    /* With no bundle at all, what is wrong with the first slot is what people want to know. */
    const uint32_t offset = slot_offset(self, slot == KWS_UPDATE_NO_SLOT ? 0u : slot);
    return kws_bundle_open(bundle, self->flash.data + offset, room_bytes(self));
}

/* The slot that may be written: not that of the newest bundle that is confirmed, and where none is, not that in use. */
static uint32_t slot_to_write(const kws_update_t *self)
{
    slot_t slots[KWS_UPDATE_NUM_SLOTS];
    judge_all(self, slots);
    const uint32_t confirmed = newest(slots, SLOT_CONFIRMED);
    const uint32_t kept = confirmed != KWS_UPDATE_NO_SLOT ? confirmed : self->running;
    return kept == 0u ? 1u : 0u;
}

/* A record that is there is spoilt first: while its page is being erased, nothing of it may look like a good one. */
static bool erase_trailer(kws_update_t *self, uint32_t slot)
{
    static const uint32_t zeros[RECORD_WORDS] = {0u};
    const uint32_t trailer = trailer_offset(self, slot);
    record_t record;
    if (read_record(self, slot, &record) && !write_words(self, trailer, zeros, RECORD_WORDS)) {
        return false;
    }
    const uint32_t page = (trailer / self->flash.page_bytes) * self->flash.page_bytes;
    return self->flash.erase(page) && is_erased(self, page, self->flash.page_bytes);
}

kws_update_error_t kws_update_begin(kws_update_t *self, uint32_t total_bytes, uint32_t crc32)
{
    if (total_bytes < KWS_BUNDLE_HEADER_BYTES || total_bytes % KWS_BUNDLE_ALIGNMENT != 0u) {
        return KWS_UPDATE_SIZE;
    }
    if (total_bytes > room_bytes(self)) {
        return KWS_UPDATE_TOO_LARGE;
    }
    if (self->target != KWS_UPDATE_NO_SLOT && self->received_bytes == 0u &&
        self->total_bytes == total_bytes && self->crc32 == crc32) {
        return KWS_UPDATE_OK; /* said again, because the answer was lost */
    }
    const uint32_t slot = slot_to_write(self);
    self->target = KWS_UPDATE_NO_SLOT;
    if (!erase_trailer(self, slot)) {
        return KWS_UPDATE_FLASH_FAILED;
    }
    self->target = (uint8_t)slot;
    self->total_bytes = total_bytes;
    self->crc32 = crc32;
    self->received_bytes = 0u;
    self->finished = false;
    return KWS_UPDATE_OK;
}

/* Erases the page at offset if writing begins there; the trailer's is erased already. */
static bool prepare_page(kws_update_t *self, uint32_t offset)
{
    const uint32_t page_bytes = self->flash.page_bytes;
    const bool has_trailer = offset / page_bytes == trailer_offset(self, self->target) / page_bytes;
    return offset % page_bytes != 0u || has_trailer ||
           (self->flash.erase(offset) && is_erased(self, offset, page_bytes));
}

static bool write_chunk(kws_update_t *self, uint32_t offset, const uint8_t *bytes, uint32_t num_bytes)
{
    uint32_t words[KWS_UPDATE_MAX_CHUNK_BYTES / sizeof(uint32_t)];
    for (uint32_t done = 0u; done < num_bytes;) {
        const uint32_t page_left = self->flash.page_bytes - (offset + done) % self->flash.page_bytes;
        const uint32_t count = num_bytes - done < page_left ? num_bytes - done : page_left;
        memcpy(words, bytes + done, count);
        if (!prepare_page(self, offset + done) ||
            !write_words(self, offset + done, words, count / (uint32_t)sizeof words[0])) {
            return false;
        }
        done += count;
    }
    return true;
}

kws_update_error_t kws_update_chunk(kws_update_t *self, uint32_t offset, const uint8_t *bytes,
                                    uint32_t num_bytes, uint32_t crc32)
{
    if (self->target == KWS_UPDATE_NO_SLOT) {
        return KWS_UPDATE_NOT_BEGUN;
    }
    if (num_bytes == 0u || num_bytes > KWS_UPDATE_MAX_CHUNK_BYTES || num_bytes % sizeof(uint32_t) != 0u ||
        offset > self->total_bytes || num_bytes > self->total_bytes - offset) {
        return KWS_UPDATE_CHUNK_SIZE;
    }
    if (kws_crc32(0u, bytes, num_bytes) != crc32) {
        return KWS_UPDATE_CHUNK_CRC;
    }
    const uint32_t at = slot_offset(self, self->target) + offset;
    if (offset + num_bytes <= self->received_bytes && memcmp(self->flash.data + at, bytes, num_bytes) == 0) {
        return KWS_UPDATE_OK; /* said again, because the answer was lost */
    }
    if (offset != self->received_bytes) {
        return KWS_UPDATE_ORDER;
    }
    if (!write_chunk(self, at, bytes, num_bytes)) {
        self->target = KWS_UPDATE_NO_SLOT;
        return KWS_UPDATE_FLASH_FAILED;
    }
    self->received_bytes += num_bytes;
    return KWS_UPDATE_OK;
}

static kws_status_t check_bundle(const kws_update_t *self, uint32_t arena_bytes, kws_bundle_t *bundle)
{
    kws_status_t status =
        kws_bundle_open(bundle, self->flash.data + slot_offset(self, self->target), self->total_bytes);
    if (status == KWS_OK) {
        const int64_t needed = kws_pipeline_arena_bytes(bundle);
        status = needed<0 ? (kws_status_t)needed : needed>(int64_t) arena_bytes ? KWS_ERROR_ARENA : KWS_OK;
    }
    return status;
}

static bool write_record(kws_update_t *self)
{
    record_t record = {.magic = KWS_UPDATE_MAGIC, .total_bytes = self->total_bytes, .crc32 = self->crc32};
    for (uint32_t i = 0u; i < KWS_UPDATE_NUM_SLOTS; ++i) {
        record_t other;
        if (read_record(self, i, &other) && other.sequence > record.sequence) {
            record.sequence = other.sequence;
        }
    }
    ++record.sequence;
    record.check = kws_crc32(0u, &record, sizeof record - sizeof record.check);
    uint32_t words[RECORD_WORDS];
    memcpy(words, &record, sizeof words);
    return write_words(self, trailer_offset(self, self->target), words, RECORD_WORDS);
}

kws_update_error_t kws_update_finish(kws_update_t *self, uint32_t arena_bytes)
{
    kws_bundle_t bundle;
    if (self->target == KWS_UPDATE_NO_SLOT) {
        return KWS_UPDATE_NOT_BEGUN;
    }
    if (self->finished) {
        return KWS_UPDATE_OK;
    }
    if (self->received_bytes != self->total_bytes) {
        return KWS_UPDATE_INCOMPLETE;
    }
    self->bundle_status = check_bundle(self, arena_bytes, &bundle);
    if (self->bundle_status != KWS_OK) {
        return KWS_UPDATE_BUNDLE;
    }
    if (bundle.total_bytes != self->total_bytes || bundle.crc32 != self->crc32) {
        return KWS_UPDATE_OTHER;
    }
    self->finished = write_record(self);
    return self->finished ? KWS_UPDATE_OK : KWS_UPDATE_FLASH_FAILED;
}

kws_update_error_t kws_update_confirm(kws_update_t *self)
{
    record_t record;
    if (self->running == KWS_UPDATE_NO_SLOT || self->target != KWS_UPDATE_NO_SLOT) {
        return KWS_UPDATE_NO_TRIAL;
    }
    if (!self->on_trial) {
        return KWS_UPDATE_OK;
    }
    if (!read_record(self, self->running, &record)) {
        return KWS_UPDATE_NO_TRIAL;
    }
    const uint32_t confirmed = KWS_UPDATE_CONFIRMED;
    if (!write_words(self, trailer_offset(self, self->running) + CONFIRMED_OFFSET, &confirmed, 1u)) {
        return KWS_UPDATE_FLASH_FAILED;
    }
    self->on_trial = false;
    return KWS_UPDATE_OK;
}

const uint8_t *kws_update_received(const kws_update_t *self)
{
    return self->flash.data + slot_offset(self, self->target);
}

bool kws_update_confirmed_version(const kws_update_t *self, uint32_t *version)
{
    slot_t slots[KWS_UPDATE_NUM_SLOTS];
    record_t record;
    judge_all(self, slots);
    const uint32_t confirmed = newest(slots, SLOT_CONFIRMED);
    if (confirmed == KWS_UPDATE_NO_SLOT) {
        return false;
    }
    const uint32_t found = word_at(self, trailer_offset(self, confirmed) + VERSION_OFFSET);
    *version = read_record(self, confirmed, &record) && found != ERASED ? found : 0u;
    return true;
}

kws_update_error_t kws_update_write_version(kws_update_t *self, uint32_t version)
{
    const uint32_t offset = trailer_offset(self, self->target) + VERSION_OFFSET;
    const uint32_t written = word_at(self, offset);
    if (written != ERASED && written != version) {
        self->target = KWS_UPDATE_NO_SLOT; /* the same bytes, finished with another version before */
        return KWS_UPDATE_NOT_BEGUN;
    }
    return write_words(self, offset, &version, 1u) ? KWS_UPDATE_OK : KWS_UPDATE_FLASH_FAILED;
}
