/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_model SECTION ROUNDS SEED: alters bytes of a MODL section, mostly of its layer table, and runs what is left.
 *
 * kws_model_read either refuses the bytes, or the engine runs them for two windows inside exactly the memory it
 * asked for; the sanitizers watch. */
#define _POSIX_C_SOURCE 200809L
#include <string.h>

#include "bundle_file.h"
#include "kws_model.h"
#include "random.h"

enum {
    HEADER_BYTES = 32,
    MAX_MEMORY_BYTES = 1 << 20,
    MAX_WORK = 20000000
};

static void alter(uint8_t *section, size_t size_bytes)
{
    static const uint8_t interesting[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 16, 64, 0x7F, 0x80, 0xFF};
    const size_t table_end = HEADER_BYTES + kws_read_u16(section) * sizeof(kws_model_layer_t);
    const uint32_t count = 1u + random_u32() % 3u;
    for (uint32_t i = 0u; i < count; ++i) {
        const size_t end = (random_u32() % 4u == 0u || table_end > size_bytes) ? size_bytes : table_end;
        const size_t offset = random_u32() % end;
        switch (random_u32() % 4u) {
        case 0: section[offset] = interesting[random_u32() % sizeof interesting]; break;
        case 1: section[offset] = (uint8_t)(section[offset] ^ (1u << random_u32() % 8u)); break;
        case 2: section[offset] = (uint8_t)(section[offset] + 1u); break;
        default: section[offset] = (uint8_t)random_u32(); break;
        }
    }
}

/* Products per window, capped: a well-formed section may ask for days of work. */
static uint64_t work(const kws_model_config_t *config)
{
    uint64_t sum = 0u;
    for (uint32_t i = 0u; i < config->num_layers; ++i) {
        const kws_model_layer_t *layer = &config->layers[i];
        sum += (uint64_t)layer->output_height * layer->output_width * layer->output_channels *
               layer->kernel_height * layer->kernel_width * layer->input_channels;
    }
    return sum;
}

static void *allocate(size_t size_bytes)
{
    void *memory = NULL;
    CHECK(posix_memalign(&memory, 16u, size_bytes + (size_bytes == 0u)) == 0);
    return memory;
}

static void run_frames(kws_model_t *model, const kws_model_config_t *config)
{
    int8_t *frame = allocate(config->num_features);
    uint8_t *posteriors = allocate(config->num_labels);
    uint32_t num_decisions = 0u;
    const uint32_t num_frames = 2u * config->window_frames;
    for (uint32_t i = 0u; i < num_frames; ++i) {
        for (uint32_t k = 0u; k < config->num_features; ++k) {
            frame[k] = (int8_t)random_u32();
        }
        num_decisions += kws_model_step(model, frame, posteriors) ? 1u : 0u;
    }
    CHECK(num_decisions > 0u);
    free(posteriors);
    free(frame);
}

/* True when the section was accepted and run. */
static bool run(const uint8_t *section, size_t size_bytes)
{
    kws_model_config_t config;
    if (kws_model_read(&config, (kws_span_t){section, (uint32_t)size_bytes}) != KWS_OK) {
        return false;
    }
    kws_model_t model;
    kws_arena_t counter;
    kws_arena_init(&counter, NULL, 0u);
    CHECK_EQUAL(kws_model_init(&model, &config, &counter, NULL), KWS_OK);
    const uint32_t state_bytes = counter.used_bytes;
    const uint32_t scratch_bytes = kws_model_scratch_bytes(&config);
    if (state_bytes > MAX_MEMORY_BYTES || scratch_bytes > MAX_MEMORY_BYTES || work(&config) > MAX_WORK) {
        return false;
    }
    void *state = allocate(state_bytes);
    void *scratch = allocate(scratch_bytes);
    kws_arena_t arena;
    kws_arena_init(&arena, state, state_bytes - 1u);
    CHECK_EQUAL(kws_model_init(&model, &config, &arena, scratch), KWS_ERROR_ARENA);
    kws_arena_init(&arena, state, state_bytes);
    CHECK_EQUAL(kws_model_init(&model, &config, &arena, scratch), KWS_OK);
    run_frames(&model, &config);
    free(scratch);
    free(state);
    return true;
}

int main(int argc, char **argv)
{
    CHECK(argc == 4);
    size_t size_bytes = 0u;
    uint8_t *original = read_file(argv[1], &size_bytes);
    const unsigned long rounds = strtoul(argv[2], NULL, 10);
    random_state = (uint32_t)strtoul(argv[3], NULL, 10) | 1u;
    CHECK(run(original, size_bytes));
    uint8_t *copy = allocate(size_bytes);
    unsigned long accepted = 0u;
    for (unsigned long i = 0u; i < rounds; ++i) {
        memcpy(copy, original, size_bytes);
        alter(copy, size_bytes);
        accepted += run(copy, size_bytes) ? 1u : 0u;
    }
    printf("%lu of %lu altered sections were accepted and ran\n", accepted, rounds);
    free(copy);
    free(original);
    return 0;
}
