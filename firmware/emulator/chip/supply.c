/* SPDX-License-Identifier: Apache-2.0 */
/* The supply, which may fail in the middle of an operation of the flash: what was being erased or written is left half
 * done, memory is lost, and the chip starts again. Either once, at a chosen operation, or at every operation: then a copy
 * of this process goes through the failure each time, says something to the board when that has started again, and keeps
 * what it answers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "machine.h"
#include "outside.h"

enum {
    MAX_SAID_BYTES = 512,
    MAX_ANSWER_BYTES = 4096,
    RAM_BLOCK_BYTES = 4096,
    PATIENCE_S = 3,
    MAX_COPIES = 8
};

static uint64_t cut_at;       /* number of the operation; 0: none */
static const char *cuts_file; /* every one */
static uint64_t num_operations;
static bool failing; /* from the cut to the restart */
static bool is_copy; /* after the cut */
static uint64_t answers_until;
static uint8_t said[MAX_SAID_BYTES], answer[MAX_ANSWER_BYTES];
static size_t num_said, next_said, num_answer;
static uint64_t random_state;

static uint32_t random_u32(void) /* splitmix64 */
{
    uint64_t z = (random_state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (uint32_t)((z ^ (z >> 31)) >> 16);
}

void supply_cut_once(uint64_t operation)
{
    cut_at = operation;
}

void supply_cut_always(const char *path, const char *hex)
{
    cuts_file = path;
    fclose(fopen(path, "wb"));
    for (unsigned byte; sscanf(hex, "%2x", &byte) == 1 && num_said < sizeof said; hex += 2) {
        said[num_said++] = (uint8_t)byte;
    }
}

uint64_t supply_operations(void)
{
    return num_operations;
}

static unsigned num_copies;

static void wait_for_copy(void)
{
    int status = 0;
    must(wait(&status) > 0 && status == 0, "a cut went wrong");
    --num_copies;
}

void supply_end(void)
{
    while (num_copies > 0) {
        wait_for_copy();
    }
}

/* A copy of this process goes through the failure; a few of them side by side. */
static bool fails_in_a_copy(void)
{
    if (num_copies == MAX_COPIES) {
        wait_for_copy();
    }
    fflush(NULL);
    const pid_t copy = fork();
    must(copy >= 0, "no process for a cut");
    is_copy = copy == 0;
    num_copies += is_copy ? 0u : 1u;
    return is_copy;
}

static bool fails_now(void)
{
    ++num_operations;
    if (is_copy || failing || !(cuts_file != NULL ? fails_in_a_copy() : num_operations == cut_at)) {
        return false;
    }
    random_state = num_operations;
    failing = true;
    core_request_stop();
    return true;
}

/* Few or many of the bits of a word, all or none. */
static uint32_t some_bits(uint32_t kind)
{
    const uint32_t bits = random_u32();
    switch (kind % 4u) {
    case 0: return bits & random_u32() & random_u32();
    case 1: return bits | random_u32() | random_u32();
    case 2: return kind % 8u == 2u ? 0u : UINT32_MAX;
    default: return bits;
    }
}

void supply_during_write(const uint8_t *before, uint8_t *after, size_t num_bytes)
{
    if (!fails_now()) {
        return;
    }
    const uint32_t kind = random_u32();
    for (size_t i = 0; i < num_bytes; ++i) {
        after[i] = (uint8_t)(before[i] & (after[i] | ~some_bits(kind)));
    }
}

void supply_during_erase(uint32_t address, uint8_t *after, size_t num_bytes)
{
    if (!fails_now()) {
        return;
    }
    const uint32_t kind = random_u32();
    const bool zeros_first = random_u32() % 2u == 0u; /* some controllers do so */
    memory_read(address, after, num_bytes);
    for (size_t i = 0; i < num_bytes; ++i) {
        after[i] = (uint8_t)((zeros_first ? after[i] & some_bits(kind) : after[i]) | some_bits(kind));
    }
}

bool supply_take_failure(void)
{
    if (!failing) {
        return false;
    }
    failing = false;
    answers_until = machine_cycles + (uint64_t)PATIENCE_S * CHIP.core_hz;
    for (unsigned i = 0; i < MAX_REGIONS && CHIP.regions[i].bytes > 0; ++i) {
        uint32_t noise[RAM_BLOCK_BYTES / 4];
        for (unsigned word = 0; word < RAM_BLOCK_BYTES / 4; ++word) {
            noise[word] = random_u32();
        }
        for (uint32_t at = 0; CHIP.regions[i].kind == MEMORY_RAM && at < CHIP.regions[i].bytes;
             at += RAM_BLOCK_BYTES) {
            memory_write(CHIP.regions[i].start + at, noise, sizeof noise);
        }
    }
    return true;
}

/* ---- in the copy: what is said to the board, and its answer ---- */

bool supply_has_the_line(void)
{
    return is_copy;
}

int supply_receive(void)
{
    return failing || next_said == num_said ? -1 : said[next_said++];
}

void supply_send(uint8_t byte)
{
    if (!failing && num_answer < sizeof answer) {
        answer[num_answer++] = byte;
    }
}

/* An answer ends with a zero, as does what was on the line before. */
static bool has_answered(void)
{
    unsigned zeros = 0;
    for (size_t i = 0; i < num_answer; ++i) {
        zeros += answer[i] == 0;
    }
    return next_said == num_said && zeros >= 2;
}

void supply_end_copy(unsigned num_mistakes)
{
    if (!is_copy || failing || (!has_answered() && machine_cycles < answers_until)) {
        return;
    }
    FILE *out = fopen(cuts_file, "ab");
    must(out != NULL, cuts_file);
    fprintf(out, "%llu %u ", (unsigned long long)num_operations, num_mistakes);
    for (size_t i = 0; i < num_answer; ++i) {
        fprintf(out, "%02x", answer[i]);
    }
    fputc('\n', out);
    fclose(out);
    _exit(0);
}
