/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_bundle BUNDLE ROUNDS SEED: alters bytes, makes the CRC right again, and loads and runs what is left.
 *
 * A loader that trusts nothing either refuses the bytes or runs them inside its arena; the sanitizers watch. */
#define _POSIX_C_SOURCE 200809L
#include <string.h>

#include "bundle_file.h"
#include "kws_pipeline.h"
#include "random.h"

enum {
    MAX_ARENA_BYTES = 1 << 20,
    CRC_OFFSET = 12,
    CRC_START = 16,
    NUM_SAMPLES = 2000
};

/* Mostly the section heads, where the settings are: weights make no difference to bounds. */
static size_t random_offset(const kws_bundle_t *intact, const uint8_t *file, size_t size_bytes)
{
    const kws_span_t spans[4] = {intact->features, intact->model, intact->labels, intact->decision};
    const uint32_t choice = random_u32() % 16u;
    if (choice == 0u) {
        return random_u32() % size_bytes;
    }
    if (choice == 1u) {
        return random_u32() % 128u % size_bytes;
    }
    const kws_span_t span = spans[choice % 4u];
    const uint32_t head = span.size_bytes < 512u ? span.size_bytes : 512u;
    return (size_t)(span.data - file) + random_u32() % head;
}

static void alter(uint8_t *file, const uint8_t *original, size_t size_bytes, const kws_bundle_t *intact)
{
    static const uint8_t interesting[] = {0, 1, 2, 0x7F, 0x80, 0xFF, 3, 16, 64};
    const uint32_t count = 1u + random_u32() % 4u;
    for (uint32_t i = 0u; i < count; ++i) {
        const size_t offset = random_offset(intact, original, size_bytes);
        const uint32_t kind = random_u32() % 3u;
        if (kind == 0u) {
            file[offset] = interesting[random_u32() % sizeof interesting];
        } else if (kind == 1u) {
            file[offset] = (uint8_t)(file[offset] ^ (1u << random_u32() % 8u));
        } else {
            file[offset] = (uint8_t)random_u32();
        }
    }
    const uint32_t crc = kws_crc32(0u, file + CRC_START, size_bytes - CRC_START);
    for (uint32_t i = 0u; i < 4u; ++i) {
        file[CRC_OFFSET + i] = (uint8_t)(crc >> (8u * i));
    }
}

/* True when it was accepted and run. */
static bool run(const uint8_t *file, size_t size_bytes)
{
    kws_bundle_t bundle;
    if (kws_bundle_open(&bundle, file, size_bytes) != KWS_OK) {
        return false;
    }
    const int64_t arena_bytes = kws_pipeline_arena_bytes(&bundle);
    if (arena_bytes <= 0 || arena_bytes > MAX_ARENA_BYTES) {
        return false;
    }
    void *arena = NULL;
    CHECK(posix_memalign(&arena, 16u, (size_t)arena_bytes) == 0);
    kws_pipeline_t pipeline;
    const bool ready =
        kws_pipeline_init(&pipeline, &bundle, -1, NULL, arena, (uint32_t)arena_bytes) == KWS_OK;
    if (ready) {
        int16_t samples[NUM_SAMPLES];
        for (uint32_t i = 0u; i < NUM_SAMPLES; ++i) {
            samples[i] = (int16_t)random_u32();
        }
        for (int32_t label = kws_bundle_num_labels(&bundle) - 1; label >= 0; --label) {
            CHECK(strlen(kws_bundle_label(&bundle, (uint32_t)label)) < size_bytes);
        }
        kws_pipeline_feed(&pipeline, samples, NUM_SAMPLES);
    }
    free(arena);
    return ready;
}

int main(int argc, char **argv)
{
    CHECK(argc == 4);
    size_t size_bytes = 0u;
    uint8_t *original = read_file(argv[1], &size_bytes);
    const unsigned long rounds = strtoul(argv[2], NULL, 10);
    random_state = (uint32_t)strtoul(argv[3], NULL, 10) | 1u;
    kws_bundle_t intact;
    CHECK(kws_bundle_open(&intact, original, size_bytes) == KWS_OK);
    for (size_t cut = 0u; cut < size_bytes; cut += 1u + size_bytes / 97u) {
        CHECK(!run(original, cut)); /* truncated anywhere: refused */
    }
    void *copy = NULL;
    CHECK(posix_memalign(&copy, 16u, size_bytes) == 0);
    unsigned long accepted = 0u;
    for (unsigned long i = 0u; i < rounds; ++i) {
        memcpy(copy, original, size_bytes);
        alter(copy, original, size_bytes, &intact);
        accepted += run(copy, size_bytes) ? 1u : 0u;
    }
    printf("%lu of %lu altered bundles were accepted and ran\n", accepted, rounds);
    free(copy);
    free(original);
    return 0;
}
