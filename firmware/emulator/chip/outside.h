/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the outside world share: main.c, sound.c. */
#ifndef KWS_EMULATOR_OUTSIDE_H
#define KWS_EMULATOR_OUTSIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ends the program with exit status 2 when not. */
void must(bool ok, const char *what);

/* The whole file; the caller frees it. */
uint8_t *read_file(const char *path, size_t *num_bytes);

/* WAV of 16 bits, first channel, any rate. */
void sound_load(const char *path, bool loop);
/* What a microphone makes of sound: it gives full scale only for far louder sound than the file's, and adds a constant, and a step that fades within some tenths of a second of its start. */
void sound_flaws(double sensitivity_db, double constant, double fading);
bool sound_ended(double seconds_ago);
/* The bits of a pulse density microphone go to a file too, for the host's decimator. */
void sound_keep_bits(const char *path);

#endif
