/* SPDX-License-Identifier: Apache-2.0 */
/* What a host asks a CDC-ACM serial port over endpoint 0, and what it is answered: bytes in, bytes out, no registers. */
#ifndef KWS_NRF52_USB_REQUESTS_H
#define KWS_NRF52_USB_REQUESTS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    USB_PACKET_BYTES = 64,
    USB_CONTROL_INTERFACE = 0, /* its endpoint: the notices */
    USB_DATA_INTERFACE = 1,    /* its endpoints: the data, both ways */
    USB_NOTICE_ENDPOINT = 1,   /* in; there because the class wants it, and stays silent */
    USB_DATA_ENDPOINT = 2,     /* in and out */
    USB_IN = 0x80              /* of an endpoint's address */
};

typedef struct {
    uint8_t type, request;
    uint8_t value_low, value_high;
    uint8_t index; /* the low byte: an endpoint's address, an interface */
    uint16_t length;
} usb_setup_t;

typedef enum {
    USB_SEND,       /* the answer's data */
    USB_RECEIVE,    /* the line coding comes */
    USB_CONFIGURED, /* nothing but a status, and usb_configuration says whether the endpoints work from now on */
    USB_INTERFACE,  /* the same, and the endpoints of interface setup.index begin with DATA0 */
    USB_UNHALTED,   /* the same, and the endpoint at `index` begins with DATA0 */
    USB_LINE_STATE, /* the same; value_low bit 0: the port is open */
    USB_NOTHING,    /* the chip answers by itself */
    USB_REFUSED
} usb_answer_t;

/* data, num_bytes: what to send; may lie in flash. */
usb_answer_t usb_request(const usb_setup_t *setup, const uint8_t **data, uint32_t *num_bytes);

/* The one that the host has chosen; 0 before, and again after a reset of the bus. */
extern uint8_t usb_configuration;

/* The line coding, seven bytes that the host sets and reads; its first four are the baud. */
extern uint8_t usb_line_coding[8];

#endif
