/* SPDX-License-Identifier: Apache-2.0 */
/* One instruction becomes another for a while. */
#include <stdio.h>

#include "machine.h"
#include "outside.h"

static uint32_t address;
static uint16_t wrong, right;
static bool in_force;
static alarm_t alarm;

static void begin(void *context)
{
    (void)context;
    must(memory_read(address, &right, sizeof right) && memory_write(address, &wrong, sizeof wrong),
         "--glitch: there is no memory at that address");
    core_forget_code(address, sizeof wrong);
    in_force = true;
}

void glitch_plan(const char *what)
{
    unsigned place = 0, halfword = 0;
    double seconds = 0.0;
    must(sscanf(what, "%x=%x@%lf", &place, &halfword, &seconds) == 3,
         "--glitch wants ADDRESS=HALFWORD@SECONDS");
    address = place & ~1u;
    wrong = (uint16_t)halfword;
    alarm.ring = begin;
    alarm_register(&alarm);
    alarm_set(&alarm, (uint64_t)(seconds * CHIP.core_hz));
}

void glitch_undo(void)
{
    if (in_force) {
        memory_write(address, &right, sizeof right);
        core_forget_code(address, sizeof right);
        in_force = false;
    }
}
