/* SPDX-License-Identifier: Apache-2.0 */
/* What the microphone hears: a WAV file, from its beginning whenever the microphone starts. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "machine.h"
#include "outside.h"

static const double SETTLING_S = 0.1;

static int16_t *sound;
static size_t sound_samples;
static double sound_hz = 16000, sound_at;
static bool sound_over;
static FILE *bits_file;
static double errors[2]; /* of the modulator */
static bool loops;
static double sensitivity = 1.0;
static double offset, transient; /* of the microphone, in steps of its samples */
static double started_samples;   /* since the microphone started, at sound_hz */
static int wake_pin = -1;
static double wake_level;

/* Where a sound is that goes on whether anybody listens or not. */
static double sound_now(void)
{
    const double at = (double)machine_cycles / CHIP.core_hz * sound_hz;
    return loops && sound_samples > 0 ? fmod(at, (double)sound_samples) : at;
}

void sound_wake_pin(unsigned pin, double level_dbfs)
{
    wake_pin = (int)pin;
    wake_level = 32768.0 * pow(10.0, level_dbfs / 20.0);
}

void sound_pass(double seconds)
{
    if (wake_pin < 0) {
        return;
    }
    const size_t end = (size_t)sound_now(), length = (size_t)(seconds * sound_hz) + 1u;
    bool loud = false;
    for (size_t at = end > length ? end - length : 0u; at < end && at < sound_samples; ++at) {
        loud = loud || fabs((double)sound[at]) >= wake_level;
    }
    soc_drive_pin((unsigned)wake_pin, loud);
    sound_over = sound_over || end >= sound_samples;
}

/* 16 bits, first channel. */
void sound_load(const char *path, bool loop)
{
    loops = loop;
    size_t num_bytes = 0;
    uint8_t *bytes = read_file(path, &num_bytes);
    must(num_bytes > 44 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WAVE", 4) == 0,
         "not a WAV file");
    uint16_t channels = 1, bits = 0;
    for (size_t at = 12; at + 8 <= num_bytes;) {
        uint32_t size;
        memcpy(&size, bytes + at + 4, 4);
        const uint8_t *body = bytes + at + 8;
        if (memcmp(bytes + at, "fmt ", 4) == 0) {
            uint32_t hz;
            memcpy(&channels, body + 2, 2);
            memcpy(&hz, body + 4, 4);
            memcpy(&bits, body + 14, 2);
            sound_hz = hz;
        } else if (memcmp(bytes + at, "data", 4) == 0) {
            must(bits == 16 && channels > 0, "WAV file is not of 16 bits");
            const size_t left = num_bytes - at - 8;
            sound_samples = (size < left ? size : left) / (2u * channels);
            sound = malloc(2 * sound_samples);
            must(sound != NULL, "memory");
            for (size_t i = 0; i < sound_samples; ++i) {
                memcpy(sound + i, body + 2 * channels * i, 2);
            }
        }
        at += 8 + size + (size & 1u);
    }
    free(bytes);
    must(sound != NULL, "WAV file without data");
}

void outside_sound(double *samples, size_t num_samples, double sample_hz)
{
    const double step = sound_hz / sample_hz;
    for (size_t i = 0; i < num_samples; ++i) {
        const size_t at = (size_t)sound_at;
        const double part = sound_at - (double)at;
        const double here = at < sound_samples ? sound[at] : 0.0;
        const double next = at + 1 < sound_samples ? sound[at + 1] : 0.0;
        const double settling = transient * exp(-started_samples / sound_hz / SETTLING_S);
        samples[i] = sensitivity * ((1.0 - part) * here + part * next) + offset + settling;
        started_samples += step;
        sound_at += step;
        if (sound_at >= (double)sound_samples) {
            sound_over = sound_samples > 0;
            sound_at = loops ? 0.0 : sound_at;
        }
    }
}

void sound_flaws(double sensitivity_db, double constant, double fading)
{
    sensitivity = pow(10.0, sensitivity_db / 20.0);
    offset = constant;
    transient = fading;
}

void outside_sound_start(void)
{
    started_samples = 0.0;
    errors[0] = errors[1] = 0.0;
    if (bits_file != NULL) { /* it holds the bits of the newest start */
        rewind(bits_file);
        must(ftruncate(fileno(bits_file), 0) == 0, "the bits of the microphone");
    }
    sound_at = wake_pin < 0 ? 0.0 : sound_now();
    sound_over = sound_over && wake_pin >= 0;
}

bool sound_ended(double seconds_ago)
{
    const double at = wake_pin < 0 ? sound_at : sound_now();
    return sound_over && !loops && at > (double)sound_samples + seconds_ago * sound_hz;
}

void sound_keep_bits(const char *path)
{
    bits_file = fopen(path, "wb");
    must(bits_file != NULL, path);
    setvbuf(bits_file, NULL, _IONBF, 0); /* it can be read while the chip runs */
}

/* A second-order sigma-delta modulator at half scale; what it gave can be kept for the host to decimate too. */
void outside_sound_bits(uint16_t *words, size_t num_words, double bit_hz)
{
    for (size_t i = 0; i < num_words; ++i) {
        double samples[16];
        outside_sound(samples, 16, bit_hz);
        words[i] = 0;
        for (unsigned bit = 0; bit < 16; ++bit) {
            const double wanted = samples[bit] / 65536.0 + 2.0 * errors[0] - errors[1];
            const double given = wanted >= 0.0 ? 1.0 : -1.0;
            errors[1] = errors[0];
            errors[0] = wanted - given;
            words[i] = (uint16_t)(words[i] << 1 | (given > 0.0 ? 1u : 0u));
        }
    }
    if (bits_file != NULL) {
        must(fwrite(words, sizeof *words, num_words, bits_file) == num_words, "the bits of the microphone");
    }
}
