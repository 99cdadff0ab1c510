/* SPDX-License-Identifier: Apache-2.0 */
/* The native board: a process whose serial port is a pseudo-terminal. Its path is printed on the first line of
 * standard output. The process ends when its standard input is closed, so it never outlives who started it. */
#define _XOPEN_SOURCE   700
#define _DEFAULT_SOURCE /* cfmakeraw */
#include "board.h"
#include "board_flash.h"

#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "kws_byte_ring.h"

enum {
    RECEIVE_BYTES = 4096, /* what a pseudo-terminal of Linux holds */
    TRANSMIT_BYTES = 16384,
    DEFAULT_ARENA_BYTES = 4 * 1024 * 1024,
    ARENA_ALIGNMENT = 16,
    MIN_SLOT_BYTES = 1024 * 1024,
    EXIT_USAGE = 2,
    NS_PER_S = 1000000000,
    NS_PER_US = 1000,
    US_PER_S = 1000000
};

static int terminal = -1;
static board_memory_t bundle;
static board_memory_t arena;
static uint8_t transmit_bytes[TRANSMIT_BYTES];
static kws_byte_ring_t transmit_ring = {.bytes = transmit_bytes, .capacity_bytes = TRANSMIT_BYTES};

__attribute__((noreturn, format(printf, 1, 2))) static void give_up(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("kws native board: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(EXIT_USAGE);
}

static void open_terminal(void)
{
    terminal = posix_openpt(O_RDWR | O_NOCTTY);
    if (terminal < 0 || grantpt(terminal) != 0 || unlockpt(terminal) != 0) {
        give_up("cannot open a pseudo-terminal");
    }
    /* Our own handle on the host's end: raw from the first byte, and no hang-up between two hosts. */
    const char *path = ptsname(terminal);
    const int host_end = open(path, O_RDWR | O_NOCTTY);
    struct termios settings;
    if (host_end < 0 || tcgetattr(host_end, &settings) != 0) {
        give_up("cannot open %s", path);
    }
    cfmakeraw(&settings);
    tcsetattr(host_end, TCSANOW, &settings);
    fcntl(terminal, F_SETFL, O_NONBLOCK);
    printf("%s\n", path);
    fflush(stdout);
}

/* Flash of two slots, with a bundle in the first. It forgets what is written to it when the process ends. */
static void load_flash(const char *path)
{
    FILE *file = path != NULL ? fopen(path, "rb") : NULL;
    struct stat status = {0};
    if (path != NULL && (file == NULL || fstat(fileno(file), &status) != 0)) {
        give_up("cannot read the bundle %s", path);
    }
    const size_t file_bytes = (size_t)status.st_size;
    size_t slot_bytes = MIN_SLOT_BYTES;
    while (slot_bytes < file_bytes + KWS_BOARD_FLASH_PAGE_BYTES) {
        slot_bytes *= 2u;
    }
    bundle.size_bytes = (uint32_t)(2u * slot_bytes);
    bundle.data = aligned_alloc(KWS_BOARD_FLASH_PAGE_BYTES, bundle.size_bytes);
    if (bundle.data == NULL) {
        give_up("no memory for the bundle %s", path);
    }
    memset(bundle.data, 0xFF, bundle.size_bytes);
    if (file != NULL && (fread(bundle.data, 1, file_bytes, file) != file_bytes || fclose(file) != 0)) {
        give_up("cannot read the bundle %s", path);
    }
}

bool board_flash_erase(uint32_t offset)
{
    memset((uint8_t *)bundle.data + offset, 0xFF, KWS_BOARD_FLASH_PAGE_BYTES);
    return true;
}

bool board_flash_write(uint32_t offset, const uint32_t *words, uint32_t num_words)
{
    uint32_t *flash = (uint32_t *)bundle.data + offset / sizeof(uint32_t);
    for (uint32_t i = 0; i < num_words; ++i) {
        flash[i] &= words[i];
    }
    return true;
}

void board_init(uint32_t serial_baud, int argc, char **argv)
{
    (void)serial_baud; /* a pseudo-terminal has none */
    const char *bundle_path = NULL;
    arena.size_bytes = DEFAULT_ARENA_BYTES;
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 < argc && strcmp(argv[i], "--bundle") == 0) {
            bundle_path = argv[i + 1];
        } else if (i + 1 < argc && strcmp(argv[i], "--arena-bytes") == 0) {
            arena.size_bytes = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        } else {
            give_up("usage: %s [--bundle FILE.kws] [--arena-bytes N]", argv[0]);
        }
    }
    const size_t rounded = (arena.size_bytes + ARENA_ALIGNMENT - 1u) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
    arena.data = aligned_alloc(ARENA_ALIGNMENT, rounded);
    if (arena.data == NULL) {
        give_up("no memory for an arena of %u bytes", (unsigned)arena.size_bytes);
    }
    load_flash(bundle_path);
    open_terminal();
}

const char *board_name(void)
{
    return "native";
}

uint32_t board_clock_hz(void)
{
    return NS_PER_S; /* nanoseconds stand in for cycles */
}

uint32_t board_cycles(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)((uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec);
}

void board_start_clock(void)
{
    /* It always runs. */
}

uint32_t board_microseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)((uint64_t)now.tv_sec * US_PER_S + (uint64_t)now.tv_nsec / NS_PER_US);
}

static void transmit_pending(void)
{
    uint8_t bytes[256];
    while (kws_byte_ring_available(&transmit_ring) > 0u) {
        const uint32_t position = transmit_ring.read;
        const uint32_t num_bytes = kws_byte_ring_read(&transmit_ring, bytes, sizeof bytes);
        const ssize_t sent = write(terminal, bytes, num_bytes);
        const uint32_t taken = sent > 0 ? (uint32_t)sent : 0u;
        transmit_ring.read = position + taken; /* the rest waits until the terminal has room */
        if (taken < num_bytes) {
            return;
        }
    }
}

void board_sleep(void)
{
    transmit_pending();
    const bool unsent = kws_byte_ring_available(&transmit_ring) > 0u;
    struct pollfd wake[] = {{.fd = terminal, .events = (short)(POLLIN | (unsent ? POLLOUT : 0))},
                            {.fd = STDIN_FILENO, .events = POLLIN}};
    poll(wake, 2, -1);
    char ignored[64];
    if (wake[1].revents != 0 && read(STDIN_FILENO, ignored, sizeof ignored) <= 0) {
        exit(EXIT_SUCCESS);
    }
}

uint32_t board_serial_read(uint8_t *bytes, uint32_t max_bytes)
{
    const ssize_t num_bytes = read(terminal, bytes, max_bytes);
    return num_bytes > 0 ? (uint32_t)num_bytes : 0u;
}

uint32_t board_serial_write_room(void)
{
    return kws_byte_ring_room(&transmit_ring);
}

void board_serial_write(const uint8_t *bytes, uint32_t num_bytes)
{
    kws_byte_ring_write(&transmit_ring, bytes, num_bytes);
    transmit_pending();
}

uint32_t board_serial_receive_bytes(void)
{
    return RECEIVE_BYTES;
}

uint32_t board_serial_overruns(void)
{
    return 0u;
}

void board_serial_write_polled(const uint8_t *bytes, uint32_t num_bytes)
{
    board_serial_write(bytes, num_bytes);
}

board_memory_t board_bundle(void)
{
    return bundle;
}

board_memory_t board_arena(void)
{
    return arena;
}

uint32_t board_static_bytes(void)
{
    return 0u;
}

uint32_t board_stack_peak_bytes(void)
{
    return 0u;
}
