/* SPDX-License-Identifier: Apache-2.0 */
#include "watch.h"

#include <inttypes.h>
#include <string.h>

typedef struct {
    uint64_t return_address; /* where this frame's function goes back to */
    const void *resume;      /* exception frames: what was interrupted */
    uint64_t begin;          /* clock at entry */
    bool exception;
} frame_t;

/* A watched call in progress. */
typedef struct {
    watch_function_t *function;
    uint32_t depth;      /* frames on the shadow stack at entry */
    uint64_t begin;      /* clock at entry */
    uint64_t interrupts; /* interrupt cycles at entry */
    uint32_t region;     /* WATCH_MAX_REGIONS: none yet */
} open_call_t;

static watch_function_t functions[WATCH_MAX_FUNCTIONS];
static uint32_t num_functions;
static watch_region_t regions[WATCH_MAX_REGIONS];
static uint32_t num_regions;
static frame_t frames[WATCH_MAX_DEPTH];
static uint32_t num_frames;
static open_call_t open_calls[WATCH_MAX_DEPTH];
static uint32_t num_open_calls;
static uint64_t interrupt_cycles;
static uint32_t exception_depth; /* nested handlers: only the outermost adds to interrupt_cycles */

static bool read_line(const char *line)
{
    char kind[16];
    char name[WATCH_NAME_BYTES];
    uint64_t first = 0;
    uint64_t second = 0;
    const int fields = sscanf(line, "%15s %63s %" SCNx64 " %" SCNx64, kind, name, &first, &second);
    if (fields == 4 && strcmp(kind, "region") == 0 && num_regions < WATCH_MAX_REGIONS) {
        watch_region_t *region = &regions[num_regions++];
        *region = (watch_region_t){.begin = first, .end = second};
        strcpy(region->name, name);
        return true;
    }
    const bool interrupt = strcmp(kind, "interrupt") == 0;
    const bool kernel = strcmp(kind, "kernel") == 0;
    if (fields != 3 || num_functions == WATCH_MAX_FUNCTIONS ||
        !(interrupt || kernel || strcmp(kind, "function") == 0)) {
        return false;
    }
    watch_function_t *function = &functions[num_functions++];
    *function =
        (watch_function_t){.entry = first & ~UINT64_C(1), .interrupt = interrupt, .by_region = kernel};
    strcpy(function->name, name);
    return true;
}

bool watch_read(const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        fprintf(stderr, "kws_cycles: cannot read %s\n", path);
        return false;
    }
    char line[256];
    bool good = true;
    while (good && fgets(line, sizeof line, file) != NULL) {
        good = read_line(line);
        if (!good) {
            fprintf(stderr, "kws_cycles: %s: cannot use the line: %s\n", path, line);
        }
    }
    fclose(file);
    return good;
}

watch_function_t *watch_find(uint64_t address)
{
    for (uint32_t i = 0; i < num_functions; ++i) {
        if (functions[i].entry == address) {
            return &functions[i];
        }
    }
    return NULL;
}

bool watch_has_regions(void)
{
    return num_regions > 0;
}

static void add(watch_sum_t *sum, uint64_t cycles)
{
    sum->least_cycles = sum->calls == 0 || cycles < sum->least_cycles ? cycles : sum->least_cycles;
    sum->most_cycles = cycles > sum->most_cycles ? cycles : sum->most_cycles;
    sum->cycles += cycles;
    ++sum->calls;
}

static void push(frame_t frame)
{
    if (num_frames < WATCH_MAX_DEPTH) {
        frames[num_frames++] = frame;
    }
}

/* Drops frames until `depth` are left, and closes the watched calls that lived in them. */
static void pop_to(uint32_t depth, uint64_t clock)
{
    while (num_open_calls > 0 && open_calls[num_open_calls - 1].depth > depth) {
        const open_call_t *call = &open_calls[--num_open_calls];
        const uint64_t interrupts = call->function->interrupt ? 0 : interrupt_cycles - call->interrupts;
        add(&call->function->sums[call->region], clock - call->begin - interrupts);
    }
    num_frames = depth;
}

void watch_call(uint64_t return_address, uint64_t clock)
{
    push((frame_t){.return_address = return_address, .begin = clock});
}

void watch_enter(watch_function_t *function, uint64_t clock)
{
    const open_call_t *newest = num_open_calls > 0 ? &open_calls[num_open_calls - 1] : NULL;
    const bool loop_to_own_entry =
        newest != NULL && newest->function == function && newest->depth == num_frames;
    if (loop_to_own_entry || num_open_calls == WATCH_MAX_DEPTH || num_frames == 0) {
        return;
    }
    open_calls[num_open_calls++] = (open_call_t){.function = function,
                                                 .depth = num_frames,
                                                 .begin = clock,
                                                 .interrupts = interrupt_cycles,
                                                 .region = WATCH_MAX_REGIONS};
}

void watch_return(uint64_t address, uint64_t clock)
{
    for (uint32_t depth = num_frames; depth > 0 && !frames[depth - 1].exception; --depth) {
        if (frames[depth - 1].return_address == address) {
            pop_to(depth - 1, clock);
            return;
        }
    }
}

void watch_exception_begin(const void *resume, uint64_t clock)
{
    push((frame_t){.resume = resume, .begin = clock, .exception = true});
    ++exception_depth;
}

const void *watch_exception_end(uint64_t clock)
{
    const frame_t frame = frames[num_frames - 1];
    pop_to(num_frames - 1, clock);
    if (--exception_depth == 0) {
        interrupt_cycles += clock - frame.begin;
    }
    return frame.resume;
}

bool watch_in_handler_frame(void)
{
    return num_frames > 0 && frames[num_frames - 1].exception;
}

void watch_load(uint64_t address)
{
    open_call_t *call = num_open_calls > 0 ? &open_calls[num_open_calls - 1] : NULL;
    if (call == NULL || !call->function->by_region || call->region != WATCH_MAX_REGIONS) {
        return;
    }
    for (uint32_t i = 0; i < num_regions; ++i) {
        if (address >= regions[i].begin && address < regions[i].end) {
            call->region = i;
            return;
        }
    }
}

uint64_t watch_interrupt_cycles(void)
{
    return interrupt_cycles;
}

void watch_write(FILE *out)
{
    const char *separator = "";
    fputs("[", out);
    for (uint32_t i = 0; i < num_functions; ++i) {
        for (uint32_t r = 0; r <= WATCH_MAX_REGIONS; ++r) {
            const watch_sum_t *sum = &functions[i].sums[r];
            if (sum->calls == 0) {
                continue;
            }
            fprintf(out,
                    "%s\n    {\"function\": \"%s\", \"region\": \"%s\", \"calls\": %" PRIu64
                    ", \"cycles\": %" PRIu64 ", \"least_cycles\": %" PRIu64 ", \"most_cycles\": %" PRIu64 "}",
                    separator, functions[i].name, r < num_regions ? regions[r].name : "", sum->calls,
                    sum->cycles, sum->least_cycles, sum->most_cycles);
            separator = ",";
        }
    }
    fputs("]", out);
}
