/* SPDX-License-Identifier: Apache-2.0 */
/* Writing the flash that board_bundle names, for boards whose board.cmake says set(KWS_BOARD_FLASH_PAGE_BYTES N). Offsets
 * count from its first byte; it is read in place. The processor may stand still meanwhile, for as long as a page takes
 * (nRF52840: 85 ms; STM32F4: 1 to 2 s), and bytes of the serial line may be lost then. */
#ifndef KWS_BOARD_FLASH_H
#define KWS_BOARD_FLASH_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The page of KWS_BOARD_FLASH_PAGE_BYTES at offset becomes ones. False: the controller says that it failed. */
bool board_flash_erase(uint32_t offset);

/* Ones become zeros, never the other way round. offset is a multiple of 4. */
bool board_flash_write(uint32_t offset, const uint32_t *words, uint32_t num_words);

#ifdef __cplusplus
}
#endif

#endif
