/* SPDX-License-Identifier: Apache-2.0 */
#include "commands.h"

#include <stdbool.h>
#include <string.h>

#include "answer.h"
#include "board.h"

enum {
    DEFAULT_ITERATIONS = 1,
    DEFAULT_WARMUPS = 10
};

static const char whitespace[] = " \t\r\n";

/* Takes the first word off *rest; NULL when there is none. */
static char *next_word(char **rest)
{
    char *word = *rest + strspn(*rest, whitespace);
    const size_t length = strcspn(word, whitespace);
    *rest = word + length;
    if (length == 0u) {
        return NULL;
    }
    if (**rest != '\0') {
        *(*rest)++ = '\0';
    }
    return word;
}

/* Decimal digits up to the first other character; other when there is no word. */
static uint32_t number_or(const char *word, uint32_t other)
{
    if (word == NULL) {
        return other;
    }
    uint32_t number = 0u;
    while (*word >= '0' && *word <= '9') {
        number = number * 10u + (uint32_t)(*word++ - '0');
    }
    return number;
}

static int32_t hex_digit(char character)
{
    static const char digits[] = "0123456789abcdef";
    const char lower = (character >= 'A' && character <= 'F') ? (char)(character - 'A' + 'a') : character;
    const char *found = lower == '\0' ? NULL : strchr(digits, lower);
    return found == NULL ? -1 : (int32_t)(found - digits);
}

static bool model_is_ready(const commands_t *self)
{
    if (self->inference.status != KWS_OK) {
        answer_error("No model", kws_status_text(self->inference.status));
    }
    return self->inference.status == KWS_OK;
}

static void say_name(commands_t *self, char *arguments)
{
    (void)self;
    (void)arguments;
    answer_text("m-name-dut-[kws-");
    answer_text(board_name());
    answer_line("]");
}

static void say_profile(commands_t *self, char *arguments)
{
    (void)self;
    (void)arguments;
    answer_line("m-profile-[ULPMark for tinyML Firmware V0.0.1]");
    answer_line("m-model-[kws01]");
}

static void say_timestamp(commands_t *self, char *arguments)
{
    (void)self;
    (void)arguments;
    answer_line_number("m-lap-us-", board_microseconds());
}

static void begin_loading(commands_t *self, const char *size)
{
    const uint32_t num_bytes = number_or(size, 0u);
    if (num_bytes != self->inference.input_bytes) {
        answer_text("e-[The input of this model has ");
        answer_number(self->inference.input_bytes);
        answer_line(" bytes]");
        return;
    }
    self->expected_bytes = num_bytes;
    self->loaded_bytes = 0u;
    answer_text("m-[Expecting ");
    answer_number(num_bytes);
    answer_line(" bytes]");
}

static void load_hex(commands_t *self, const char *hex)
{
    if (strlen(hex) % 2u != 0u) {
        answer_error("Insufficent number of hex digits", NULL); /* spelt as the host runner knows it */
        return;
    }
    for (; *hex != '\0' && self->loaded_bytes < self->expected_bytes; hex += 2) {
        const int32_t high = hex_digit(hex[0]);
        const int32_t low = hex_digit(hex[1]);
        if (high < 0 || low < 0) {
            const char digits[] = {hex[0], hex[1], '\0'};
            answer_text("e-[Invalid hex digit '");
            answer_text(digits);
            answer_line("']");
            return;
        }
        self->inference.input[self->loaded_bytes++] = (int8_t)(uint8_t)(high * 16 + low);
    }
    if (self->expected_bytes > 0u && self->loaded_bytes == self->expected_bytes) {
        self->expected_bytes = 0u;
        answer_line("m-load-done");
    }
}

static void load(commands_t *self, char *arguments)
{
    char *word = next_word(&arguments);
    if (!model_is_ready(self)) {
        return;
    }
    if (word == NULL) {
        answer_error("Insufficent number of hex digits", NULL);
    } else if (strcmp(word, "load") == 0) {
        begin_loading(self, next_word(&arguments));
    } else if (self->expected_bytes == 0u) {
        answer_error("Nothing to load: say how much with 'db load'", NULL);
    } else {
        load_hex(self, word);
    }
}

static void say_results(commands_t *self, char *arguments)
{
    (void)arguments;
    if (!model_is_ready(self)) {
        return;
    }
    answer_text("m-results-[");
    for (uint32_t i = 0; i < self->inference.config.num_labels; ++i) {
        answer_text(i > 0u ? "," : "");
        answer_fraction_of_256(self->inference.posteriors[i]);
    }
    answer_line("]");
}

static void infer(commands_t *self, char *arguments)
{
    const uint32_t iterations = number_or(next_word(&arguments), DEFAULT_ITERATIONS);
    const uint32_t warmups = number_or(next_word(&arguments), DEFAULT_WARMUPS);
    if (iterations == 0u) {
        answer_error("Inference iterations must be >0", NULL);
        return;
    }
    if (!model_is_ready(self)) {
        return;
    }
    answer_line_number("m-warmup-start-", warmups);
    for (uint32_t i = 0; i < warmups; ++i) {
        inference_run(&self->inference);
    }
    answer_line("m-warmup-done");
    answer_line_number("m-infer-start-", iterations);
    const uint32_t started = board_microseconds();
    for (uint32_t i = 0; i < iterations; ++i) {
        inference_run(&self->inference);
    }
    const uint32_t ended = board_microseconds();
    answer_line_number("m-lap-us-", started);
    answer_line_number("m-lap-us-", ended);
    answer_line("m-infer-done");
    say_results(self, NULL);
}

static void say_help(commands_t *self, char *arguments);

typedef struct {
    const char *name;
    const char *help;
    void (*run)(commands_t *self, char *arguments);
} command_t;

static const command_t commands[] = {
    {"name", "identifies the device", say_name},
    {"profile", "identifies benchmark and model", say_profile},
    {"timestamp", "the time in microseconds", say_timestamp},
    {"db", "db load N, then db HEX until N bytes are there: the model's input", load},
    {"infer", "infer N W: W runs to warm up, then N timed ones", infer},
    {"results", "the results of the last run", say_results},
    {"help", "this list", say_help},
};

static void say_help(commands_t *self, char *arguments)
{
    (void)self;
    (void)arguments;
    for (uint32_t i = 0; i < sizeof commands / sizeof commands[0]; ++i) {
        answer_text("m-[");
        answer_text(commands[i].name);
        answer_text("%: ");
        answer_text(commands[i].help);
        answer_line("]");
    }
}

static void run_command(commands_t *self, char *line)
{
    const char *name = next_word(&line);
    if (name == NULL) {
        return;
    }
    for (uint32_t i = 0; i < sizeof commands / sizeof commands[0]; ++i) {
        if (strcmp(commands[i].name, name) == 0) {
            commands[i].run(self, line);
            return;
        }
    }
    answer_error("Unknown command", name);
}

void commands_run(commands_t *self, char *command)
{
    run_command(self, command);
    answer_line("m-ready");
}

void commands_init(commands_t *self)
{
    self->expected_bytes = 0u;
    self->loaded_bytes = 0u;
    inference_init(&self->inference);
    answer_line("m-timestamp-mode-performance");
    answer_line_number("m-lap-us-", board_microseconds());
    answer_line("m-init-done");
    answer_line("m-ready");
}
