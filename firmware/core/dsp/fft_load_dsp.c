#include "../kws_simd.h"
#if KWS_SIMD

#include "fft_load_dsp.h"

#include "armv7em.h"

/* Points 0, 64, 128, 192 further on: four samples' and four window values' pairs, loaded in one row. */
#define LOAD_3                                                                                               \
    "ldr %[a0], [%[samples]], #4\n\t"                                                                        \
    "ldr %[a1], [%[samples], #252]\n\t"                                                                      \
    "ldr %[a2], [%[samples], #508]\n\t"                                                                      \
    "ldr %[b0], [%[window]], #4\n\t"                                                                         \
    "ldr %[b1], [%[window], #252]\n\t"                                                                       \
    "ldr %[b2], [%[window], #508]\n\t"
#define LOAD_4                                                                                               \
    LOAD_3                                                                                                   \
    "ldr %[a3], [%[samples], #764]\n\t"                                                                      \
    "ldr %[b3], [%[window], #764]\n\t"

/* re and im of a windowed point at full scale; the sample's register is free afterwards. */
#define WINDOWED(re, im, sample)                                                                             \
    "smulbb %[" re "], %[" sample "], %[" im "]\n\t"                                                         \
    "smultt %[" im "], %[" sample "], %[" im "]\n\t"                                                         \
    "lsl %[" re "], %[" re "], %[packed]\n\t"                                                                \
    "lsl %[" im "], %[" im "], %[packed]\n\t"

/* sum = a + b, difference = a - b, b waiting for its right shift; sum may be any free register. */
#define SUM_AND_DIFFERENCE(sum, a, b)                                                                        \
    "add %[" sum "], %[" a "], %[" b "], asr #7\n\t"                                                         \
    "sub %[" a "], %[" a "], %[" b "], asr #7\n\t"

/* a, b = a + b, a - b without a spare register. */
#define IN_PLACE(a, b)                                                                                       \
    "add %[" a "], %[" a "], %[" b "]\n\t"                                                                   \
    "sub %[" b "], %[" a "], %[" b "], lsl #1\n\t"

/* The butterfly goes where bit reversal wants it: 32 bytes times the 6 reversed bits of n. */
#define ADDRESS_OF_OUTPUT(address)                                                                           \
    "rbit %[" address "], %[n]\n\t"                                                                          \
    "add %[" address "], %[data], %[" address "], lsr #21\n\t"

#define LOOP                                                                                                 \
    "add %[n], %[n], #1\n\t"                                                                                 \
    "cmp %[n], %[packed], lsr #8\n\t"                                                                        \
    "bne 1b\n\t"

enum {
    QUARTER_POINTS = 64
};

/* Where the next butterfly reads: point n of samples and window. */
typedef struct {
    const int16_t *samples;
    const int16_t *window_q15;
    uint32_t n;
} cursor_t;

/* Butterflies of the points n .. end - 1 and those 64, 128 and 192 further on: 60 cycles each. `packed` holds
 * the left shift in its low byte, which is all that LSL looks at, and end above it: no other register is
 * free. #7 is kws_dsp_fft_input_shift. */
/* clang-format off */
static void butterflies_of_4(cursor_t *cursor, int32_t *data, uint32_t packed)
{
    int32_t a0, a1, a2, a3, b0, b1, b2, b3, t;
    __asm__ volatile(
        "1:\n\t"
        LOAD_4
        WINDOWED("t", "b0", "a0")
        WINDOWED("a0", "b1", "a1")
        WINDOWED("a1", "b2", "a2")
        WINDOWED("a2", "b3", "a3") /* points: 0 in t, b0; 1 in a0, b1; 2 in a1, b2; 3 in a2, b3 */
        "asr %[t], %[t], #7\n\t"
        "asr %[b0], %[b0], #7\n\t"
        "asr %[a0], %[a0], #7\n\t"
        "asr %[b1], %[b1], #7\n\t"
        SUM_AND_DIFFERENCE("a3", "t", "a1")  /* sum02.re, difference02.re */
        SUM_AND_DIFFERENCE("a1", "b0", "b2") /* sum02.im, difference02.im */
        SUM_AND_DIFFERENCE("b2", "a0", "a2") /* sum13.re, difference13.re */
        SUM_AND_DIFFERENCE("a2", "b1", "b3") /* sum13.im, difference13.im */
        ADDRESS_OF_OUTPUT("b3")
        IN_PLACE("a3", "b2")
        IN_PLACE("a1", "a2")
        IN_PLACE("t", "b1")
        "sub %[b0], %[b0], %[a0]\n\t"
        "add %[a0], %[b0], %[a0], lsl #1\n\t"
        "str %[a3], [%[b3]]\n\t"
        "str %[a1], [%[b3], #4]\n\t"
        "str %[t], [%[b3], #8]\n\t"
        "str %[b0], [%[b3], #12]\n\t"
        "str %[b2], [%[b3], #16]\n\t"
        "str %[a2], [%[b3], #20]\n\t"
        "str %[b1], [%[b3], #24]\n\t"
        "str %[a0], [%[b3], #28]\n\t"
        LOOP
        : [samples] "+&r"(cursor->samples), [window] "+&r"(cursor->window_q15), [n] "+&r"(cursor->n),
          [a0] "=&r"(a0), [a1] "=&r"(a1), [a2] "=&r"(a2), [a3] "=&r"(a3),
          [b0] "=&r"(b0), [b1] "=&r"(b1), [b2] "=&r"(b2), [b3] "=&r"(b3), [t] "=&r"(t)
        : [data] "r"(data), [packed] "r"(packed)
        : "cc", "memory");
}

/* The same where the point 192 further on is beyond the window, zero: sum13 = difference13 = point 1. */
static void butterflies_of_3(cursor_t *cursor, int32_t *data, uint32_t packed)
{
    int32_t a0, a1, a2, b0, b1, b2, t, out;
    __asm__ volatile(
        "1:\n\t"
        LOAD_3
        WINDOWED("t", "b0", "a0")
        WINDOWED("a0", "b1", "a1")
        WINDOWED("a1", "b2", "a2") /* points: 0 in t, b0; 1 in a0, b1; 2 in a1, b2 */
        "asr %[t], %[t], #7\n\t"
        "asr %[b0], %[b0], #7\n\t"
        "asr %[a0], %[a0], #7\n\t"
        "asr %[b1], %[b1], #7\n\t"
        SUM_AND_DIFFERENCE("a2", "t", "a1")  /* sum02.re, difference02.re */
        SUM_AND_DIFFERENCE("a1", "b0", "b2") /* sum02.im, difference02.im */
        ADDRESS_OF_OUTPUT("out")
        "add %[b2], %[a2], %[a0]\n\t"
        "sub %[a2], %[a2], %[a0]\n\t"
        "str %[b2], [%[out]]\n\t"
        "str %[a2], [%[out], #16]\n\t"
        "add %[b2], %[a1], %[b1]\n\t"
        "sub %[a1], %[a1], %[b1]\n\t"
        "str %[b2], [%[out], #4]\n\t"
        "str %[a1], [%[out], #20]\n\t"
        "add %[b2], %[t], %[b1]\n\t"
        "sub %[t], %[t], %[b1]\n\t"
        "str %[b2], [%[out], #8]\n\t"
        "str %[t], [%[out], #24]\n\t"
        "sub %[b2], %[b0], %[a0]\n\t"
        "add %[b0], %[b0], %[a0]\n\t"
        "str %[b2], [%[out], #12]\n\t"
        "str %[b0], [%[out], #28]\n\t"
        LOOP
        : [samples] "+&r"(cursor->samples), [window] "+&r"(cursor->window_q15), [n] "+&r"(cursor->n),
          [a0] "=&r"(a0), [a1] "=&r"(a1), [a2] "=&r"(a2), [b0] "=&r"(b0), [b1] "=&r"(b1), [b2] "=&r"(b2),
          [t] "=&r"(t), [out] "=&r"(out)
        : [data] "r"(data), [packed] "r"(packed)
        : "cc", "memory");
}
/* clang-format on */

void kws_dsp_fft_load_256(int32_t *data, const int16_t *samples, const int16_t *window_q15,
                          uint32_t num_samples, int32_t exponent)
{
    const uint32_t num_full = num_samples / 2u - 3u * QUARTER_POINTS; /* butterflies with all four points */
    cursor_t cursor = {.samples = samples, .window_q15 = window_q15, .n = 0u};
    if (num_full > 0u) {
        butterflies_of_4(&cursor, data, (uint32_t)exponent | num_full << 8);
    }
    if (num_full < QUARTER_POINTS) {
        butterflies_of_3(&cursor, data, (uint32_t)exponent | QUARTER_POINTS << 8);
    }
}

#endif
