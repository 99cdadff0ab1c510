/* SPDX-License-Identifier: Apache-2.0 */
/* Runs on the emulated Cortex-M4: models that are linked in, on frames that lie behind them. Prints the posteriors of
 * every window, a line of hexadecimal digits each. The image is written by tests/parity/models_emulator.py. */
#include "kws_model.h"
#include "semihosting.h"

enum {
    ARENA_BYTES = 110 * 1024,
    MAX_OUTPUTS = 1024,
    ALIGNMENT = 16
};

extern const uint8_t models[];
extern const uint32_t num_models;

static uint8_t arena_memory[ARENA_BYTES] __attribute__((aligned(16)));

/* One model, at a multiple of 16: this, its section, its windows one after the other. */
typedef struct {
    uint32_t section_bytes; /* a multiple of 16 */
    uint32_t num_windows;
    uint32_t total_bytes; /* to the next model */
    uint32_t reserved;
} entry_t;

static void print_line(const uint8_t *posteriors, uint32_t num_labels)
{
    static const char digits[] = "0123456789abcdef";
    static char text[2 * MAX_OUTPUTS + 2];
    char *at = text;
    for (uint32_t i = 0u; i < num_labels; ++i) {
        *at++ = digits[posteriors[i] >> 4];
        *at++ = digits[posteriors[i] & 15u];
    }
    *at++ = '\n';
    *at = '\0';
    print(text);
}

static int run_model(const entry_t *entry)
{
    const uint8_t *section = (const uint8_t *)(entry + 1);
    const int8_t *frames = (const int8_t *)section + entry->section_bytes;
    static uint8_t posteriors[MAX_OUTPUTS];
    kws_model_config_t config;
    kws_model_t model;
    kws_arena_t arena;
    if (kws_model_read(&config, (kws_span_t){section, entry->section_bytes}) != KWS_OK) {
        print("refused\n");
        return 1;
    }
    kws_arena_init(&arena, arena_memory, sizeof arena_memory);
    void *scratch = kws_arena_take(&arena, kws_model_scratch_bytes(&config));
    if (kws_model_init(&model, &config, &arena, scratch) != KWS_OK || !kws_arena_fits(&arena)) {
        print("no memory\n");
        return 1;
    }
    for (uint32_t window = 0u; window < entry->num_windows; ++window) {
        kws_model_reset(&model);
        for (uint32_t i = 0u; i < config.window_frames; ++i) {
            (void)kws_model_step(&model, frames, posteriors);
            frames += config.num_features;
        }
        print_line(posteriors, config.num_labels);
    }
    return 0;
}

int run(void)
{
    const uint8_t *at = models;
    for (uint32_t i = 0u; i < num_models; ++i) {
        const entry_t *entry = (const entry_t *)(const void *)at;
        if (run_model(entry) != 0) {
            return 1;
        }
        at += entry->total_bytes;
    }
    return 0;
}
