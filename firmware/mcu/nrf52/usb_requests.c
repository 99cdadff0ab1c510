/* SPDX-License-Identifier: Apache-2.0 */
#include "usb_requests.h"

#include "board_nrf52.h"
#include "nrf52840.h"

enum {
    DEVICE = 1,
    CONFIGURATION = 2,
    STRING = 3,
    TO_HOST = 0x80,
    TO_ENDPOINT = 0x02,
    CLASS_REQUEST = 0x21,
    THE_CONFIGURATION = 1,
    NUM_STRINGS = 4,
    SERIAL_STRING = 3,
    SERIAL_DIGITS = 16,
    STRING_CHARACTERS = 24
};

uint8_t usb_configuration;
uint8_t usb_line_coding[8] __attribute__((aligned(4)));

/* clang-format off */
static const uint8_t CONFIGURATION_BYTES[75] = {
    9, CONFIGURATION, 75, 0, 2, THE_CONFIGURATION, 0, 0x80, 50,  /* two interfaces, 100 mA */
    8, 11, 0, 2, 2, 2, 0, 0,                                     /* they belong together */
    9, 4, USB_CONTROL_INTERFACE, 0, 1, 2, 2, 0, 0,               /* control: abstract control model */
    5, 0x24, 0, 0x10, 0x01,                                      /* class: header, version 1.10 */
    5, 0x24, 1, 0, 1,                                            /* class: call management */
    4, 0x24, 2, 2,                                               /* class: line coding and state */
    5, 0x24, 6, 0, 1,                                            /* class: union of 0 and 1 */
    7, 5, USB_IN | USB_NOTICE_ENDPOINT, 3, 8, 0, 16,             /* interrupt in */
    9, 4, USB_DATA_INTERFACE, 0, 2, 10, 0, 0, 0,                 /* data */
    7, 5, USB_IN | USB_DATA_ENDPOINT, 2, USB_PACKET_BYTES, 0, 0, /* bulk in */
    7, 5, USB_DATA_ENDPOINT, 2, USB_PACKET_BYTES, 0, 0,          /* bulk out */
};
/* clang-format on */

static const uint8_t *device_descriptor(void)
{
    static uint8_t bytes[18] = {18,       DEVICE, 0x00, 0x02,          0xEF, 2, 1, USB_PACKET_BYTES,
                                [13] = 1, 1,      2,    SERIAL_STRING, 1};
    bytes[8] = (uint8_t)nrf52_board.usb_vendor;
    bytes[9] = (uint8_t)(nrf52_board.usb_vendor >> 8);
    bytes[10] = (uint8_t)nrf52_board.usb_product;
    bytes[11] = (uint8_t)(nrf52_board.usb_product >> 8);
    return bytes;
}

/* The chip's own number: a PC tells boards apart by it. */
static char serial_digit(uint32_t index)
{
    return "0123456789ABCDEF"[FICR_DEVICEID(1u - index / 8u) >> (28u - 4u * (index % 8u)) & 15u];
}

static const uint8_t *string_descriptor(uint32_t index)
{
    static uint8_t bytes[2 + 2 * STRING_CHARACTERS];
    const char *const texts[NUM_STRINGS] = {"", "kws", nrf52_board.name, ""};
    uint32_t count = 0;
    if (index == 0u) { /* the languages: English */
        bytes[2] = 0x09;
        bytes[3] = 0x04;
        count = 1;
    } else if (index == SERIAL_STRING) {
        for (; count < SERIAL_DIGITS; ++count) {
            bytes[2 + 2 * count] = (uint8_t)serial_digit(count);
            bytes[3 + 2 * count] = 0;
        }
    } else {
        for (; count < STRING_CHARACTERS && texts[index][count] != '\0'; ++count) {
            bytes[2 + 2 * count] = (uint8_t)texts[index][count];
            bytes[3 + 2 * count] = 0;
        }
    }
    bytes[0] = (uint8_t)(2u + 2u * count);
    bytes[1] = STRING;
    return bytes;
}

static usb_answer_t describe(const usb_setup_t *setup, const uint8_t **data, uint32_t *num_bytes)
{
    switch (setup->value_high) {
    case DEVICE:
        *data = device_descriptor();
        *num_bytes = (*data)[0];
        return USB_SEND;
    case CONFIGURATION:
        *data = CONFIGURATION_BYTES;
        *num_bytes = sizeof CONFIGURATION_BYTES;
        return USB_SEND;
    case STRING:
        if (setup->value_low >= NUM_STRINGS) {
            return USB_REFUSED;
        }
        *data = string_descriptor(setup->value_low);
        *num_bytes = (*data)[0];
        return USB_SEND;
    default: return USB_REFUSED;
    }
}

static usb_answer_t configure(const usb_setup_t *setup)
{
    if (setup->type != 0u || setup->length > 0u || setup->value_low > THE_CONFIGURATION) {
        return USB_REFUSED;
    }
    usb_configuration = setup->value_low;
    return USB_CONFIGURED;
}

/* No endpoint is ever halted, and none lets itself be; but hosts clear halts that are not there, to begin with DATA0. */
static usb_answer_t clear_feature(const usb_setup_t *setup)
{
    enum {
        ENDPOINT_HALT = 0
    };
    const bool is_ours = setup->index == (USB_IN | USB_NOTICE_ENDPOINT) ||
                         setup->index == (USB_IN | USB_DATA_ENDPOINT) || setup->index == USB_DATA_ENDPOINT;
    const bool is_halt = setup->type == TO_ENDPOINT && setup->value_low == ENDPOINT_HALT;
    return is_ours && is_halt && setup->length == 0u ? USB_UNHALTED : USB_REFUSED;
}

usb_answer_t usb_request(const usb_setup_t *setup, const uint8_t **data, uint32_t *num_bytes)
{
    static const uint8_t ZEROS[2] = {0, 0};
    enum {
        GET_STATUS = 0,
        CLEAR_FEATURE = 1,
        SET_ADDRESS = 5,
        GET_DESCRIPTOR = 6,
        GET_CONFIGURATION = 8,
        SET_CONFIGURATION = 9,
        SET_INTERFACE = 11,
        SET_LINE_CODING = 0x20,
        GET_LINE_CODING = 0x21,
        SET_LINE_STATE = 0x22
    };
    const bool to_host = (setup->type & TO_HOST) != 0u;
    if ((setup->type & 0x60u) != 0u) { /* of the class */
        if (setup->type == CLASS_REQUEST && setup->request == SET_LINE_CODING) {
            return USB_RECEIVE;
        }
        if (setup->type == (CLASS_REQUEST | TO_HOST) && setup->request == GET_LINE_CODING) {
            *data = usb_line_coding;
            *num_bytes = 7;
            return USB_SEND;
        }
        return setup->type == CLASS_REQUEST && setup->request == SET_LINE_STATE ? USB_LINE_STATE
                                                                                : USB_REFUSED;
    }
    switch (setup->request) {
    case SET_ADDRESS: return USB_NOTHING;
    case SET_CONFIGURATION: return configure(setup);
    case GET_DESCRIPTOR: return to_host ? describe(setup, data, num_bytes) : USB_REFUSED;
    case GET_STATUS:
        *data = ZEROS;
        *num_bytes = sizeof ZEROS;
        return to_host ? USB_SEND : USB_REFUSED;
    case GET_CONFIGURATION:
        *data = &usb_configuration;
        *num_bytes = 1;
        return to_host ? USB_SEND : USB_REFUSED;
    case CLEAR_FEATURE: return clear_feature(setup);
    case SET_INTERFACE:
        return to_host || setup->length > 0u || setup->value_low > 0u || setup->index > USB_DATA_INTERFACE
                   ? USB_REFUSED
                   : USB_INTERFACE;
    default: return USB_REFUSED;
    }
}
