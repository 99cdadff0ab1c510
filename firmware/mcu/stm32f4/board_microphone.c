/* SPDX-License-Identifier: Apache-2.0 */
/* What a board with a microphone on I2S2 has beside board_stm32f4.c: board_audio.h, lamp, watchdog, reset reason. */
#include "board.h"
#include "board_audio.h"
#include "board_stm32f4.h"
#include "microphone.h"
#include "stm32f4.h"

enum {
    WATCHDOG_START = 0xCCCC,
    WATCHDOG_ACCESS = 0x5555,
    WATCHDOG_FEED = 0xAAAA,
    WATCHDOG_DIVIDE_BY_256 = 6,
    WATCHDOG_HZ = 32000 / 256, /* about: its oscillator is good to half of that */
    MS_PER_S = 1000
};

board_reset_t board_take_reset_reason(void)
{
    const uint32_t flags = RCC_CSR;
    RCC_CSR |= RCC_CSR_RMVF;
    return (flags & RCC_CSR_WDGRSTF) != 0u   ? BOARD_RESET_WATCHDOG
           : (flags & RCC_CSR_SFTRSTF) != 0u ? BOARD_RESET_SOFTWARE
           : (flags & RCC_CSR_PORRSTF) != 0u ? BOARD_RESET_POWER
           : (flags & RCC_CSR_PADRSTF) != 0u ? BOARD_RESET_PIN
                                             : BOARD_RESET_UNKNOWN;
}

void board_signal(bool on)
{
    stm32f4_pin_set(stm32f4_board.lamp_pin, on);
}

void board_watchdog_start(uint32_t timeout_ms)
{
    IWDG_KR = WATCHDOG_START;
    IWDG_KR = WATCHDOG_ACCESS;
    IWDG_PR = WATCHDOG_DIVIDE_BY_256;
    IWDG_RLR = timeout_ms * WATCHDOG_HZ / MS_PER_S;
    while (IWDG_SR != 0u) {
    }
    IWDG_KR = WATCHDOG_FEED;
}

void board_watchdog_feed(void)
{
    IWDG_KR = WATCHDOG_FEED;
}

bool board_audio_start(uint32_t sample_rate_hz)
{
    if (sample_rate_hz != STM32F4_MICROPHONE_HZ) {
        return false;
    }
    stm32f4_microphone_start();
    return true;
}

void board_audio_stop(void)
{
    stm32f4_microphone_stop();
}

const int16_t *board_audio_peek(uint32_t *num_samples)
{
    return stm32f4_microphone_peek(num_samples);
}

void board_audio_consume(uint32_t num_samples)
{
    stm32f4_microphone_consume(num_samples);
}

uint32_t board_audio_take_lost(void)
{
    return stm32f4_microphone_take_lost();
}
