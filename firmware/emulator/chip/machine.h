/* SPDX-License-Identifier: Apache-2.0 */
/* An emulated microcontroller with a Cortex-M4: what its core, its peripherals and its outside world share.
 *
 * Time is virtual and counted in core cycles. Nothing here looks at a wall clock: the same image with the same sound
 * gives the same run, to the cycle. */
#ifndef KWS_EMULATOR_MACHINE_H
#define KWS_EMULATOR_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MAX_INTERRUPTS = 96,
    MAX_REGIONS = 8,
    FLASH_BLOCK_BYTES = 4096
};

/* What one chip is to the core; each of those files defines one, and one of them is linked. */
typedef struct {
    const char *name;
    uint32_t core_hz;
    uint32_t flash_start;
    uint32_t flash_bytes;
    unsigned num_interrupts;
    uint8_t priority_mask;  /* the bits of a priority that exist */
    bool core_clock_sleeps; /* SysTick and the cycle counter stop in WFI */
    struct {
        uint32_t start, bytes;
        enum {
            MEMORY_RAM,
            MEMORY_READ_ONLY,
            MEMORY_PERIPHERALS
        } kind;
    } regions[MAX_REGIONS]; /* beside flash; ends with bytes == 0 */
} chip_t;

extern const chip_t CHIP;

#define NEVER UINT64_MAX

/* ---- time (timeline.c) ---- */

typedef struct alarm_s {
    uint64_t at; /* core cycles; NEVER when not set */
    void (*ring)(void *context);
    void *context;
    struct alarm_s *next;
} alarm_t;

extern uint64_t machine_cycles; /* now */

void alarm_register(alarm_t *alarm); /* once; afterwards set `at` with alarm_set */
void alarm_set(alarm_t *alarm, uint64_t at);
uint64_t alarm_next(void); /* when the first of them rings */
void alarms_ring(void);    /* all that are due */

/* How long something has been on. */
typedef struct {
    bool on;
    uint64_t since, before;
} duty_t;

void duty_set(duty_t *duty, bool on);
uint64_t duty_cycles(const duty_t *duty);

/* What draws current beside the core; each chip keeps its own. */
typedef struct {
    duty_t microphone; /* and the audio input behind it */
    duty_t crystal;    /* the fast oscillator that its clock, or a serial line, needs */
    duty_t receiver;   /* of the serial line */
    duty_t cache;      /* of instructions */
} duties_t;

extern duties_t duties;

/* ---- core (core.c) ---- */

typedef struct {
    uint64_t instructions;
    uint64_t sleep_cycles;
    uint64_t exceptions[16 + MAX_INTERRUPTS];
    uint64_t tail_chained;
    uint64_t
        late_cycles_worst; /* from an interrupt's request to the first instruction of its handler, while it was
                                   not masked and nothing of its priority or above ran */
} core_statistics_t;

extern core_statistics_t core_statistics;

void core_init(void);
/* Where the image's vector table lies. A bootloader in front of it is not there to be run: it jumps to the image, with
 * the vector table register still on its own. */
void core_boot_from(uint32_t address);
void core_reset(void);
void core_interrupt_line(unsigned interrupt, bool high); /* level, from a peripheral */
void core_stall(uint64_t cycles);                        /* the bus keeps the core waiting */
void core_send_event(void);
void core_request_stop(void); /* core_run returns soon */
void core_take(
    uint64_t until_cycles); /* other work has the core until then; interrupts are served meanwhile */
void core_run(uint64_t until_cycles);
uint32_t core_pc(void);
bool core_is_asleep(void);

/* Memory as the core and DMA see it. False when there is none. */
bool memory_read(uint32_t address, void *bytes, size_t num_bytes);
bool memory_write(uint32_t address, const void *bytes, size_t num_bytes);
/* Code that has run already was changed there. */
void core_forget_code(uint32_t address, size_t num_bytes);

/* ---- peripherals (nrf52840.c, stm32f407.c): the core's loads and stores beyond memory ---- */

void soc_init(void); /* after core_init */
void soc_reset(uint32_t reset_reason);
uint32_t soc_read(uint32_t address);
void soc_write(uint32_t address, uint32_t value);
void soc_write_narrow(uint32_t address, unsigned size, uint32_t value); /* bytes and halfwords */
/* A store to flash: false where the controller does not allow it. *stall_cycles: how long the core waits. */
bool soc_flash_write_allowed(uint64_t *stall_cycles);
void soc_request_reset(uint32_t reset_reason);
bool soc_take_reset(uint32_t *reset_reason); /* was one requested? */

void soc_drive_pin(unsigned pin, bool high); /* an input, from outside */
void soc_pull_cable(double out_s);           /* of the USB, and puts it back */

typedef struct {
    uint64_t samples;
    uint64_t buffers_reused; /* the firmware gave no new buffer in time: sound overwrote sound */
} microphone_statistics_t;

extern microphone_statistics_t microphone_statistics;

/* ---- the outside (main.c, sound.c) ---- */

/* The microphone was started. */
void outside_sound_start(void);
/* Sound as the microphone gives it, resampled; full scale is 32768. */
void outside_sound(double *samples, size_t num_samples, double sample_hz);
/* The same as bits of a pulse density microphone, first bit in the most significant place. */
void outside_sound_bits(uint16_t *words, size_t num_words, double bit_hz);
int outside_serial_receive(void); /* a byte, or -1 */
void outside_serial_send(uint8_t byte);
/* An operation of the flash (supply.c): the supply may fail in the middle of it, and leaves `after` half done. The chip
 * starts again then. */
void supply_during_write(const uint8_t *before, uint8_t *after, size_t num_bytes);
void supply_during_erase(uint32_t address, uint8_t *after, size_t num_bytes);
bool outside_has_usb(void);                /* the serial line goes over USB instead of a UART */
void outside_pin(unsigned pin, bool high); /* an output changed */
/* Worth a line on standard error. */
void outside_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The firmware did what silicon punishes: says so and counts; the run fails at its end. */
void outside_mistake(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
