/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "usb_chip.h"

#include <string.h>
#include <sys/mman.h>

#include "board_nrf52.h"
#include "check.h"
#include "cortex_m.h"
#include "nrf52840.h"
#include "random.h"

uint32_t cortex_m_interrupts_off(void)
{
    return 0u;
}
void cortex_m_interrupts_restore(uint32_t state)
{
    (void)state;
}
void cortex_m_enable_interrupt(uint32_t number)
{
    CHECK_EQUAL(number, USBD_IRQ);
}
void cortex_m_wake(void)
{
}
void cortex_m_reset(void)
{
    CHECK(false); /* this board has no bootloader to go to */
    abort();
}

/* ---- bytes that must arrive ---- */

usb_queue_t to_host, to_board;

void usb_push(usb_queue_t *queue, uint8_t byte)
{
    CHECK(queue->written - queue->read < QUEUE_BYTES);
    queue->bytes[queue->written++ % QUEUE_BYTES] = byte;
}

void usb_expect(usb_queue_t *queue, const uint8_t *bytes, uint32_t num_bytes)
{
    for (uint32_t i = 0u; i < num_bytes; ++i) {
        CHECK(queue->read != queue->written);
        CHECK_EQUAL(bytes[i], queue->bytes[queue->read++ % QUEUE_BYTES]);
    }
}

/* ---- the chip ---- */

usb_chip_t chip;
unsigned long num_fuzzed;

void USBD_IRQHandler(void);

const uint8_t *chip_memory_at(uint32_t address)
{
    return (const uint8_t *)(uintptr_t)address;
}

/* What an IN transfer sends must be what was written to the port. */
static void begin_in(uint32_t endpoint)
{
    CHECK_EQUAL(chip.dma, NO_DMA);
    CHECK(USBD_EPIN_MAXCNT(endpoint) <= USB_PACKET_BYTES);
    CHECK(endpoint != USB_DATA_ENDPOINT || !chip.in_full);
    chip.dma = DMA_IN;
    chip.endpoint = endpoint;
}

static void begin_out(uint32_t endpoint)
{
    CHECK_EQUAL(chip.dma, NO_DMA);
    CHECK(endpoint != USB_DATA_ENDPOINT || chip.out_full);
    chip.dma = DMA_OUT;
    chip.endpoint = endpoint;
}

static bool take(volatile uint32_t *task)
{
    const bool begun = *task != 0u;
    *task = 0u;
    return begun;
}

void chip_look(void)
{
    for (uint32_t endpoint = 0u; endpoint <= USB_DATA_ENDPOINT; endpoint += USB_DATA_ENDPOINT) {
        if (take(&USBD_TASKS_STARTEPIN(endpoint))) {
            begin_in(endpoint);
        }
        if (take(&USBD_TASKS_STARTEPOUT(endpoint))) {
            begin_out(endpoint);
        }
    }
    if (take(&USBD_TASKS_EP0RCVOUT)) {
        chip.control_wants = true;
    }
    chip.refused = take(&USBD_TASKS_EP0STALL) || chip.refused;
    if (take(&USBD_TASKS_EP0STATUS) || chip.refused) {
        chip.control_full = chip.control_wants = false;
    }
}

void chip_interrupt(volatile uint32_t *event)
{
    *event = 1u;
    USBD_IRQHandler();
    USBD_EPDATASTATUS = 0u; /* the driver has written the ones that it saw */
    chip_look();
}

static void end_in(void)
{
    const uint32_t count = USBD_EPIN_MAXCNT(chip.endpoint);
    uint8_t packet[USB_PACKET_BYTES];
    memcpy(packet, chip_memory_at(USBD_EPIN_PTR(chip.endpoint)), count);
    if (chip.endpoint == USB_DATA_ENDPOINT) {
        usb_expect(&to_host, packet, count);
        chip.in_full = true;
    } else {
        chip.control_full = true;
    }
    chip.dma = NO_DMA;
    chip_interrupt(&USBD_EVENTS_ENDEPIN(chip.endpoint));
}

static void end_out(void)
{
    const uint32_t wanted = USBD_EPOUT_MAXCNT(chip.endpoint);
    uint8_t *at = (uint8_t *)(uintptr_t)USBD_EPOUT_PTR(chip.endpoint);
    if (chip.endpoint == USB_DATA_ENDPOINT) {
        CHECK_EQUAL(wanted, chip.out_bytes);
        memcpy(at, chip.out, wanted);
        for (uint32_t i = 0u; i < wanted; ++i) {
            usb_push(&to_board, chip.out[i]);
        }
        chip.out_full = false;
    } else {
        for (uint32_t i = 0u; i < wanted; ++i) {
            at[i] = (uint8_t)random_u32(); /* a line coding */
        }
        num_fuzzed += wanted;
    }
    USBD_EPOUT_AMOUNT(chip.endpoint) = wanted;
    chip.dma = NO_DMA;
    chip_interrupt(&USBD_EVENTS_ENDEPOUT(chip.endpoint));
}

void chip_end_dma(void)
{
    if (chip.dma == DMA_IN) {
        end_in();
    } else if (chip.dma == DMA_OUT) {
        end_out();
    }
}

void chip_close_port(void)
{
    const bool leaves = chip.dma == DMA_IN && chip.endpoint == USB_DATA_ENDPOINT;
    const uint32_t left = leaves ? USBD_EPIN_MAXCNT(USB_DATA_ENDPOINT) : 0u;
    chip.is_open = false;
    CHECK(to_host.written - to_host.read >= left);
    to_host.written = to_host.read + left;
}

void chip_forget_everything(void)
{
    chip.dma = NO_DMA;
    chip_close_port();
    chip.in_full = chip.out_full = chip.control_full = chip.control_wants = false;
}

static void map(uint32_t address, uint32_t num_bytes)
{
    void *at = (void *)(uintptr_t)address;
    CHECK(mmap(at, num_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
               0) == at);
}

void chip_start(uint32_t seed)
{
    random_state = seed;
    map(0x10000000u, 0x1000u); /* FICR */
    map(0x40000000u, 0x1000u); /* POWER */
    map(0x40027000u, 0x1000u); /* USBD */
    map(0x4006E000u, 0x1000u); /* anomalies */
}
