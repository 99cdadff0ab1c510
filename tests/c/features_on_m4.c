/* SPDX-License-Identifier: Apache-2.0 */
/* Bare-metal program for the emulated Cortex-M4 (tests/parity/features_emulator.py builds and runs it): the front end over
 * samples linked into the image. The features go to the file "features.bin" through semihosting. */
#include <stdint.h>

#include "kws_features.h"

enum {
    SYS_OPEN = 0x01,
    SYS_WRITE = 0x05,
    SYS_EXIT = 0x18,
    OPEN_WRITE_BINARY = 5,
    EXIT_GOOD = 0x20026,
    EXIT_BAD = 0x20024,
    SCRATCH_BYTES = 16384,
    MEMORY_BYTES = 1024,
    MAX_FEATURES_BYTES = 65536
};

/* Made by the test: the section, then samples for kws_features_run. */
extern const uint32_t input_section_bytes;
extern const uint32_t input_num_samples;
extern const uint8_t input_section[];
extern const int16_t input_samples[];
extern uint32_t __stack_top;

static uint64_t scratch[SCRATCH_BYTES / 8];
static int8_t features[MAX_FEATURES_BYTES];
static uint64_t memory[MEMORY_BYTES / 8];

static uint32_t semihost(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static void finish(uint32_t reason)
{
    (void)semihost(SYS_EXIT, (const void *)reason);
    for (;;) {
    }
}

static void write_file(const void *data, uint32_t size_bytes)
{
    static const char name[] = "features.bin";
    const uint32_t open_arguments[] = {(uint32_t)name, OPEN_WRITE_BINARY, sizeof name - 1u};
    const uint32_t handle = semihost(SYS_OPEN, open_arguments);
    const uint32_t write_arguments[] = {handle, (uint32_t)data, size_bytes};
    if (semihost(SYS_WRITE, write_arguments) != 0u) {
        finish(EXIT_BAD);
    }
}

void Reset_Handler(void)
{
    kws_features_config_t config;
    kws_features_t state;
    kws_arena_t arena;
    kws_arena_init(&arena, memory, sizeof memory);
    const kws_span_t section = {.data = input_section, .size_bytes = input_section_bytes};
    if (kws_features_read(&config, section) != KWS_OK ||
        kws_features_scratch_bytes(&config) > SCRATCH_BYTES) {
        finish(EXIT_BAD);
    }
    const uint32_t num_frames = kws_features_num_frames(&config, input_num_samples);
    if (num_frames * config.num_features > MAX_FEATURES_BYTES ||
        kws_features_init(&state, &config, &arena, scratch) != KWS_OK) {
        finish(EXIT_BAD);
    }
    kws_features_run(&state, input_samples, 1u, input_num_samples, features);
    write_file(features, num_frames * config.num_features);
    finish(EXIT_GOOD);
}

__attribute__((section(".vectors"), used)) static const void *const vectors[2] = {
    &__stack_top, (const void *)Reset_Handler};
