/* SPDX-License-Identifier: Apache-2.0 */
/* Updates on flash made of an array: the supply is cut at every operation of two updates in a row, and every cut start is
 * looked at. test_update OLD.kws NEW.kws NEXT.kws PAGE_BYTES STRIDE (of the operations that write the bundles' words). */
#define _POSIX_C_SOURCE 200809L /* posix_memalign */
#include <string.h>

#include "bundle_file.h"
#include "kws_pipeline.h"
#include "kws_update.h"
#include "random.h"

enum {
    MAX_REGION_BYTES = 1 << 20,
    NUM_BUNDLES = 3,
    NEVER = -1
};

typedef struct {
    const uint8_t *bytes;
    uint32_t size_bytes;
    uint32_t crc32;
} file_t;

static file_t files[NUM_BUNDLES]; /* installed one after the other */
static _Alignas(16) uint8_t region[MAX_REGION_BYTES], saved[MAX_REGION_BYTES];
static uint32_t region_bytes, page_bytes, stride;
static uint32_t num_operations, num_cuts, num_updates_after;
static bool cuts_are_tried; /* at every operation; not while what follows a cut is being looked at */

/* What may run after a cut now: one of these two. */
static uint32_t before_crc32, after_crc32;

static bool erase(uint32_t offset);
static bool write(uint32_t offset, const uint32_t *words, uint32_t num_words);

static kws_flash_t flash(void)
{
    return (kws_flash_t){
        .data = region, .size_bytes = region_bytes, .page_bytes = page_bytes, .erase = erase, .write = write};
}

static uint32_t version_of(uint32_t crc32)
{
    return crc32 >> 1; /* anything, and never all ones */
}

static void install(kws_update_t *update, const file_t *file)
{
    kws_bundle_t bundle;
    CHECK_EQUAL(kws_update_begin(update, file->size_bytes, file->crc32), KWS_UPDATE_OK);
    for (uint32_t at = 0u; at < file->size_bytes; at += KWS_UPDATE_MAX_CHUNK_BYTES) {
        const uint32_t left = file->size_bytes - at;
        const uint32_t count = left < KWS_UPDATE_MAX_CHUNK_BYTES ? left : KWS_UPDATE_MAX_CHUNK_BYTES;
        CHECK_EQUAL(
            kws_update_chunk(update, at, file->bytes + at, count, kws_crc32(0u, file->bytes + at, count)),
            KWS_UPDATE_OK);
    }
    CHECK(memcmp(kws_update_received(update), file->bytes, file->size_bytes) == 0);
    CHECK_EQUAL(kws_update_write_version(update, version_of(file->crc32)), KWS_UPDATE_OK);
    CHECK_EQUAL(kws_update_finish(update, UINT32_MAX), KWS_UPDATE_OK);
    CHECK_EQUAL(kws_update_open(update, &bundle), KWS_OK);
    CHECK_EQUAL(bundle.crc32, file->crc32);
    CHECK(update->on_trial && !update->by_programmer);
    CHECK_EQUAL(kws_update_confirm(update), KWS_UPDATE_OK);
}

/* Some of the bits of a number: few or many. */
static uint32_t some_bits(uint32_t seed)
{
    const uint32_t bits = random_u32();
    switch (seed % 4u) {
    case 0: return bits & random_u32() & random_u32();
    case 1: return bits | random_u32() | random_u32();
    case 2: return seed % 8u == 2u ? 0u : UINT32_MAX; /* nothing, or all of it, was done */
    default: return bits;
    }
}

/* The supply failed in the middle of an erasure: some bits are ones already; or all were zeros first, as some controllers
 * make them. */
static void tear_page(uint32_t offset)
{
    const uint32_t kind = random_u32();
    const bool zeros_first = random_u32() % 2u == 0u;
    for (uint32_t i = 0u; i < page_bytes; i += 4u) {
        uint32_t word;
        memcpy(&word, region + offset + i, sizeof word);
        word = (zeros_first ? word & some_bits(kind) : word) | some_bits(kind);
        memcpy(region + offset + i, &word, sizeof word);
    }
}

static void tear_word(uint32_t offset, uint32_t value)
{
    uint32_t word;
    memcpy(&word, region + offset, sizeof word);
    word &= value | ~some_bits(random_u32());
    memcpy(region + offset, &word, sizeof word);
}

/* Starts twice, as a bundle on trial may run once only; then a whole update must succeed. */
static void look_at_what_is_left(bool update_too)
{
    kws_update_t update;
    kws_bundle_t bundle;
    const kws_flash_t here = flash();
    for (uint32_t start = 0u; start < 2u; ++start) {
        kws_update_init(&update, &here);
        CHECK_EQUAL(kws_update_open(&update, &bundle), KWS_OK);
        CHECK(bundle.crc32 == before_crc32 || bundle.crc32 == after_crc32);
        CHECK(kws_pipeline_arena_bytes(&bundle) > 0);
        CHECK(!update.on_trial || (start == 0u && bundle.crc32 == after_crc32));
        uint32_t version;
        CHECK(kws_update_confirmed_version(&update, &version));
        CHECK(update.on_trial || version == (update.by_programmer ? 0u : version_of(bundle.crc32)));
    }
    if (update_too) {
        ++num_updates_after;
        install(&update, &files[NUM_BUNDLES - 1u]);
        kws_update_init(&update, &here);
        CHECK_EQUAL(kws_update_open(&update, &bundle), KWS_OK);
        CHECK_EQUAL(bundle.crc32, files[NUM_BUNDLES - 1u].crc32);
        CHECK(!update.on_trial);
    }
}

/* Tries what a cut in the middle of this operation leaves behind, and then takes it back. */
static void try_cut(bool is_erasure, uint32_t offset, uint32_t value)
{
    if (!cuts_are_tried) {
        return;
    }
    ++num_operations;
    const uint32_t slot_room = kws_update_room_bytes(region_bytes, page_bytes);
    const bool in_bundle = !is_erasure && offset % (slot_room + KWS_UPDATE_TRAILER_BYTES) < slot_room;
    if (in_bundle && num_operations % stride != 0u) {
        return;
    }
    cuts_are_tried = false;
    memcpy(saved, region, region_bytes);
    const uint32_t repeats = in_bundle ? 1u : 64u; /* each tears other bits */
    for (uint32_t i = 0u; i < repeats; ++i) {
        if (is_erasure) {
            tear_page(offset);
        } else {
            tear_word(offset, value);
        }
        ++num_cuts;
        look_at_what_is_left(num_cuts % 16u == 0u);
        memcpy(region, saved, region_bytes);
    }
    cuts_are_tried = true;
}

static bool erase(uint32_t offset)
{
    CHECK_EQUAL(offset % page_bytes, 0);
    CHECK(offset < region_bytes);
    try_cut(true, offset, 0u);
    memset(region + offset, 0xFF, page_bytes);
    return true;
}

static bool write(uint32_t offset, const uint32_t *words, uint32_t num_words)
{
    CHECK_EQUAL(offset % 4u, 0);
    for (uint32_t i = 0u; i < num_words; ++i) {
        uint32_t word;
        try_cut(false, offset + 4u * i, words[i]);
        memcpy(&word, region + offset + 4u * i, sizeof word);
        word &= words[i];
        memcpy(region + offset + 4u * i, &word, sizeof word);
    }
    return true;
}

static void cuts_leave_a_whole_bundle(void)
{
    kws_update_t update;
    kws_bundle_t bundle;
    const kws_flash_t here = flash();
    memset(region, 0xFF, sizeof region);
    memcpy(region, files[0].bytes, files[0].size_bytes); /* by a programmer */
    kws_update_init(&update, &here);
    CHECK_EQUAL(kws_update_open(&update, &bundle), KWS_OK);
    CHECK(!update.on_trial && update.by_programmer);
    CHECK_EQUAL(kws_update_confirm(&update), KWS_UPDATE_OK);
    for (uint32_t i = 1u; i < NUM_BUNDLES; ++i) {
        before_crc32 = files[i - 1u].crc32;
        after_crc32 = files[i].crc32;
        cuts_are_tried = true;
        install(&update, &files[i]);
        cuts_are_tried = false;
        before_crc32 = after_crc32; /* confirmed: nothing else any more */
        memcpy(saved, region, region_bytes);
        look_at_what_is_left(false);
        memcpy(region, saved, region_bytes);
    }
}

static void a_bundle_that_is_not_confirmed_runs_once(void)
{
    kws_update_t update;
    kws_bundle_t bundle;
    const kws_flash_t here = flash();
    const uint32_t sizes[] = {files[1].size_bytes / 2u / 16u * 16u, files[1].size_bytes};
    memset(region, 0xFF, sizeof region);
    memcpy(region, files[0].bytes, files[0].size_bytes);
    kws_update_init(&update, &here);
    CHECK_EQUAL(kws_update_open(&update, &bundle), KWS_OK);
    CHECK_EQUAL(kws_update_begin(&update, files[1].size_bytes, files[1].crc32), KWS_UPDATE_OK);
    for (uint32_t at = 0u, i = 0u; i < 2u; ++i) {
        for (; at < sizes[i]; at += 16u) {
            const uint32_t crc32 = kws_crc32(0u, files[1].bytes + at, 16u);
            CHECK_EQUAL(kws_update_chunk(&update, at, files[1].bytes + at, 16u, crc32), KWS_UPDATE_OK);
            CHECK_EQUAL(kws_update_chunk(&update, at, files[1].bytes + at, 16u, crc32), KWS_UPDATE_OK);
        }
        CHECK_EQUAL(kws_update_finish(&update, UINT32_MAX), i == 0u ? KWS_UPDATE_INCOMPLETE : KWS_UPDATE_OK);
    }
    CHECK_EQUAL(kws_update_finish(&update, UINT32_MAX), KWS_UPDATE_OK);
    CHECK_EQUAL(kws_update_confirm(&update), KWS_UPDATE_NO_TRIAL);
    for (uint32_t start = 0u; start < 3u; ++start) {
        kws_update_init(&update, &here);
        CHECK_EQUAL(kws_update_open(&update, &bundle), KWS_OK);
        CHECK_EQUAL(bundle.crc32, files[start == 0u ? 1u : 0u].crc32);
        CHECK_EQUAL(update.on_trial, start == 0u);
    }
}

static void every_refusal_has_its_reason(void)
{
    kws_update_t update;
    kws_bundle_t bundle;
    const kws_flash_t here = flash();
    const file_t *file = &files[1];
    const uint32_t crc32 = kws_crc32(0u, file->bytes, 16u);
    memset(region, 0xFF, sizeof region);
    kws_update_init(&update, &here);
    CHECK_EQUAL(kws_update_open(&update, &bundle), KWS_ERROR_MAGIC);
    CHECK_EQUAL(update.running, KWS_UPDATE_NO_SLOT);
    CHECK_EQUAL(kws_update_confirm(&update), KWS_UPDATE_NO_TRIAL);
    CHECK_EQUAL(kws_update_chunk(&update, 0u, file->bytes, 16u, crc32), KWS_UPDATE_NOT_BEGUN);
    CHECK_EQUAL(kws_update_finish(&update, UINT32_MAX), KWS_UPDATE_NOT_BEGUN);
    CHECK_EQUAL(kws_update_begin(&update, 0u, 0u), KWS_UPDATE_SIZE);
    CHECK_EQUAL(kws_update_begin(&update, 40u, 0u), KWS_UPDATE_SIZE);
    const uint32_t room = kws_update_room_bytes(region_bytes, page_bytes);
    CHECK_EQUAL(kws_update_begin(&update, room + 16u, 0u), KWS_UPDATE_TOO_LARGE);
    CHECK_EQUAL(kws_update_begin(&update, file->size_bytes, file->crc32), KWS_UPDATE_OK);
    CHECK_EQUAL(kws_update_begin(&update, file->size_bytes, file->crc32), KWS_UPDATE_OK);
    CHECK_EQUAL(kws_update_chunk(&update, 0u, file->bytes, 0u, 0u), KWS_UPDATE_CHUNK_SIZE);
    CHECK_EQUAL(kws_update_chunk(&update, 0u, file->bytes, 15u, 0u), KWS_UPDATE_CHUNK_SIZE);
    CHECK_EQUAL(kws_update_chunk(&update, 0u, file->bytes, 228u, 0u), KWS_UPDATE_CHUNK_SIZE);
    CHECK_EQUAL(kws_update_chunk(&update, file->size_bytes, file->bytes, 16u, 0u), KWS_UPDATE_CHUNK_SIZE);
    CHECK_EQUAL(kws_update_chunk(&update, UINT32_MAX, file->bytes, 16u, 0u), KWS_UPDATE_CHUNK_SIZE);
    CHECK_EQUAL(kws_update_chunk(&update, 0u, file->bytes, 16u, crc32 ^ 1u), KWS_UPDATE_CHUNK_CRC);
    CHECK_EQUAL(kws_update_chunk(&update, 16u, file->bytes, 16u, crc32), KWS_UPDATE_ORDER);
    CHECK_EQUAL(kws_update_finish(&update, UINT32_MAX), KWS_UPDATE_INCOMPLETE);
    uint32_t version;
    CHECK(!kws_update_confirmed_version(&update, &version));
    install(&update, file);
    CHECK(kws_update_confirmed_version(&update, &version) && version == version_of(file->crc32));
    CHECK_EQUAL(kws_update_begin(&update, file->size_bytes, file->crc32 ^ 1u), KWS_UPDATE_OK);
    for (uint32_t at = 0u; at < file->size_bytes; at += 16u) {
        CHECK_EQUAL(
            kws_update_chunk(&update, at, file->bytes + at, 16u, kws_crc32(0u, file->bytes + at, 16u)),
            KWS_UPDATE_OK);
    }
    CHECK_EQUAL(kws_update_write_version(&update, 6u), KWS_UPDATE_OK);
    CHECK_EQUAL(kws_update_write_version(&update, 6u), KWS_UPDATE_OK);
    CHECK_EQUAL(kws_update_finish(&update, 100u), KWS_UPDATE_BUNDLE);
    CHECK_EQUAL(update.bundle_status, KWS_ERROR_ARENA);
    CHECK_EQUAL(kws_update_finish(&update, UINT32_MAX), KWS_UPDATE_OTHER);
    CHECK_EQUAL(kws_update_write_version(&update, 5u), KWS_UPDATE_NOT_BEGUN);
    CHECK_EQUAL(kws_update_finish(&update, UINT32_MAX), KWS_UPDATE_NOT_BEGUN);
}

int main(int argc, char **argv)
{
    CHECK_EQUAL(argc, 6);
    uint32_t largest = 0u;
    for (uint32_t i = 0u; i < NUM_BUNDLES; ++i) {
        size_t size;
        files[i].bytes = read_file(argv[1 + i], &size);
        files[i].size_bytes = (uint32_t)size;
        files[i].crc32 = kws_read_u32(files[i].bytes + 12);
        largest = files[i].size_bytes > largest ? files[i].size_bytes : largest;
    }
    page_bytes = (uint32_t)strtoul(argv[4], NULL, 10);
    stride = (uint32_t)strtoul(argv[5], NULL, 10);
    /* The largest fills its slot up to the trailer's page, if that can be; a page is left over. */
    region_bytes =
        (2u * ((largest + KWS_UPDATE_TRAILER_BYTES + page_bytes - 1u) / page_bytes) + 1u) * page_bytes;
    CHECK(region_bytes <= MAX_REGION_BYTES);
    every_refusal_has_its_reason();
    a_bundle_that_is_not_confirmed_runs_once();
    random_state = 7u;
    cuts_leave_a_whole_bundle();
    printf("%u operations, %u cuts, %u updates after them\n", num_operations, num_cuts, num_updates_after);
    return 0;
}
