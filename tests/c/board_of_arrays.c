/* SPDX-License-Identifier: Apache-2.0 */
#include "board_of_arrays.h"

#include <string.h>

#include "board.h"
#include "board_flash.h"
#include "check.h"

enum {
    RECEIVE_BYTES = 4096,
    TRANSMIT_BYTES = 65536,
    ARENA_BYTES = 65536
};

static uint8_t receive_bytes[RECEIVE_BYTES];
static uint8_t transmit_bytes[TRANSMIT_BYTES];
kws_byte_ring_t board_receive_ring = {.bytes = receive_bytes, .capacity_bytes = RECEIVE_BYTES};
kws_byte_ring_t board_transmit_ring = {.bytes = transmit_bytes, .capacity_bytes = TRANSMIT_BYTES};
static _Alignas(16) uint8_t arena[ARENA_BYTES];
static _Alignas(16) uint8_t region[BOARD_REGION_BYTES];

const char *board_name(void)
{
    return "a board whose name is far too long for the message";
}
uint32_t board_clock_hz(void)
{
    return 1u;
}
uint32_t board_cycles(void)
{
    return 0u;
}
uint32_t board_serial_read(uint8_t *bytes, uint32_t max_bytes)
{
    return kws_byte_ring_read(&board_receive_ring, bytes, max_bytes);
}
uint32_t board_serial_write_room(void)
{
    return kws_byte_ring_room(&board_transmit_ring);
}
void board_serial_write(const uint8_t *bytes, uint32_t num_bytes)
{
    CHECK_EQUAL(kws_byte_ring_write(&board_transmit_ring, bytes, num_bytes), num_bytes);
}
void board_serial_write_polled(const uint8_t *bytes, uint32_t num_bytes)
{
    board_serial_write(bytes, num_bytes);
}
uint32_t board_serial_receive_bytes(void)
{
    return RECEIVE_BYTES;
}
uint32_t board_serial_overruns(void)
{
    return 0u;
}
board_memory_t board_bundle(void)
{
    return (board_memory_t){.data = region, .size_bytes = BOARD_REGION_BYTES};
}
bool board_flash_erase(uint32_t offset)
{
    CHECK(offset % KWS_BOARD_FLASH_PAGE_BYTES == 0u && offset < BOARD_REGION_BYTES);
    memset(region + offset, 0xFF, KWS_BOARD_FLASH_PAGE_BYTES);
    return true;
}
bool board_flash_write(uint32_t offset, const uint32_t *words, uint32_t num_words)
{
    CHECK(offset % sizeof words[0] == 0u && offset + num_words * sizeof words[0] <= BOARD_REGION_BYTES);
    for (uint32_t i = 0u; i < num_words * sizeof words[0]; ++i) {
        region[offset + i] &= ((const uint8_t *)words)[i];
    }
    return true;
}
board_memory_t board_arena(void)
{
    return (board_memory_t){.data = arena, .size_bytes = ARENA_BYTES};
}
uint32_t board_static_bytes(void)
{
    return 0u;
}
uint32_t board_stack_peak_bytes(void)
{
    return 0u;
}

void board_load(const void *bundle, size_t size_bytes)
{
    memset(region, 0xFF, sizeof region);
    memcpy(region, bundle, size_bytes);
}
