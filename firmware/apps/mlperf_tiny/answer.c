/* SPDX-License-Identifier: Apache-2.0 */
#include "answer.h"

#include <string.h>

#include "board.h"

enum {
    MAX_DIGITS = 10, /* of 2^32 - 1 */
    LONGEST_PIECE_BYTES = 64
};

static void send(const char *text, uint32_t num_bytes)
{
    while (num_bytes > 0u) {
        const uint32_t piece = num_bytes < LONGEST_PIECE_BYTES ? num_bytes : LONGEST_PIECE_BYTES;
        while (board_serial_write_room() < piece) {
            board_sleep(); /* the transmitter wakes us */
        }
        board_serial_write((const uint8_t *)text, piece);
        text += piece;
        num_bytes -= piece;
    }
}

void answer_text(const char *text)
{
    send(text, (uint32_t)strlen(text));
}

/* At least min_digits, with leading zeros. */
static void send_digits(uint32_t number, uint32_t min_digits)
{
    char digits[MAX_DIGITS];
    uint32_t at = MAX_DIGITS;
    while (number > 0u || MAX_DIGITS - at < min_digits) {
        digits[--at] = (char)('0' + number % 10u);
        number /= 10u;
    }
    send(digits + at, MAX_DIGITS - at);
}

void answer_number(uint32_t number)
{
    send_digits(number, 1u);
}

void answer_fraction_of_256(uint32_t parts)
{
    const uint32_t exact = parts * 1000u; /* thousandths x 256 */
    const uint32_t rest = exact % 256u;
    uint32_t thousandths = exact / 256u;
    if (rest > 128u || (rest == 128u && thousandths % 2u == 1u)) {
        ++thousandths; /* ties to even */
    }
    send_digits(thousandths / 1000u, 1u);
    answer_text(".");
    send_digits(thousandths % 1000u, 3u);
}

void answer_end(void)
{
    answer_text("\r\n");
}

void answer_line(const char *text)
{
    answer_text(text);
    answer_end();
}

void answer_line_number(const char *text, uint32_t number)
{
    answer_text(text);
    answer_number(number);
    answer_end();
}

void answer_error(const char *problem, const char *detail)
{
    answer_text("e-[");
    answer_text(problem);
    if (detail != NULL) {
        answer_text(": ");
        answer_text(detail);
    }
    answer_line("]");
}
