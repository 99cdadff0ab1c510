/* SPDX-License-Identifier: Apache-2.0 */
#include "announce.h"

#include <string.h>

#include "board.h"

enum {
    LINE_BYTES = 128
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

void announce_start(const app_t *app, board_reset_t why)
{
    line_t line = {.length = 0};
    add(&line, "kws ");
    add(&line, board_name());
    add(&line, " started by ");
    add(&line, name_of(why));
    if (app->status != KWS_OK) {
        add(&line, ", no model that it can run: status -");
        add_number(&line, (uint32_t)-app->status);
    } else {
        add(&line, app->microphone.runs ? ", listening" : ", waiting for a host");
    }
    send(&line);
}

void announce_event(const app_t *app, const kws_event_t *event)
{
    line_t line = {.length = 0};
    add(&line, "event ");
    add(&line, kws_bundle_label(&app->bundle, event->label));
    add(&line, " ");
    add_number(&line, event->score);
    add(&line, " ");
    add_number(&line, (uint32_t)event->sample_index);
    send(&line);
}
