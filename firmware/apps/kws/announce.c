/* SPDX-License-Identifier: Apache-2.0 */
#include "announce.h"

enum {
    LINE_BYTES = 160
};

typedef struct {
    char text[LINE_BYTES];
    uint32_t length;
} line_t;

static void add(line_t *line, const char *text)
{
    for (; *text != '\0' && line->length < LINE_BYTES - 1u; ++text) { /* the last byte is the line's end */
        line->text[line->length++] = *text;
    }
}

static void add_number(line_t *line, uint32_t value)
{
    char digits[11];
    uint32_t at = sizeof digits - 1u;
    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + value % 10u);
        value /= 10u;
    } while (value > 0u);
    add(line, digits + at);
}

static void add_hex(line_t *line, uint32_t value)
{
    static const char digits[] = "0123456789abcdef";
    char text[] = "0x00000000";
    for (uint32_t at = sizeof text - 2u; at >= 2u; --at) {
        text[at] = digits[value & 15u];
        value >>= 4;
    }
    add(line, text);
}

static void send(line_t *line)
{
    line->text[line->length++] = '\n';
    if (board_serial_write_room() >= line->length) {
        board_serial_write((const uint8_t *)line->text, line->length);
    }
}

static const char *name_of(board_reset_t why)
{
    switch (why) {
    case BOARD_RESET_POWER: return "power";
    case BOARD_RESET_PIN: return "pin";
    case BOARD_RESET_SOFTWARE: return "software";
    case BOARD_RESET_WATCHDOG: return "watchdog";
    case BOARD_RESET_LOCKUP: return "lockup";
    default: return "unknown";
    }
}

static void add_fault(line_t *line, const board_fault_t *fault)
{
    add(line, " after fault ");
    add_number(line, fault->exception);
    add(line, " at pc ");
    add_hex(line, fault->pc);
    add(line, " lr ");
    add_hex(line, fault->lr);
    add(line, " status ");
    add_hex(line, fault->status);
}

void announce_start(const announce_t *what)
{
    line_t line = {.length = 0};
    add(&line, "kws ");
    add(&line, board_name());
    add(&line, " started by ");
    add(&line, name_of(what->reset));
    if (what->fault != NULL) {
        add_fault(&line, what->fault);
    }
    if (what->status != KWS_OK) {
        add(&line, ", no model that it can run: status -");
        add_number(&line, (uint32_t)-what->status);
    } else {
        add(&line, what->listens ? ", listening" : ", waiting for a host");
    }
    send(&line);
}

void announce_event(const char *label, const kws_event_t *event)
{
    line_t line = {.length = 0};
    add(&line, "event ");
    add(&line, label);
    add(&line, " ");
    add_number(&line, event->score);
    add(&line, " ");
    add_number(&line, (uint32_t)event->sample_index);
    send(&line);
}
