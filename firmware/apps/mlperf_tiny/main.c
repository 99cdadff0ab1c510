/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>

#include "answer.h"
#include "board.h"
#include "commands.h"

enum {
    SERIAL_BAUD = 115200, /* what the benchmark's host runner opens */
    MAX_COMMAND_BYTES = 80
};

static const char END_OF_COMMAND = '%';

typedef struct {
    char text[MAX_COMMAND_BYTES + 1];
    uint32_t length;
    bool too_long;
} command_line_t;

static commands_t commands;
static command_line_t command_line;

void board_on_fault(const board_fault_t *fault)
{
    (void)fault;
    static const uint8_t words[] = "\r\ne-[The processor crashed]\r\n";
    board_serial_write_polled(words, sizeof words - 1u);
}

static void take(command_line_t *self, char character)
{
    if (character == END_OF_COMMAND) {
        self->text[self->length] = '\0';
        if (self->too_long) {
            answer_error("A command has at most 80 characters", NULL);
            self->text[0] = '\0';
        }
        commands_run(&commands, self->text);
        self->length = 0u;
        self->too_long = false;
    } else if (self->length < MAX_COMMAND_BYTES) {
        self->text[self->length++] = character;
    } else {
        self->too_long = true;
    }
}

int main(int argc, char **argv)
{
    board_init(SERIAL_BAUD, argc, argv);
    board_start_clock();
    commands_init(&commands);
    for (;;) {
        uint8_t byte;
        while (board_serial_read(&byte, 1) == 1u) {
            take(&command_line, (char)byte);
        }
        board_sleep();
    }
}
