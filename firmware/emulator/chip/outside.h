/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the outside world share: main.c, serial.c, sound.c, glitch.c, supply.c. */
#ifndef KWS_EMULATOR_OUTSIDE_H
#define KWS_EMULATOR_OUTSIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ends the program with exit status 2 when not. */
void must(bool ok, const char *what);

/* The whole file; the caller frees it. */
uint8_t *read_file(const char *path, size_t *num_bytes);

/* serial.c: prints a local TCP port and waits for the other end; without it the line goes to standard output. */
void serial_listen(void);
/* False when the other end is gone. wait_ms: how long there is nothing else to do. */
bool serial_exchange(int wait_ms);
bool serial_is_idle(void);        /* nothing to send, nothing to hand on */
unsigned long serial_taken(void); /* bytes that the chip has received */

/* WAV of 16 bits, first channel, any rate. */
void sound_load(const char *path, bool loop);
/* What a microphone makes of sound: it gives full scale only for far louder sound than the file's, and adds a constant, and a step that fades within some tenths of a second of its start. */
void sound_flaws(double sensitivity_db, double constant, double fading);
/* A microphone that raises a pin while there is sound at this level or above, with or without a clock. The file is then
 * heard by the time of day: it goes on while the microphone is off. */
void sound_wake_pin(unsigned pin, double level_dbfs);
/* The last so many seconds have passed. */
void sound_pass(double seconds);
bool sound_ended(double seconds_ago);
/* The bits of a pulse density microphone go to a file too, for the host's decimator. */
void sound_keep_bits(const char *path);

/* glitch.c: "ADDRESS=HALFWORD@SECONDS": from then to the next reset one instruction is another, as after a fault of the
 * flash or in a program gone wrong. */
void glitch_plan(const char *what);
void glitch_undo(void);

/* The supply fails at the flash operation of this number, counted from 1; or at each of them, in copies of this process:
 * after it has started again each hears these bytes and writes a line to the file, with the number of the operation, the
 * mistakes counted so far, and what the board answered. */
void supply_cut_once(uint64_t operation);
void supply_cut_always(const char *path, const char *hex);
uint64_t supply_operations(void); /* of the flash, so far */
bool supply_take_failure(void);   /* it has failed: memory is noise */
void supply_end(void);            /* waits for the copies */
/* In a copy the serial line ends here. */
bool supply_has_the_line(void);
int supply_receive(void);
void supply_send(uint8_t byte);
void supply_end_copy(unsigned num_mistakes); /* when it has answered */

#endif
