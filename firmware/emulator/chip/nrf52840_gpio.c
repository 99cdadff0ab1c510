/* SPDX-License-Identifier: Apache-2.0 */
/* Pins of the nRF52840, and GPIOTE tasks that change them. */
#include "nrf52840.h"

peripheral_t gpiote;

enum {
    OUT = 0x04,
    OUTSET = 0x08,
    OUTCLR = 0x0C,
    IN = 0x10,
    DIR = 0x14,
    DIRSET = 0x18,
    DIRCLR = 0x1C,
    LATCH = 0x20,
    EVENTS_PORT = 0x17C,
    SENSE_HIGH = 2,
    SENSE_LOW = 3,
    PIN_CNF = 0x200
};

port_t ports[2];

void port_out(unsigned port, uint32_t value)
{
    const uint32_t changed = ports[port].out ^ value;
    ports[port].out = value;
    for (unsigned i = 0; i < 32; ++i) {
        if ((changed >> i & 1u) != 0u && (ports[port].dir >> i & 1u) != 0u) {
            outside_pin(32 * port + i, (value >> i & 1u) != 0u);
        }
    }
}

static void port_dir(unsigned port, uint32_t value)
{
    ports[port].dir = value;
    for (unsigned i = 0; i < 32; ++i) {
        ports[port].pin_cnf[i] = (ports[port].pin_cnf[i] & ~1u) | (value >> i & 1u);
    }
}

static uint32_t port_in(unsigned port)
{
    const port_t *self = &ports[port];
    uint32_t pulled_up = 0;
    for (unsigned i = 0; i < 32; ++i) {
        pulled_up |= (self->pin_cnf[i] & 0xCu) == 0xCu ? 1u << i : 0u;
    }
    const uint32_t inputs = (self->driven & self->level) | (~self->driven & pulled_up);
    return (self->out & self->dir) | (inputs & ~self->dir);
}

/* DETECT: some pin has the level that it is sensed for. Its rise is the event. */
static void sense(void)
{
    static bool detected;
    bool detect = false;
    for (unsigned port = 0; port < 2; ++port) {
        const uint32_t in = port_in(port);
        for (unsigned i = 0; i < 32; ++i) {
            const uint32_t wanted = ports[port].pin_cnf[i] >> 16 & 3u;
            const bool connected = (ports[port].pin_cnf[i] & 3u) == 0u;
            const bool high = (in >> i & 1u) != 0u;
            if (connected && ((wanted == SENSE_HIGH && high) || (wanted == SENSE_LOW && !high))) {
                ports[port].latch |= 1u << i;
                detect = true;
            }
        }
    }
    if (detect && !detected) {
        event(&gpiote, EVENTS_PORT);
    }
    detected = detect;
}

void soc_drive_pin(unsigned pin, bool high)
{
    port_t *self = &ports[pin / 32];
    const uint32_t bit = 1u << (pin % 32);
    if ((self->driven & bit) != 0u && ((self->level & bit) != 0u) == high) {
        return;
    }
    self->driven |= bit;
    self->level = high ? self->level | bit : self->level & ~bit;
    sense();
}

uint32_t gpio_read(unsigned port, uint32_t offset)
{
    if (offset >= PIN_CNF && offset < PIN_CNF + 128) {
        return ports[port].pin_cnf[(offset - PIN_CNF) / 4];
    }
    switch (offset) {
    case OUT:
    case OUTSET:
    case OUTCLR: return ports[port].out;
    case IN: return port_in(port);
    case LATCH: return ports[port].latch;
    case DIR:
    case DIRSET:
    case DIRCLR: return ports[port].dir;
    default: return 0;
    }
}

void gpio_write(unsigned port, uint32_t offset, uint32_t value)
{
    if (offset >= PIN_CNF && offset < PIN_CNF + 128) {
        const unsigned pin = (offset - PIN_CNF) / 4;
        ports[port].pin_cnf[pin] = value;
        port_dir(port, (ports[port].dir & ~(1u << pin)) | (value & 1u) << pin);
        sense();
        return;
    }
    switch (offset) {
    case OUT: port_out(port, value); break;
    case OUTSET: port_out(port, ports[port].out | value); break;
    case OUTCLR: port_out(port, ports[port].out & ~value); break;
    case LATCH:
        ports[port].latch &= ~value;
        sense();
        break;
    case DIR: port_dir(port, value); break;
    case DIRSET: port_dir(port, ports[port].dir | value); break;
    case DIRCLR: port_dir(port, ports[port].dir & ~value); break;
    default: break;
    }
}

/* PSEL registers: 0xFFFFFFFF when not connected. */
static bool pin_is_output(uint32_t psel)
{
    return (psel >> 31) == 0u && (ports[psel >> 5 & 1u].dir >> (psel & 31u) & 1u) != 0u;
}

void need_pin(peripheral_t *self, uint32_t psel_offset, const char *what, bool output)
{
    const uint32_t psel = *reg(self, psel_offset);
    if ((psel >> 31) != 0u) {
        outside_mistake("%s started without a pin for %s", self->name, what);
    } else if (output && !pin_is_output(psel)) {
        outside_mistake("%s: P%u.%02u (%s) is not an output", self->name, psel >> 5 & 1u, psel & 31u, what);
    } else if (!output && (ports[psel >> 5 & 1u].pin_cnf[psel & 31u] & 3u) != 0u) {
        outside_mistake("%s: P%u.%02u (%s) is not an input with its buffer connected", self->name,
                        psel >> 5 & 1u, psel & 31u, what);
    }
}

static void gpiote_task(peripheral_t *self, uint32_t offset)
{
    const unsigned channel = offset / 4 % 12;
    const uint32_t config = *reg(self, 0x510 + 4 * (channel & 7u));
    const unsigned port = config >> 13 & 1u;
    const uint32_t bit = 1u << (config >> 8 & 31u);
    if ((config & 3u) != 3u) {
        return;
    }
    ports[port].dir |= bit;
    const bool toggles = offset < 0x30 && (config >> 16 & 3u) == 3u;
    const bool sets = (offset >= 0x30 && offset < 0x60) || (offset < 0x30 && (config >> 16 & 3u) == 1u);
    port_out(port, toggles ? ports[port].out ^ bit : sets ? ports[port].out | bit : ports[port].out & ~bit);
}

void gpio_reset(void)
{
    define(&gpiote, 0x40006000u, 6, "GPIOTE", gpiote_task, NULL);
    for (unsigned port = 0; port < 2; ++port) {
        ports[port] = (port_t){.driven = ports[port].driven, .level = ports[port].level};
        for (unsigned i = 0; i < 32; ++i) {
            ports[port].pin_cnf[i] = 2;
        }
    }
}
