/* SPDX-License-Identifier: Apache-2.0 */
/* Armv7E-M instructions that the compiler does not find by itself and arm_acle.h does not name. */
#ifndef KWS_DSP_ARMV7EM_H
#define KWS_DSP_ARMV7EM_H

#include <stdint.h>
#include <string.h>

/* Two neighbouring 16-bit values as they lie in memory: the first in the low half. One load, aligned or not.
 *  */
static inline int32_t kws_load_pair(const void *values)
{
    int32_t pair;
    memcpy(&pair, values, sizeof pair);
    return pair;
}

/* (a * low half of b) >> 16 */
static inline int32_t kws_smulwb(int32_t a, int32_t b)
{
    int32_t result;
    __asm__("smulwb %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
    return result;
}

/* (a * high half of b) >> 16 */
static inline int32_t kws_smulwt(int32_t a, int32_t b)
{
    int32_t result;
    __asm__("smulwt %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
    return result;
}

/* sum + ((a * high half of b) >> 16) */
static inline int32_t kws_smlawt(int32_t a, int32_t b, int32_t sum)
{
    int32_t result;
    __asm__("smlawt %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
    return result;
}

/* To the range of int16. */
static inline int16_t kws_saturate_16(int32_t value)
{
    int32_t result;
    __asm__("ssat %0, #16, %1" : "=r"(result) : "r"(value));
    return (int16_t)result;
}

#endif
