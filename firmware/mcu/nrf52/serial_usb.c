/* SPDX-License-Identifier: Apache-2.0 */
/* The chip's own USB as a serial port: a full-speed CDC-ACM device. usb_requests.c knows what hosts ask, this file moves
 * packets. The chip does one DMA at a time for all endpoints (anything else corrupts data), so what is wanted is noted in
 * bits and done one by one. A port that nobody has open swallows what is written: nobody waits for a reader. */
#include <stdbool.h>

#include "board_nrf52.h"
#include "cortex_m.h"
#include "kws_byte_ring.h"
#include "nrf52840.h"
#include "serial.h"
#include "usb_requests.h"

enum {
    RECEIVE_BYTES = NRF52_SERIAL_RECEIVE_BYTES,
    TRANSMIT_BYTES = NRF52_SERIAL_TRANSMIT_BYTES,
    DATA = USB_DATA_ENDPOINT,
    LINE_CODING_BYTES = 7,
    BOOTLOADER_BAUD = 1200, /* by convention: a port opened so and closed again asks for the bootloader */
    POLLS = 200000          /* of a fault handler: some packets' time */
};

/* Bits of `wanted` */
enum {
    CONTROL_IN = 1,
    CONTROL_OUT = 2,
    CONTROL_RECEIVE = 4,
    CONTROL_STATUS = 8,
    DATA_IN = 16,
    DATA_OUT = 32
};

static uint8_t receive_bytes[RECEIVE_BYTES];
static uint8_t transmit_bytes[TRANSMIT_BYTES];
static kws_byte_ring_t receive_ring = {.bytes = receive_bytes, .capacity_bytes = RECEIVE_BYTES};
static kws_byte_ring_t transmit_ring = {.bytes = transmit_bytes, .capacity_bytes = TRANSMIT_BYTES};

/* DMA reads and writes RAM only, by words. */
static uint8_t control_packet[USB_PACKET_BYTES] __attribute__((aligned(4)));
static uint8_t in_packet[USB_PACKET_BYTES] __attribute__((aligned(4)));
static uint8_t out_packet[USB_PACKET_BYTES] __attribute__((aligned(4)));

static volatile uint32_t wanted;
static volatile bool dma_runs, in_busy, port_open;
static bool enabled;
static const uint8_t *control_data; /* of the answer still to be sent */
static uint32_t control_left;
static bool
    control_is_short; /* the answer is shorter than was asked for: a host must be told where it ends */

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* ---- one DMA at a time ---- */

static void begin_dma(void)
{
    dma_runs = true;
    __asm volatile("" ::: "memory"); /* the compiler knows of no reader of the buffer: DMA is one */
    NRF52_ERRATA_199 = 0x82;
}

static void send(uint32_t endpoint, const uint8_t *packet, uint32_t num_bytes)
{
    begin_dma();
    USBD_EPIN_PTR(endpoint) = (uint32_t)(uintptr_t)packet;
    USBD_EPIN_MAXCNT(endpoint) = num_bytes;
    USBD_TASKS_STARTEPIN(endpoint) = 1;
}

static void fetch(uint32_t endpoint, uint8_t *packet, uint32_t num_bytes)
{
    begin_dma();
    USBD_EPOUT_PTR(endpoint) = (uint32_t)(uintptr_t)packet;
    USBD_EPOUT_MAXCNT(endpoint) = num_bytes;
    USBD_TASKS_STARTEPOUT(endpoint) = 1;
}

static void send_control(void)
{
    const uint32_t count = smaller(control_left, USB_PACKET_BYTES);
    for (uint32_t i = 0; i < count; ++i) {
        control_packet[i] = control_data[i]; /* DMA does not read flash */
    }
    send(0, control_packet, count);
}

/* Never a full packet: behind one an empty one would be owed. */
static void send_data(void)
{
    in_busy = true;
    send(DATA, in_packet, kws_byte_ring_read(&transmit_ring, in_packet, USB_PACKET_BYTES - 1u));
}

/* The one that comes first of those wanted. Takes its bit away; 0 when there is none. */
static uint32_t take_wanted(void)
{
    uint32_t ready = wanted;
    if (kws_byte_ring_room(&receive_ring) < USB_PACKET_BYTES) {
        ready &= ~(uint32_t)DATA_OUT; /* the packet stays in the chip, and the host waits */
    }
    const uint32_t first = ready & (0u - ready);
    wanted &= ~first;
    return first;
}

/* False when there was nothing to do. */
static bool pump_one(void)
{
    if (port_open && !in_busy && kws_byte_ring_available(&transmit_ring) > 0u) {
        wanted |= DATA_IN;
    }
    switch (take_wanted()) {
    case CONTROL_IN: send_control(); return true;
    case CONTROL_OUT: fetch(0, usb_line_coding, LINE_CODING_BYTES); return true;
    case CONTROL_RECEIVE: USBD_TASKS_EP0RCVOUT = 1; return true;
    case CONTROL_STATUS: USBD_TASKS_EP0STATUS = 1; return true;
    case DATA_IN: send_data(); return true;
    case DATA_OUT: fetch(DATA, out_packet, USBD_SIZE_EPOUT(DATA)); return true;
    default: return false;
    }
}

/* With interrupts off, or from the interrupt. A DMA ends with an interrupt that goes on here; what is no DMA does not. */
static void pump(void)
{
    while (!dma_runs && pump_one()) {
    }
}

/* ---- requests ---- */

static void close_port(void)
{
    port_open = false;
    transmit_ring.read = transmit_ring.written;
}

static void on_line_state(bool open)
{
    const uint32_t baud =
        usb_line_coding[0] | (uint32_t)usb_line_coding[1] << 8 | (uint32_t)usb_line_coding[2] << 16;
    if (port_open && !open && baud == BOOTLOADER_BAUD && nrf52_board.bootloader_magic != 0u) {
        POWER_GPREGRET = nrf52_board.bootloader_magic;
        cortex_m_reset();
    }
    if (open) {
        port_open = true;
    } else {
        close_port();
    }
}

/* Both ends count an endpoint's packets in one bit, to know a repeated one; these requests make it DATA0 at the host's
 * (USB 2.0, 9.1.1.5 and 9.4.5). */
static void begin_with_data0(uint32_t endpoint_address)
{
    USBD_DTOGGLE = USBD_DTOGGLE_VALUE_NOP | endpoint_address; /* selects it */
    USBD_DTOGGLE = USBD_DTOGGLE_VALUE_DATA0 | endpoint_address;
}

static void begin_interface_with_data0(uint32_t interface)
{
    if (interface == USB_CONTROL_INTERFACE) {
        begin_with_data0(USB_IN | USB_NOTICE_ENDPOINT);
    } else {
        begin_with_data0(USB_IN | DATA);
        begin_with_data0(DATA);
    }
}

static void begin_all_with_data0(void)
{
    begin_interface_with_data0(USB_CONTROL_INTERFACE);
    begin_interface_with_data0(USB_DATA_INTERFACE);
}

static void configure(void)
{
    const bool works = usb_configuration != 0u;
    USBD_EPINEN = USBD_EPINEN_IN0 | (works ? USBD_EPINEN_IN1 | USBD_EPINEN_IN2 : 0u);
    USBD_EPOUTEN = USBD_EPOUTEN_OUT0 | (works ? USBD_EPOUTEN_OUT2 : 0u);
    begin_all_with_data0();
    USBD_SIZE_EPOUT(DATA) = 0;     /* any write: ready for the first packet */
    wanted &= ~(uint32_t)DATA_OUT; /* one that waited is dropped by that */
    if (!works) {
        close_port();
    }
}

static void on_setup(void)
{
    const usb_setup_t setup = {.type = (uint8_t)USBD_BMREQUESTTYPE,
                               .request = (uint8_t)USBD_BREQUEST,
                               .value_low = (uint8_t)USBD_WVALUEL,
                               .value_high = (uint8_t)USBD_WVALUEH,
                               .index = (uint8_t)USBD_WINDEXL,
                               .length = (uint16_t)(USBD_WLENGTHL | USBD_WLENGTHH << 8)};
    wanted &=
        ~(uint32_t)(CONTROL_IN | CONTROL_OUT | CONTROL_RECEIVE | CONTROL_STATUS); /* of the request before */
    uint32_t num_bytes = 0;
    switch (usb_request(&setup, &control_data, &num_bytes)) {
    case USB_SEND:
        control_left = smaller(num_bytes, setup.length);
        control_is_short = num_bytes < setup.length;
        wanted |= CONTROL_IN;
        break;
    case USB_RECEIVE:
        if (setup.length == LINE_CODING_BYTES) {
            wanted |= CONTROL_RECEIVE;
        } else {
            USBD_TASKS_EP0STALL = 1;
        }
        break;
    case USB_CONFIGURED:
        configure();
        wanted |= CONTROL_STATUS;
        break;
    case USB_INTERFACE:
        begin_interface_with_data0(setup.index);
        wanted |= CONTROL_STATUS;
        break;
    case USB_UNHALTED:
        begin_with_data0(setup.index);
        wanted |= CONTROL_STATUS;
        break;
    case USB_LINE_STATE:
        on_line_state((setup.value_low & 1u) != 0u);
        wanted |= CONTROL_STATUS;
        break;
    case USB_REFUSED: USBD_TASKS_EP0STALL = 1; break;
    case USB_NOTHING: break;
    }
}

static void on_control_data_done(void)
{
    if ((USBD_BMREQUESTTYPE & 0x80u) == 0u) {
        wanted |= CONTROL_OUT; /* it has come */
        return;
    }
    const uint32_t sent = smaller(control_left, USB_PACKET_BYTES);
    control_data += sent;
    control_left -= sent;
    const bool more = control_left > 0u || (control_is_short && sent == USB_PACKET_BYTES);
    wanted |= more ? CONTROL_IN : CONTROL_STATUS;
}

/* ---- events ---- */

static bool take(volatile uint32_t *event)
{
    const bool there = *event != 0u;
    *event = 0;
    (void)*event; /* the clearing has arrived before the return */
    return there;
}

static void on_reset(void)
{
    in_busy = dma_runs = false;
    wanted = 0;
    usb_configuration = 0;
    close_port();
}

static void on_dma_done(void)
{
    const bool control_in = take(&USBD_EVENTS_ENDEPIN(0));
    const bool data_in = take(&USBD_EVENTS_ENDEPIN(DATA));
    const bool control_out = take(&USBD_EVENTS_ENDEPOUT(0));
    const bool data_out = take(&USBD_EVENTS_ENDEPOUT(DATA));
    if (control_out) {
        wanted |= CONTROL_STATUS;
    }
    if (data_out) {
        kws_byte_ring_write(&receive_ring, out_packet, USBD_EPOUT_AMOUNT(DATA));
    }
    if (control_in || data_in || control_out || data_out) {
        dma_runs = false;
        NRF52_ERRATA_199 = 0;
    }
}

void USBD_IRQHandler(void);
void USBD_IRQHandler(void)
{
    if (take(&USBD_EVENTS_USBRESET)) {
        on_reset();
    }
    on_dma_done();
    if (take(&USBD_EVENTS_EP0SETUP)) {
        on_setup();
    }
    if (take(&USBD_EVENTS_EP0DATADONE)) {
        on_control_data_done();
    }
    if (take(&USBD_EVENTS_EPDATA)) {
        const uint32_t status = USBD_EPDATASTATUS;
        USBD_EPDATASTATUS = status; /* ones clear */
        in_busy = in_busy && (status & USBD_EPDATASTATUS_EPIN2) == 0u;
        wanted |= (status & USBD_EPDATASTATUS_EPOUT2) != 0u ? DATA_OUT : 0u;
    }
    pump();
    cortex_m_wake();
}

/* ---- the cable ---- */

static void write_errata(volatile uint32_t *at, uint32_t value)
{
    const bool locked = NRF52_ERRATA_KEY == 0u;
    if (locked) {
        NRF52_ERRATA_KEY = 0x9375;
    }
    *at = value;
    if (locked) {
        NRF52_ERRATA_KEY = 0x9375;
    }
}

static void enable(void)
{
    USBD_EVENTCAUSE = USBD_EVENTCAUSE_READY; /* ones clear */
    write_errata(&NRF52_ERRATA_187, 3);
    write_errata(&NRF52_ERRATA_171, 0xC0);
    USBD_ENABLE = USBD_ENABLE_ENABLE;
    while ((USBD_EVENTCAUSE & USBD_EVENTCAUSE_READY) == 0u) {
    }
    USBD_EVENTCAUSE = USBD_EVENTCAUSE_READY;
    write_errata(&NRF52_ERRATA_171, 0);
    write_errata(&NRF52_ERRATA_187, 0);
    NRF52_ERRATA_166(0) = 0x7E3;
    NRF52_ERRATA_166(1) = 0x40;
    USBD_INTENSET = USBD_INTENSET_USBRESET | USBD_INTENSET_ENDEPIN0 | USBD_INTENSET_ENDEPIN2 |
                    USBD_INTENSET_EP0DATADONE | USBD_INTENSET_ENDEPOUT0 | USBD_INTENSET_ENDEPOUT2 |
                    USBD_INTENSET_EP0SETUP | USBD_INTENSET_EPDATA;
    cortex_m_enable_interrupt(USBD_IRQ);
    USBD_USBPULLUP = USBD_USBPULLUP_CONNECT;
}

/* Plugged in and out at any time. A bootloader may have consumed the events, so the state is looked at, once per turn of
 * the main loop. */
static void follow_cable(void)
{
    const bool powered = (POWER_USBREGSTATUS & POWER_USBREGSTATUS_OUTPUTRDY) != 0u;
    if (powered && !enabled) {
        enable();
    } else if (!powered && enabled) {
        const uint32_t state = cortex_m_interrupts_off();
        USBD_USBPULLUP = 0;
        USBD_ENABLE = 0;
        on_reset();
        cortex_m_interrupts_restore(state);
    }
    enabled = powered;
}

void nrf52_serial_init(uint32_t baud)
{
    (void)baud;      /* packets have no baud */
    USBD_ENABLE = 0; /* a bootloader may have left it on */
    follow_cable();
}

/* ---- the port ---- */

static void pump_now(void)
{
    const uint32_t state = cortex_m_interrupts_off();
    pump();
    cortex_m_interrupts_restore(state);
}

uint32_t nrf52_serial_read(uint8_t *bytes, uint32_t max_bytes)
{
    follow_cable();
    const uint32_t count = kws_byte_ring_read(&receive_ring, bytes, max_bytes);
    if (count > 0u) {
        pump_now(); /* there may be room for a packet that waits */
    }
    return count;
}

uint32_t nrf52_serial_write_room(void)
{
    return port_open ? kws_byte_ring_room(&transmit_ring) : TRANSMIT_BYTES;
}

void nrf52_serial_write(const uint8_t *bytes, uint32_t num_bytes)
{
    if (port_open) {
        kws_byte_ring_write(&transmit_ring, bytes, num_bytes);
        pump_now();
    }
}

uint32_t nrf52_serial_overruns(void)
{
    return 0; /* a host waits until there is room */
}

void nrf52_serial_write_polled(const uint8_t *bytes, uint32_t num_bytes)
{
    uint32_t done = 0;
    for (uint32_t i = 0; i < POLLS && port_open && (done < num_bytes || in_busy); ++i) {
        done += kws_byte_ring_write(&transmit_ring, bytes + done, num_bytes - done);
        USBD_IRQHandler();
    }
}

bool nrf52_serial_is_open(void)
{
    return port_open;
}

void nrf52_serial_rest(void)
{
    /* who has a USB host has its current */
}
