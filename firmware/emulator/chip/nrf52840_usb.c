/* SPDX-License-Identifier: Apache-2.0 */
/* USBD of the nRF52840, and a host that enumerates it, opens its CDC-ACM port and carries the serial line. One packet
 * at a time, one DMA at a time, as the chip. */
#include <string.h>

#include "nrf52840.h"

enum {
    USBRESET = 0x100,
    DMA_STARTED = 0x104,
    ENDEPIN = 0x108,
    EP0DATADONE = 0x128,
    ENDEPOUT = 0x130,
    SOF = 0x154,
    USBEVENT = 0x158,
    EP0SETUP = 0x15C,
    EPDATA = 0x160,
    EVENTCAUSE = 0x400,
    CAUSE_READY = 1 << 11,
    EPDATASTATUS = 0x46C,
    USBADDR = 0x470,
    SETUP_BYTES = 0x480,
    SIZE_EPOUT = 0x4A0,
    USB_ENABLE = 0x500,
    USBPULLUP = 0x504,
    DTOGGLE = 0x50C,
    EPINEN = 0x510,
    EPOUTEN = 0x514,
    EPIN = 0x600,
    EPOUT = 0x700,
    NUM_ENDPOINTS = 8,
    FIRST_CLEARED_HALT = 10, /* of the host's requests */
    PACKET_BYTES = 64,
    DMA_US = 10,
    TICK_US = 60, /* a full-speed bulk packet takes about as long */
    PATIENCE_TICKS = 500000 / TICK_US,
    NO_ENDPOINT = 0xFF
};

peripheral_t usbd;

static alarm_t ready_alarm, dma_alarm, host_alarm;
static uint32_t causes, data_status;
static uint32_t dma_task; /* offset of the task whose DMA runs; 0 when none */

static struct {
    uint8_t bytes[PACKET_BYTES];
    uint32_t num_bytes;
    bool full; /* IN: for the host to take; OUT: for the device to fetch */
    bool
        data1; /* of the next packet; only DTOGGLE resets it: no document says that a reset of the bus does */
} ins[NUM_ENDPOINTS], outs[NUM_ENDPOINTS];

/* ---- device ---- */

static void usb_ready(void *context)
{
    (void)context;
    causes |= CAUSE_READY;
    *reg(&usbd, EVENTCAUSE) = causes;
    event(&usbd, USBEVENT);
}

static void dma_done(void *context)
{
    (void)context;
    const bool in = dma_task < 0x028u;
    const unsigned endpoint = (dma_task - (in ? 0x004u : 0x028u)) / 4u;
    const uint32_t registers = (in ? EPIN : EPOUT) + 0x14u * endpoint;
    const uint32_t at = *reg(&usbd, registers), wanted = *reg(&usbd, registers + 4) & 0x7Fu;
    dma_task = 0;
    if (in) {
        ins[endpoint].num_bytes = wanted < PACKET_BYTES ? wanted : PACKET_BYTES;
        memory_read(at, ins[endpoint].bytes, ins[endpoint].num_bytes);
        ins[endpoint].full = true;
        *reg(&usbd, registers + 8) = ins[endpoint].num_bytes;
        event(&usbd, ENDEPIN + 4 * endpoint);
    } else {
        const uint32_t count = wanted < outs[endpoint].num_bytes ? wanted : outs[endpoint].num_bytes;
        memory_write(at, outs[endpoint].bytes, count);
        outs[endpoint].full = false;
        *reg(&usbd, registers + 8) = count;
        event(&usbd, ENDEPOUT + 4 * endpoint);
    }
}

static void control_status(void);
static void control_stalled(void);
static void control_wants_data(void);

static void usb_task(peripheral_t *self, uint32_t offset)
{
    if (dma_task != 0u && offset < 0x058u) {
        outside_mistake("USBD task %03x while the DMA of task %03x runs (pc %08x)", offset, dma_task,
                        core_pc());
        return;
    }
    if (offset >= 0x004u && offset < 0x048u && offset != 0x024u) {
        const bool in = offset < 0x028u;
        const uint32_t registers = (in ? EPIN : EPOUT) + 0x14u * ((offset - (in ? 0x004u : 0x028u)) / 4u);
        if (!dma_ok(self, *reg(self, registers), *reg(self, registers + 4) & 0x7Fu)) {
            return;
        }
        dma_task = offset;
        event(self, DMA_STARTED);
        alarm_set(&dma_alarm, machine_cycles + DMA_US * (uint64_t)CYCLES_PER_US);
    } else if (offset == 0x04Cu) {
        control_wants_data();
    } else if (offset == 0x050u) {
        control_status();
    } else if (offset == 0x054u) {
        control_stalled();
    }
}

static void write_toggle(peripheral_t *self, uint32_t value)
{
    bool *data1 = &((value & 0x80u) != 0u ? ins : outs)[value & 7u].data1;
    const uint32_t wanted = value >> 8 & 3u; /* 0: none, only selects */
    *data1 = wanted == 0u ? *data1 : wanted == 2u;
    *reg(self, DTOGGLE) = (value & 0x87u) | (*data1 ? 2u : 1u) << 8;
}

static void usb_write(peripheral_t *self, uint32_t offset, uint32_t value)
{
    switch (offset) {
    case EVENTCAUSE:
        causes &= ~value;
        *reg(self, EVENTCAUSE) = causes;
        break;
    case EPDATASTATUS:
        data_status &= ~value;
        *reg(self, EPDATASTATUS) = data_status;
        break;
    case DTOGGLE: write_toggle(self, value); break;
    case USB_ENABLE:
        if ((value & 1u) != 0u && errata_register(0xD14) != 3u) {
            outside_mistake("USBD enabled without the workaround for anomaly 187");
        }
        alarm_set(&ready_alarm, (value & 1u) != 0u ? machine_cycles + 100u * (uint64_t)CYCLES_PER_US : NEVER);
        break;
    case USBPULLUP:
        if ((value & 1u) != 0u && !hfxo_runs()) {
            outside_mistake("USB pull-up without the crystal oscillator");
        }
        break;
    default:
        if (offset >= SIZE_EPOUT && offset < SIZE_EPOUT + 4 * NUM_ENDPOINTS) {
            outs[(offset - SIZE_EPOUT) / 4u].full = false; /* any write: ready for a packet */
        }
        break;
    }
}

/* ---- host ---- */

typedef enum {
    NOT_THERE,
    RESETTING,
    CONTROL,
    RUNNING,
    GAVE_UP
} host_state_t;

static struct {
    host_state_t state;
    uint32_t wait_ticks, idle_ticks;
    unsigned step;
    enum {
        SEND_SETUP,
        DATA_IN,
        DATA_OUT,
        STATUS
    } stage;
    uint8_t setup[8], data[512];
    uint32_t num_data, total;
    bool wants_data, answered, refused;
    bool in_data1, out_data1; /* of the next packets */
    bool has_cleared_halts;
    uint8_t in, out, notify, interface;
} host;

static void control_wants_data(void)
{
    host.wants_data = true;
}

static void control_status(void)
{
    host.answered = true;
}

static void control_stalled(void)
{
    host.refused = true;
}

static uint32_t word16(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8;
}

/* The endpoints of the CDC data interface, and the number of its control interface. */
static void read_configuration(void)
{
    bool data_interface = false;
    host.in = host.out = host.notify = NO_ENDPOINT;
    for (uint32_t at = 0; at + 2 <= host.num_data && host.data[at] > 0; at += host.data[at]) {
        const uint8_t *descriptor = host.data + at;
        if (descriptor[1] == 4) {
            data_interface = descriptor[5] == 10;
            host.interface = descriptor[5] == 2 ? descriptor[2] : host.interface;
        } else if (descriptor[1] == 5) {
            const uint8_t number = descriptor[2] & 15u;
            uint8_t *which = !data_interface                 ? &host.notify
                             : (descriptor[2] & 0x80u) != 0u ? &host.in
                                                             : &host.out;
            *which = number;
        }
    }
    if (host.in == NO_ENDPOINT || host.out == NO_ENDPOINT) {
        outside_mistake("USB: no CDC data interface with bulk IN and OUT in %u bytes of configuration",
                        host.num_data);
    }
}

/* What a host asks before a port can be opened. False when there is no more. Some hosts clear halts that nobody set; this
 * one does so again in the middle of the traffic. */
static bool next_request(void)
{
    const uint32_t whole = host.step == 4 ? word16(host.data + 2) : 0;
    const uint8_t requests[][8] = {
        {0x80, 6, 0, 1, 0, 0, 64, 0},
        {0x00, 5, 5, 0, 0, 0, 0, 0},
        {0x80, 6, 0, 1, 0, 0, 18, 0},
        {0x80, 6, 0, 2, 0, 0, 9, 0},
        {0x80, 6, 0, 2, 0, 0, (uint8_t)whole, (uint8_t)(whole >> 8)},
        {0x80, 6, 0, 3, 0, 0, 255, 0},
        {0x00, 9, 1, 0, 0, 0, 0, 0},
        {0x80, 8, 0, 0, 0, 0, 1, 0},
        {0x21, 0x20, 0, 0, host.interface, 0, 7, 0},
        {0x21, 0x22, 3, 0, host.interface, 0, 0, 0},
        {0x02, 1, 0, 0, 0x80u | host.in, 0, 0, 0},
        {0x02, 1, 0, 0, host.out, 0, 0, 0},
    };
    if (host.step >= sizeof requests / sizeof *requests) {
        return false;
    }
    memcpy(host.setup, requests[host.step], sizeof host.setup);
    return true;
}

static void begin_control(void)
{
    for (unsigned i = 0; i < 8; ++i) {
        *reg(&usbd, SETUP_BYTES + 4 * i) = host.setup[i];
    }
    host.total = word16(host.setup + 6);
    host.num_data = 0;
    host.wants_data = host.answered = host.refused = false;
    host.stage = host.total == 0 ? STATUS : (host.setup[0] & 0x80u) != 0u ? DATA_IN : DATA_OUT;
    if (host.setup[0] == 0 && host.setup[1] == 5) { /* the chip answers by itself */
        *reg(&usbd, USBADDR) = host.setup[2];
        host.answered = true;
    }
    ins[0].full = outs[0].full = false;
    event(&usbd, EP0SETUP);
}

static void data_done(void)
{
    event(&usbd, EP0DATADONE);
    if (shorted(&usbd, 2)) {
        control_status();
    }
}

static void end_control(void)
{
    if (host.refused && host.step != 5) { /* strings are optional */
        outside_mistake("USB: request %02x %02x refused", host.setup[0], host.setup[1]);
    }
    if (host.step == 4) {
        read_configuration();
    }
    if (host.setup[1] == 8 && host.data[0] != 1) {
        outside_mistake("USB: configuration 1 was chosen, but is %u", host.data[0]);
    }
    if (host.setup[1] == 9) {
        host.in_data1 = host.out_data1 = false;
    } else if (host.setup[1] == 1) {
        *((host.setup[4] & 0x80u) != 0u ? &host.in_data1 : &host.out_data1) = false;
    }
    ++host.step;
    host.stage = SEND_SETUP;
    host.idle_ticks = 0;
    host.wait_ticks = 4;
}

static void step_control(void)
{
    if (++host.idle_ticks > PATIENCE_TICKS) {
        outside_mistake("USB: the host gave up at request %02x %02x, stage %u", host.setup[0], host.setup[1],
                        host.stage);
        host.state = GAVE_UP;
        return;
    }
    if (host.stage == SEND_SETUP) {
        if (next_request()) {
            begin_control();
        } else {
            host.state = RUNNING;
        }
    } else if (host.refused || (host.stage == STATUS && host.answered)) {
        end_control();
    } else if (host.stage == DATA_IN && ins[0].full) {
        const uint32_t room = sizeof host.data - host.num_data;
        const uint32_t count = ins[0].num_bytes < room ? ins[0].num_bytes : room;
        memcpy(host.data + host.num_data, ins[0].bytes, count);
        host.num_data += count;
        ins[0].full = false;
        if (ins[0].num_bytes < PACKET_BYTES || host.num_data >= host.total) {
            host.stage = STATUS;
        }
        data_done();
    } else if (host.stage == DATA_OUT && host.wants_data) {
        static const uint8_t LINE_CODING[7] = {0x00, 0x10, 0x0E, 0x00, 0, 0, 8}; /* 921600 8N1 */
        memcpy(outs[0].bytes, LINE_CODING, sizeof LINE_CODING);
        outs[0].num_bytes = sizeof LINE_CODING;
        outs[0].full = true;
        *reg(&usbd, SIZE_EPOUT) = sizeof LINE_CODING;
        host.stage = STATUS;
        data_done();
    }
}

/* False: the packet is taken for a repeated one, so nobody gets it. */
static bool is_new(const char *direction, bool *sender_data1, bool *receiver_data1)
{
    const bool agreed = *sender_data1 == *receiver_data1;
    if (!agreed) {
        outside_mistake("USB: %s packet with DATA%d is taken for one that came before", direction,
                        *sender_data1);
    }
    *receiver_data1 = !*sender_data1;
    *sender_data1 = !*sender_data1;
    return agreed;
}

static void carry_data(void)
{
    uint32_t moved = 0;
    if (ins[host.in].full) {
        const uint32_t count = is_new("IN", &ins[host.in].data1, &host.in_data1) ? ins[host.in].num_bytes : 0;
        for (uint32_t i = 0; i < count; ++i) {
            outside_serial_send(ins[host.in].bytes[i]);
        }
        ins[host.in].full = false;
        moved |= 1u << host.in;
    }
    if (host.notify != NO_ENDPOINT && ins[host.notify].full) {
        ins[host.notify].full = false;
        moved |= 1u << host.notify;
    }
    if (!outs[host.out].full) {
        int byte = -1;
        uint32_t count = 0;
        while (count < PACKET_BYTES && (byte = outside_serial_receive()) >= 0) {
            outs[host.out].bytes[count++] = (uint8_t)byte;
        }
        if (count > 0 && is_new("OUT", &host.out_data1, &outs[host.out].data1)) {
            outs[host.out].num_bytes = count;
            outs[host.out].full = true;
            *reg(&usbd, SIZE_EPOUT + 4u * host.out) = count;
            moved |= 0x10000u << host.out;
        }
    }
    if (moved != 0) {
        data_status |= moved;
        *reg(&usbd, EPDATASTATUS) = data_status;
        event(&usbd, EPDATA);
    }
    if (!host.has_cleared_halts && host.in_data1 && host.out_data1) {
        host.has_cleared_halts = true;
        host.step = FIRST_CLEARED_HALT;
        host.state = CONTROL;
    }
}

static void host_tick(void *context)
{
    (void)context;
    static uint32_t frame_ticks;
    const bool shown = (*reg(&usbd, USBPULLUP) & 1u) != 0u && (*reg(&usbd, USB_ENABLE) & 1u) != 0u;
    const bool attached = shown && usb_cable_is_in();
    alarm_set(&host_alarm, machine_cycles + TICK_US * (uint64_t)CYCLES_PER_US);
    if (!attached) {
        host.state = NOT_THERE;
        return;
    }
    if (++frame_ticks >= 1000 / TICK_US && host.state >= CONTROL) {
        frame_ticks = 0;
        event(&usbd, SOF);
    }
    if (host.wait_ticks > 0) {
        --host.wait_ticks;
        return;
    }
    switch (host.state) {
    case NOT_THERE:
        host.wait_ticks = 10000 / TICK_US;
        host.state = RESETTING;
        break;
    case RESETTING:
        event(&usbd, USBRESET);
        host.wait_ticks = 10000 / TICK_US;
        host.step = host.idle_ticks = 0;
        host.in_data1 = host.out_data1 = host.has_cleared_halts = false;
        host.stage = SEND_SETUP;
        host.state = CONTROL;
        break;
    case CONTROL: step_control(); break;
    case RUNNING: carry_data(); break;
    case GAVE_UP: break;
    }
}

void usb_init(void)
{
    alarm_with(&ready_alarm, usb_ready, NULL);
    alarm_with(&dma_alarm, dma_done, NULL);
    alarm_with(&host_alarm, host_tick, NULL);
}

void usb_reset(void)
{
    define(&usbd, 0x40027000u, 39, "USBD", usb_task, usb_write);
    *reg(&usbd, EPINEN) = *reg(&usbd, EPOUTEN) = 1;
    causes = data_status = dma_task = 0;
    memset(ins, 0, sizeof ins);
    memset(outs, 0, sizeof outs);
    host.state = NOT_THERE;
    alarm_set(&ready_alarm, NEVER);
    alarm_set(&dma_alarm, NEVER);
    alarm_set(&host_alarm, outside_has_usb() ? machine_cycles + TICK_US * (uint64_t)CYCLES_PER_US : NEVER);
}
