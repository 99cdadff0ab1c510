/* SPDX-License-Identifier: Apache-2.0 */
#include "semihosting.h"

enum {
    SYS_WRITE0 = 0x04,
    SYS_EXIT_EXTENDED = 0x20,
    ADP_STOPPED_APPLICATION_EXIT = 0x20026
};

static int call_host(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = argument;
    __asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return (int)r0;
}

void print(const char *text)
{
    call_host(SYS_WRITE0, text);
}

void print_number(uint32_t number)
{
    char digits[11];
    char *at = &digits[10];
    *at = '\0';
    do {
        *--at = (char)('0' + number % 10u);
        number /= 10u;
    } while (number > 0u);
    print(at);
}

static void leave(uint32_t code)
{
    const uint32_t block[2] = {ADP_STOPPED_APPLICATION_EXIT, code};
    call_host(SYS_EXIT_EXTENDED, block);
    for (;;) {
    }
}

void Reset_Handler(void);
void Reset_Handler(void)
{
    leave((uint32_t)run());
}

static void Fault_Handler(void)
{
    print("fault\n");
    leave(3);
}

/* Stack at the top of 128 KiB of RAM; RAM is zero when the emulator starts. */
__attribute__((section(".vectors"), used)) static const void *const vectors[] = {
    (const void *)0x20020000,    (const void *)Reset_Handler, (const void *)Fault_Handler,
    (const void *)Fault_Handler, (const void *)Fault_Handler, (const void *)Fault_Handler,
    (const void *)Fault_Handler};
