/* SPDX-License-Identifier: Apache-2.0 */
/* A PDM microphone on I2S2 of the STM32F407: CK PB10, SD PC3. 2.048 MHz of bits by DMA, 16 kHz by the core's decimator. */
#ifndef KWS_STM32F4_MICROPHONE_H
#define KWS_STM32F4_MICROPHONE_H

#include <stdint.h>

enum {
    STM32F4_MICROPHONE_HZ = 16000
};

void stm32f4_microphone_start(void);
void stm32f4_microphone_stop(void);

/* As in board_audio.h. */
const int16_t *stm32f4_microphone_peek(uint32_t *num_samples);
void stm32f4_microphone_consume(uint32_t num_samples);
uint32_t stm32f4_microphone_take_lost(void);

#endif
