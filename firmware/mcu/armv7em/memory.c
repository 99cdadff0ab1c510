/* SPDX-License-Identifier: Apache-2.0 */
/* The four functions of string.h that compilers call by themselves: smaller than the library's, and copies
 * of hops and rows are faster. LDR and STR of one register take any address. */
#include <string.h>

#define IN_REGISTER __attribute__((unused))

/* clang-format off */

/* r1 -> r3, upwards; words are read before the first of them is written, so that they may lie in each other if r3 is
 * lower. */
__attribute__((naked)) void *memcpy(void *restrict to IN_REGISTER, const void *restrict from IN_REGISTER,
                                    size_t num_bytes IN_REGISTER)
{
    __asm__ volatile("mov r3, r0\n"
                     ".global kws_copy_up\n"
                     "kws_copy_up:\n\t"
                     "subs r2, #32\n\t"
                     "blo 2f\n\t"
                     "push {r4-r10}\n"
                     "1:\n\t"
                     "ldr r4, [r1], #4\n\t"
                     "ldr r5, [r1], #4\n\t"
                     "ldr r6, [r1], #4\n\t"
                     "ldr r7, [r1], #4\n\t"
                     "ldr r8, [r1], #4\n\t"
                     "ldr r9, [r1], #4\n\t"
                     "ldr r10, [r1], #4\n\t"
                     "ldr r12, [r1], #4\n\t"
                     "str r4, [r3], #4\n\t"
                     "str r5, [r3], #4\n\t"
                     "str r6, [r3], #4\n\t"
                     "str r7, [r3], #4\n\t"
                     "str r8, [r3], #4\n\t"
                     "str r9, [r3], #4\n\t"
                     "str r10, [r3], #4\n\t"
                     "str r12, [r3], #4\n\t"
                     "subs r2, #32\n\t"
                     "bhs 1b\n\t"
                     "pop {r4-r10}\n"
                     "2:\n\t"
                     "adds r2, #28\n\t"
                     "bmi 4f\n"
                     "3:\n\t"
                     "ldr r12, [r1], #4\n\t"
                     "str r12, [r3], #4\n\t"
                     "subs r2, #4\n\t"
                     "bpl 3b\n"
                     "4:\n\t"
                     "adds r2, #4\n\t"
                     "beq 6f\n"
                     "5:\n\t"
                     "ldrb r12, [r1], #1\n\t"
                     "strb r12, [r3], #1\n\t"
                     "subs r2, #1\n\t"
                     "bne 5b\n"
                     "6:\n\t"
                     "bx lr\n\t");
}

__attribute__((naked)) void *memmove(void *to IN_REGISTER, const void *from IN_REGISTER, size_t num_bytes IN_REGISTER)
{
    __asm__ volatile("mov r3, r0\n\t"
                     "cmp r0, r1\n\t"
                     "bls kws_copy_up\n"
                     "1:\n\t"
                     "subs r2, #1\n\t"
                     "it lo\n\t"
                     "bxlo lr\n\t"
                     "ldrb r12, [r1, r2]\n\t"
                     "strb r12, [r0, r2]\n\t"
                     "b 1b\n\t");
}

__attribute__((naked)) void *memset(void *to IN_REGISTER, int byte IN_REGISTER, size_t num_bytes IN_REGISTER)
{
    __asm__ volatile("mov r3, r0\n\t"
                     "uxtb r1, r1\n\t"
                     "orr r1, r1, r1, lsl #8\n\t"
                     "orr r1, r1, r1, lsl #16\n\t"
                     "subs r2, #16\n\t"
                     "blo 2f\n"
                     "1:\n\t"
                     "str r1, [r3], #4\n\t"
                     "str r1, [r3], #4\n\t"
                     "str r1, [r3], #4\n\t"
                     "str r1, [r3], #4\n\t"
                     "subs r2, #16\n\t"
                     "bhs 1b\n"
                     "2:\n\t"
                     "adds r2, #16\n\t"
                     "beq 4f\n"
                     "3:\n\t"
                     "strb r1, [r3], #1\n\t"
                     "subs r2, #1\n\t"
                     "bne 3b\n"
                     "4:\n\t"
                     "bx lr\n\t");
}

__attribute__((naked)) int memcmp(const void *a IN_REGISTER, const void *b IN_REGISTER, size_t num_bytes IN_REGISTER)
{
    __asm__ volatile("mov r3, r0\n\t"
                     "movs r0, #0\n"
                     "1:\n\t"
                     "subs r2, #1\n\t"
                     "it lo\n\t"
                     "bxlo lr\n\t"
                     "ldrb r0, [r3], #1\n\t"
                     "ldrb r12, [r1], #1\n\t"
                     "subs r0, r0, r12\n\t"
                     "beq 1b\n\t"
                     "bx lr\n\t");
}

/* clang-format on */
