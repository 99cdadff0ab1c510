/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a firmware image on the chip that is linked in, with a microphone that hears a WAV file and a serial line on a
 * TCP port or standard output. */
#include <elf.h>
#include <getopt.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "machine.h"
#include "outside.h"

static struct {
    const char *image, *sound, *load, *flash_out, *bits_out, *report, *glitch, *cuts;
    double seconds, busy, unplug_s, offset, transient, sensitivity_db, wake_level_dbfs;
    int wake_pin;
    unsigned long unplug_after;
    bool tcp, usb, pins, loops, paced, quiet;
} options = {.seconds = 1e9, .wake_pin = -1, .wake_level_dbfs = -40.0};

/* ---- mistakes ---- */

static unsigned num_mistakes;

static void say(const char *kind, const char *format, va_list arguments)
{
    fprintf(stderr, "%12.6f s  %s", (double)machine_cycles / CHIP.core_hz, kind);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

void outside_note(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say("", format, arguments);
    va_end(arguments);
}

void outside_mistake(const char *format, ...)
{
    if (++num_mistakes > 20) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    say("mistake: ", format, arguments);
    va_end(arguments);
}

void outside_pin(unsigned pin, bool high)
{
    if (options.pins) {
        fprintf(stderr, "%12.6f s  P%u.%02u %s\n", (double)machine_cycles / CHIP.core_hz, pin / 32, pin % 32,
                high ? "high" : "low");
    }
}

/* ---- files ---- */

void must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "%s: %s\n", CHIP.name, what);
        exit(2);
    }
}

uint8_t *read_file(const char *path, size_t *num_bytes)
{
    FILE *file = fopen(path, "rb");
    must(file != NULL, path);
    fseek(file, 0, SEEK_END);
    *num_bytes = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*num_bytes + 1);
    must(bytes != NULL && fread(bytes, 1, *num_bytes, file) == *num_bytes, path);
    fclose(file);
    return bytes;
}

bool outside_has_usb(void)
{
    return options.usb;
}

/* ---- image ---- */

static void load_elf(const char *path)
{
    size_t num_bytes = 0;
    uint8_t *bytes = read_file(path, &num_bytes);
    Elf32_Ehdr header;
    must(num_bytes > sizeof header && memcmp(bytes, ELFMAG, SELFMAG) == 0, "not an ELF file");
    memcpy(&header, bytes, sizeof header);
    must(header.e_machine == EM_ARM && header.e_ident[EI_CLASS] == ELFCLASS32, "not an ARM image");
    uint32_t lowest = UINT32_MAX;
    for (unsigned i = 0; i < header.e_phnum; ++i) {
        Elf32_Phdr part;
        memcpy(&part, bytes + header.e_phoff + i * header.e_phentsize, sizeof part);
        if (part.p_type == PT_LOAD && part.p_filesz > 0) {
            lowest = part.p_paddr < lowest ? part.p_paddr : lowest;
            must(memory_write(part.p_paddr, bytes + part.p_offset, part.p_filesz),
                 "image does not fit the flash");
        }
    }
    core_boot_from(lowest);
    free(bytes);
}

/* "FILE@ADDRESS" */
static void load_raw(const char *what)
{
    char path[4096];
    const char *at = strrchr(what, '@');
    must(at != NULL && (size_t)(at - what) < sizeof path, "--load wants FILE@ADDRESS");
    memcpy(path, what, (size_t)(at - what));
    path[at - what] = '\0';
    size_t num_bytes = 0;
    uint8_t *bytes = read_file(path, &num_bytes);
    must(memory_write((uint32_t)strtoul(at + 1, NULL, 0), bytes, num_bytes), "file does not fit the flash");
    free(bytes);
}

/* ---- running ---- */

static double wall_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void parse(int argc, char **argv)
{
    static const struct option LONG[] = {{"sound", required_argument, NULL, 's'},
                                         {"load", required_argument, NULL, 'l'},
                                         {"seconds", required_argument, NULL, 't'},
                                         {"tcp", no_argument, NULL, 'n'},
                                         {"usb", no_argument, NULL, 'u'},
                                         {"pins", no_argument, NULL, 'p'},
                                         {"loop", no_argument, NULL, 'o'},
                                         {"real-time", no_argument, NULL, 'r'},
                                         {"quiet", no_argument, NULL, 'q'},
                                         {"flash-out", required_argument, NULL, 'f'},
                                         {"bits-out", required_argument, NULL, 'b'},
                                         {"report", required_argument, NULL, 'j'},
                                         {"offset", required_argument, NULL, 'c'},
                                         {"transient", required_argument, NULL, 'e'},
                                         {"sensitivity-db", required_argument, NULL, 'd'},
                                         {"wake-pin", required_argument, NULL, 'w'},
                                         {"wake-level-dbfs", required_argument, NULL, 'v'},
                                         {"glitch", required_argument, NULL, 'g'},
                                         {"busy", required_argument, NULL, 'y'},
                                         {"unplug", required_argument, NULL, 'x'},
                                         {"cut-supply", required_argument, NULL, '1'},
                                         {"cut-always", required_argument, NULL, '2'},
                                         {"and-say", required_argument, NULL, '3'},
                                         {NULL, 0, NULL, 0}};
    for (int letter; (letter = getopt_long(argc, argv, "", LONG, NULL)) != -1;) {
        switch (letter) {
        case 's': options.sound = optarg; break;
        case 'l': options.load = optarg; break;
        case 't': options.seconds = strtod(optarg, NULL); break;
        case 'n': options.tcp = true; break;
        case 'u': options.usb = true; break;
        case 'p': options.pins = true; break;
        case 'o': options.loops = true; break;
        case 'r': options.paced = true; break;
        case 'q': options.quiet = true; break;
        case 'f': options.flash_out = optarg; break;
        case 'b': options.bits_out = optarg; break;
        case 'c': options.offset = strtod(optarg, NULL); break;
        case 'e': options.transient = strtod(optarg, NULL); break;
        case 'd': options.sensitivity_db = strtod(optarg, NULL); break;
        case 'j': options.report = optarg; break;
        case 'w': options.wake_pin = atoi(optarg); break;
        case 'v': options.wake_level_dbfs = strtod(optarg, NULL); break;
        case 'g': options.glitch = optarg; break;
        case 'y': options.busy = strtod(optarg, NULL) / 100.0; break;
        case 'x':
            must(sscanf(optarg, "%lu,%lf", &options.unplug_after, &options.unplug_s) == 2,
                 "--unplug wants BYTES,SECONDS");
            break;
        case '1': supply_cut_once(strtoull(optarg, NULL, 0)); break;
        case '2': options.cuts = optarg; break;
        case '3':
            must(options.cuts != NULL, "--and-say comes after --cut-always FILE");
            supply_cut_always(options.cuts, optarg);
            break;
        default: exit(2);
        }
    }
    if (optind != argc - 1) {
        fprintf(stderr,
                "usage: EMULATOR [--sound FILE.wav [--loop]] [--load FILE@ADDRESS] [--seconds S] "
                "[--tcp] [--usb] [--pins] "
                "[--real-time] [--quiet] [--flash-out FILE] [--bits-out FILE] [--report FILE] "
                "[--offset N] [--transient N] [--sensitivity-db D] [--wake-pin N [--wake-level-dbfs D]] "
                "[--glitch ADDRESS=HALFWORD@SECONDS] [--busy PERCENT] [--unplug BYTES,SECONDS] "
                "[--cut-supply N] [--cut-always FILE --and-say HEX] IMAGE.elf\n");
        exit(2);
    }
    options.image = argv[optind];
}

static void report(double wall)
{
    const double seconds = (double)machine_cycles / CHIP.core_hz;
    fprintf(
        stderr,
        "%.3f s emulated in %.3f s (%.1f times real time), %llu instructions, %llu cycles awake (%.2f M/s), "
        "%llu samples of sound, %llu buffers reused, worst interrupt latency %llu cycles, %llu tail-chained, "
        "%u mistakes\n",
        seconds, wall, seconds / wall, (unsigned long long)core_statistics.instructions,
        (unsigned long long)(machine_cycles - core_statistics.sleep_cycles),
        (double)(machine_cycles - core_statistics.sleep_cycles) / seconds / 1e6,
        (unsigned long long)microphone_statistics.samples,
        (unsigned long long)microphone_statistics.buffers_reused,
        (unsigned long long)core_statistics.late_cycles_worst,
        (unsigned long long)core_statistics.tail_chained, num_mistakes);
}

static void write_report(void)
{
    FILE *out = fopen(options.report, "w");
    must(out != NULL, options.report);
    fprintf(
        out,
        "{\"chip\": \"%s\", \"clock_hz\": %u, \"cycles\": %llu, \"sleep_cycles\": %llu, "
        "\"instructions\": %llu, \"microphone_samples\": %llu, \"buffers_reused\": %llu, "
        "\"microphone_cycles\": %llu, \"crystal_cycles\": %llu, \"receiver_cycles\": %llu, "
        "\"cache_cycles\": %llu, \"worst_latency_cycles\": %llu, \"flash_operations\": %llu, \"mistakes\": "
        "%u}\n",
        CHIP.name, CHIP.core_hz, (unsigned long long)machine_cycles,
        (unsigned long long)core_statistics.sleep_cycles, (unsigned long long)core_statistics.instructions,
        (unsigned long long)microphone_statistics.samples,
        (unsigned long long)microphone_statistics.buffers_reused,
        (unsigned long long)duty_cycles(&duties.microphone), (unsigned long long)duty_cycles(&duties.crystal),
        (unsigned long long)duty_cycles(&duties.receiver), (unsigned long long)duty_cycles(&duties.cache),
        (unsigned long long)core_statistics.late_cycles_worst, (unsigned long long)supply_operations(),
        num_mistakes);
    must(fclose(out) == 0, options.report);
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    core_init();
    soc_init();
    uint8_t *flash = malloc(CHIP.flash_bytes);
    must(flash != NULL, "memory");
    memset(flash, 0xFF, CHIP.flash_bytes);
    memory_write(CHIP.flash_start, flash, CHIP.flash_bytes);
    load_elf(options.image);
    if (options.load != NULL) {
        load_raw(options.load);
    }
    if (options.sound != NULL) {
        sound_load(options.sound, options.loops);
    }
    sound_flaws(options.sensitivity_db, options.offset, options.transient);
    if (options.bits_out != NULL) {
        sound_keep_bits(options.bits_out);
    }
    if (options.wake_pin >= 0) {
        sound_wake_pin((unsigned)options.wake_pin, options.wake_level_dbfs);
    }
    if (options.glitch != NULL) {
        glitch_plan(options.glitch);
    }
    if (options.tcp) {
        serial_listen();
    }
    soc_reset(0);
    core_reset();
    const double begin = wall_seconds();
    const uint64_t end =
        options.seconds * CHIP.core_hz < 1e18 ? (uint64_t)(options.seconds * CHIP.core_hz) : NEVER;
    uint64_t samples_before = 0, cable_back = 0;
    bool on = true;
    while (on && machine_cycles < end && num_mistakes < 100) {
        const uint64_t slice_end = machine_cycles + CHIP.core_hz / 1000;
        core_take(machine_cycles + (uint64_t)(options.busy * CHIP.core_hz / 1000));
        core_run(slice_end < end ? slice_end : end);
        sound_pass(0.001);
        if (options.unplug_s > 0.0 && serial_taken() >= options.unplug_after) {
            soc_pull_cable(options.unplug_s);
            cable_back = machine_cycles + (uint64_t)(options.unplug_s * CHIP.core_hz);
            options.unplug_s = 0.0;
        }
        if (machine_cycles < cable_back) {
            poll(NULL, 0, 1); /* a cable is out by the clock on the wall, as is the other end's patience */
        }
        uint32_t reason = 0;
        if (supply_take_failure()) {
            soc_take_reset(&reason);
            soc_reset(0);
            core_reset();
        } else if (soc_take_reset(&reason)) {
            if (!options.quiet) {
                fprintf(stderr, "%12.6f s  reset, reason %x\n", (double)machine_cycles / CHIP.core_hz,
                        reason);
            }
            glitch_undo();
            soc_reset(reason);
            core_reset();
        } else if (machine_cycles < slice_end && machine_cycles < end) {
            on = false; /* the firmware stopped for good */
        }
        supply_end_copy(num_mistakes);
        /* With nothing to do but to wait for the other end, leave it the processor. */
        const bool waits = options.tcp && core_is_asleep() && serial_is_idle() &&
                           microphone_statistics.samples == samples_before;
        samples_before = microphone_statistics.samples;
        const double ahead = (double)machine_cycles / CHIP.core_hz - (wall_seconds() - begin);
        on = serial_exchange(options.paced && ahead > 0.001 ? (int)(1000.0 * ahead) : waits ? 1 : 0) && on;
        on = on && (options.tcp || !sound_ended(0.5));
    }
    serial_exchange(0);
    supply_end();
    if (options.flash_out != NULL) {
        memory_read(CHIP.flash_start, flash, CHIP.flash_bytes);
        FILE *file = fopen(options.flash_out, "wb");
        must(file != NULL && fwrite(flash, 1, CHIP.flash_bytes, file) == CHIP.flash_bytes, options.flash_out);
        fclose(file);
    }
    if (options.report != NULL) {
        write_report();
    }
    if (!options.quiet) {
        report(wall_seconds() - begin);
    }
    return num_mistakes > 0 ? 1 : 0;
}
