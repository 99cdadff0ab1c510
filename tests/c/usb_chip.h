/* SPDX-License-Identifier: Apache-2.0 */
/* The nRF52840's USB device, its registers memory at their addresses: DMA that takes its time, and the chip's rules, which
 * are checked: one DMA at a time, no packet over 64 bytes, none overwritten before the host took it. */
#ifndef KWS_USB_CHIP_H
#define KWS_USB_CHIP_H

#include <stdbool.h>
#include <stdint.h>

#include "usb_requests.h"

enum {
    QUEUE_BYTES = 4096 /* a power of two */
};

/* Bytes that must arrive, once and in order. */
typedef struct {
    uint8_t bytes[QUEUE_BYTES];
    uint32_t written, read;
} usb_queue_t;

extern usb_queue_t to_host, to_board;

void usb_push(usb_queue_t *queue, uint8_t byte);
void usb_expect(usb_queue_t *queue, const uint8_t *bytes, uint32_t num_bytes);

typedef struct {
    enum {
        NO_DMA,
        DMA_IN,
        DMA_OUT
    } dma;
    uint32_t endpoint;                /* of the DMA */
    bool in_full, out_full;           /* data packets: for the host to take, for the device to fetch */
    bool control_full, control_wants; /* the same of endpoint 0: IN to take, OUT asked for */
    uint8_t out[USB_PACKET_BYTES];
    uint32_t out_bytes;
    bool is_open; /* the port, as far as the driver has been told */
    bool refused; /* the last request */
} usb_chip_t;

extern usb_chip_t chip;
extern unsigned long num_fuzzed; /* bytes from the host */

/* Maps its registers; seed, not 0: of the line codings it receives. */
void chip_start(uint32_t seed);

/* After each call of the driver: which tasks it began. */
void chip_look(void);

void chip_interrupt(volatile uint32_t *event);
void chip_end_dma(void);

/* What was written and not sent is gone, but for the packet that has left the ring already. */
void chip_close_port(void);

/* A reset of the bus, or the end of its power. */
void chip_forget_everything(void);

/* What DMA sends. */
const uint8_t *chip_memory_at(uint32_t address);

#endif
