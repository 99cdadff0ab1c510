/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_usb BYTES SEED: the serial port over the nRF52840's USB (mcu/nrf52/serial_usb.c) against a host that asks and
 * sends anything, resets the bus and pulls the cable, and a chip that takes its time.
 *
 * The driver is the one that is flashed; the chip is usb_chip.c. Its rules are checked, and that every byte arrives once
 * and in order, both ways. In the end the port must work as on the first day. */
#include "board_nrf52.h"
#include "check.h"
#include "nrf52840.h"
#include "random.h"
#include "serial.h"
#include "usb_chip.h"
#include "usb_requests.h"

enum {
    SETUP_BYTES = 8,
    LINE_CODING_BYTES = 7,
    STEPS_TO_SETTLE = 10000
};

const nrf52_board_t nrf52_board = {.name =
                                       "a board whose name is longer than a string descriptor has room for",
                                   .usb_vendor = 0x2886,
                                   .usb_product = 0x8045};

/* ---- the host ---- */

/* One of 0, 1, 2 IN and OUT that the configuration has, without control. */
static bool is_endpoint(uint8_t address)
{
    return address == 0x81u || address == 0x82u || address == 0x02u;
}

/* What these requests do to packet counts: the endpoint that was written to DTOGGLE last, to begin with DATA0; 0 for none. */
static uint8_t begins_with_data0(const uint8_t *setup)
{
    const bool is_bare = setup[6] == 0u && setup[7] == 0u;
    const bool configures = setup[0] == 0x00u && setup[1] == 9u && setup[2] <= 1u;
    const bool sets_interface =
        (setup[0] & 0xE0u) == 0u && setup[1] == 11u && setup[2] == 0u && setup[4] <= 1u;
    const bool clears_halt = setup[0] == 0x02u && setup[1] == 1u && setup[2] == 0u && is_endpoint(setup[4]);
    if (!is_bare || !(configures || sets_interface || clears_halt)) {
        return 0u;
    }
    return clears_halt ? setup[4] : sets_interface && setup[4] == 0u ? 0x81u : USB_DATA_ENDPOINT;
}

static void ask(const uint8_t *setup)
{
    for (uint32_t i = 0u; i < SETUP_BYTES; ++i) {
        NRF_REGISTER(0x40027480u + 4u * i) = setup[i];
    }
    chip.control_full = chip.control_wants = chip.refused = false;
    USBD_DTOGGLE = 0u;
    if (setup[0] == 0x21u && setup[1] == 0x22u) {
        if ((setup[2] & 1u) == 0u) {
            chip_close_port();
        }
        chip.is_open = (setup[2] & 1u) != 0u;
    }
    chip_interrupt(&USBD_EVENTS_EP0SETUP);
    const uint8_t begun = begins_with_data0(setup);
    CHECK_EQUAL(USBD_DTOGGLE, begun == 0u ? 0u : USBD_DTOGGLE_VALUE_DATA0 | begun);
    CHECK(chip.refused || setup[1] != 3u || (setup[0] & 0x60u) != 0u); /* no endpoint lets itself be halted */
    const bool configures = begun != 0u && setup[1] == 9u;
    if (configures && setup[2] == 0u) {
        chip_close_port();
    }
    if (configures && !(chip.dma == DMA_OUT && chip.endpoint == USB_DATA_ENDPOINT)) {
        chip.out_full = false; /* configured anew: ready for a first packet */
    }
    num_fuzzed += SETUP_BYTES;
}

static void ask_anything(void)
{
    static const uint8_t types[] = {0x80, 0x00, 0x21, 0xA1, 0x01, 0x81};
    static const uint8_t requests[] = {0, 1, 3, 5, 6, 8, 9, 11, 0x20, 0x21, 0x22};
    uint8_t setup[SETUP_BYTES];
    for (uint32_t i = 0u; i < SETUP_BYTES; ++i) {
        setup[i] = (uint8_t)random_u32();
    }
    if (random_u32() % 8u != 0u) {
        setup[0] = types[random_u32() % sizeof types];
        setup[1] = requests[random_u32() % sizeof requests];
        setup[2] = (uint8_t)(random_u32() % 5u);
        setup[3] = (uint8_t)(random_u32() % 4u);
        setup[7] = (uint8_t)(random_u32() % 2u);
    }
    if (random_u32() % 4u == 0u) {
        setup[4] = (uint8_t[]){0x81, 0x82, 0x02, 0x00, 0x01}[random_u32() % 5u];
        setup[6] = setup[7] = 0u;
    }
    if (setup[1] == 0x20u && random_u32() % 2u == 0u) {
        setup[6] = LINE_CODING_BYTES;
        setup[7] = 0u;
    }
    ask(setup);
}

static void send_packet(uint32_t num_bytes)
{
    if (chip.out_full || (USBD_EPOUTEN & USBD_EPOUTEN_OUT2) == 0u) {
        return;
    }
    for (uint32_t i = 0u; i < num_bytes; ++i) {
        chip.out[i] = (uint8_t)random_u32();
    }
    num_fuzzed += num_bytes;
    chip.out_bytes = num_bytes;
    chip.out_full = true;
    USBD_SIZE_EPOUT(USB_DATA_ENDPOINT) = num_bytes;
    USBD_EPDATASTATUS = USBD_EPDATASTATUS_EPOUT2;
    chip_interrupt(&USBD_EVENTS_EPDATA);
}

static void take_packet(void)
{
    if (chip.in_full) {
        chip.in_full = false;
        USBD_EPDATASTATUS = USBD_EPDATASTATUS_EPIN2;
        chip_interrupt(&USBD_EVENTS_EPDATA);
    }
}

static void go_on_with_control(void)
{
    if (chip.control_full || chip.control_wants) {
        chip.control_full = chip.control_wants = false;
        chip_interrupt(&USBD_EVENTS_EP0DATADONE);
    }
}

static void reset_bus(void)
{
    chip_forget_everything();
    chip_interrupt(&USBD_EVENTS_USBRESET);
}

/* ---- the main loop of the board ---- */

static void read_some(uint32_t max_bytes)
{
    uint8_t bytes[256];
    const uint32_t count = nrf52_serial_read(bytes, max_bytes);
    chip_look();
    CHECK_EQUAL(nrf52_serial_is_open(), chip.is_open);
    CHECK(count <= max_bytes);
    usb_expect(&to_board, bytes, count);
}

static void write_some(uint32_t num_bytes)
{
    uint8_t bytes[256];
    if (num_bytes > nrf52_serial_write_room()) {
        return;
    }
    for (uint32_t i = 0u; i < num_bytes; ++i) {
        bytes[i] = (uint8_t)random_u32();
        if (chip.is_open) {
            usb_push(&to_host, bytes[i]);
        }
    }
    nrf52_serial_write(bytes, num_bytes);
    chip_look();
}

static void plug(bool in)
{
    if (!in) {
        chip_forget_everything();
    }
    POWER_USBREGSTATUS = in ? POWER_USBREGSTATUS_OUTPUTRDY : 0u;
    USBD_EVENTCAUSE = USBD_EVENTCAUSE_READY;
    read_some(0u); /* the driver looks at the cable */
    CHECK_EQUAL(USBD_USBPULLUP, in ? 1u : 0u);
}

static void do_anything(void)
{
    switch (random_u32() % 16u) {
    case 0: ask_anything(); break;
    case 1:
    case 2:
    case 3:
    case 4: send_packet(random_u32() % (USB_PACKET_BYTES + 1u)); break;
    case 5:
    case 6: take_packet(); break;
    case 7: go_on_with_control(); break;
    case 8:
    case 9: read_some(random_u32() % 257u); break;
    case 10: write_some(random_u32() % 257u); break;
    case 11:
        if (random_u32() % 64u == 0u) {
            reset_bus();
        }
        break;
    case 12:
        if (random_u32() % 256u == 0u) {
            plug(false);
            plug(true);
        }
        break;
    default: chip_end_dma(); break;
    }
}

/* A host and a chip that do all they can: nothing may be left over. */
static void settle(void)
{
    for (uint32_t i = 0u; i < STEPS_TO_SETTLE; ++i) {
        chip_end_dma();
        take_packet();
        go_on_with_control();
        read_some(64u);
    }
    CHECK_EQUAL(chip.dma, NO_DMA);
    CHECK(!chip.in_full);
    CHECK(!chip.out_full);
    CHECK_EQUAL(to_host.read, to_host.written);
    CHECK_EQUAL(to_board.read, to_board.written);
}

/* The byte that answers GET_CONFIGURATION. */
static uint8_t configuration(void)
{
    static const uint8_t get[SETUP_BYTES] = {0x80, 8, [6] = 1};
    ask(get);
    CHECK_EQUAL(chip.endpoint, 0u);
    CHECK_EQUAL(USBD_EPIN_MAXCNT(0), 1u);
    const uint8_t answer = *chip_memory_at(USBD_EPIN_PTR(0));
    settle();
    return answer;
}

static void work_as_on_the_first_day(void)
{
    static const uint8_t configure[SETUP_BYTES] = {0x00, 9, 1}, open[SETUP_BYTES] = {0x21, 0x22, 3};
    static const uint8_t give_up[SETUP_BYTES] = {0x00, 9, 0}, another[SETUP_BYTES] = {0x00, 9, 2};
    reset_bus();
    CHECK_EQUAL(configuration(), 0u);
    ask(configure);
    settle();
    ask(another);
    CHECK(chip.refused);
    CHECK_EQUAL(configuration(), 1u);
    CHECK((USBD_EPOUTEN & USBD_EPOUTEN_OUT2) != 0u);
    ask(give_up);
    settle();
    CHECK_EQUAL(configuration(), 0u);
    CHECK_EQUAL(USBD_EPOUTEN & USBD_EPOUTEN_OUT2, 0u);
    ask(configure);
    settle();
    ask(open);
    settle();
    for (uint32_t size = 0u; size <= USB_PACKET_BYTES; ++size) {
        CHECK(!chip.out_full);
        send_packet(size);
        write_some(2u * size);
        CHECK_EQUAL(chip.is_open, true);
        settle();
    }
}

int main(int argc, char **argv)
{
    CHECK_EQUAL(argc, 3);
    const unsigned long wanted = strtoul(argv[1], NULL, 10);
    random_state = (uint32_t)strtoul(argv[2], NULL, 10) | 1u;
    chip_start(random_state);
    nrf52_serial_init(0u);
    plug(true);
    while (num_fuzzed < wanted) {
        work_as_on_the_first_day();
        for (uint32_t i = 0u; i < 20000u && num_fuzzed < wanted; ++i) {
            do_anything();
        }
        settle();
    }
    work_as_on_the_first_day();
    printf("%lu bytes\n", num_fuzzed);
    return 0;
}
