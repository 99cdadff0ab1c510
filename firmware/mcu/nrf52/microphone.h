/* SPDX-License-Identifier: Apache-2.0 */
/* A PDM microphone: 16 kHz by DMA into a ring of blocks. */
#ifndef KWS_NRF52_MICROPHONE_H
#define KWS_NRF52_MICROPHONE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    NRF52_MICROPHONE_HZ = 16000,
    NRF52_MICROPHONE_BLOCK_SAMPLES = 128, /* 8 ms */
    NRF52_MICROPHONE_BLOCKS = 8
};

typedef struct {
    uint8_t clock_pin, data_pin;
    uint8_t power_pin;    /* feeds it; NRF52_NO_PIN where it always has power */
    bool left_on_rising;  /* MODE.EDGE: which half of the clock carries it */
    uint8_t gain_half_db; /* 0 .. 80 for -20 .. +20 dB in steps of 0.5 dB */
} nrf52_microphone_t;

void nrf52_microphone_start(const nrf52_microphone_t *microphone);
void nrf52_microphone_stop(const nrf52_microphone_t *microphone);

/* As in board_audio.h. */
const int16_t *nrf52_microphone_peek(uint32_t *num_samples);
void nrf52_microphone_consume(uint32_t num_samples);
uint32_t nrf52_microphone_take_lost(void);

#endif
