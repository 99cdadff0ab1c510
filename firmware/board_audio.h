/* SPDX-License-Identifier: Apache-2.0 */
/* A microphone on the board, for boards whose board.cmake says set(KWS_BOARD_HAS_MICROPHONE ON). All of it is called from
 * the main loop; DMA and interrupts fill the ring behind it. */
#ifndef KWS_BOARD_AUDIO_H
#define KWS_BOARD_AUDIO_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Starts the microphone with an empty ring. False: there is none, or it cannot make this rate within 0.1 %. */
bool board_audio_start(uint32_t sample_rate_hz);

/* Clock, bias and microphone off; harmless when it does not run. */
void board_audio_stop(void);

/* The oldest samples in a row, where they lie; none when there are none yet. They stay until consumed. Never waits; the
 * board wakes the core (board_sleep returns) whenever there are more. */
const int16_t *board_audio_peek(uint32_t *num_samples);
void board_audio_consume(uint32_t num_samples);

/* Whether the microphone can say by a pin that there is sound while everything else is off. */
bool board_audio_can_wait(void);

/* Stopped, it listens by itself from now on, and all that sound does not need is off: the core is woken (board_sleep
 * returns) when there is some, and now and then. board_audio_start ends it; so does board_audio_end_wait, for what is to come needs
 * clocks and no sound. */
void board_audio_wait(void);
void board_audio_end_wait(void);
bool board_audio_heard_sound(void);

/* Samples that were lost right before those that board_audio_peek gives; each is told once. */
uint32_t board_audio_take_lost(void);

#ifdef __cplusplus
}
#endif

#endif
