#include "select.h"
#if KWS_DSP_SIMD

#include "armv7em.h"
#include "kws_dsp.h"

/* point * e^(-j angle) / 2 in place, w = (cos, sin): 5 instructions. */
#define TURN(re, im, w)                                                                                      \
    "smulwt %[t], %[" re "], %[" w "]\n\t"                                                                   \
    "smulwb %[" re "], %[" re "], %[" w "]\n\t"                                                              \
    "smlawt %[" re "], %[" im "], %[" w "], %[" re "]\n\t"                                                   \
    "smulwb %[" im "], %[" im "], %[" w "]\n\t"                                                              \
    "sub %[" im "], %[" im "], %[t]\n\t"

/* Points 2, 1 and 3 of a butterfly. */
#define LOAD                                                                                                 \
    "ldr %[re2], [%[x], %[step]]\n\t"                                                                        \
    "ldr %[im2], [%[x], %[step_im]]\n\t"                                                                     \
    "ldr %[re1], [%[x], %[step2]]\n\t"                                                                       \
    "ldr %[im1], [%[x], %[step2_im]]\n\t"                                                                    \
    "ldr %[re3], [%[x], %[step3]]\n\t"                                                                       \
    "ldr %[im3], [%[x], %[step3_im]]\n\t"
#define LOAD_0(a, b)                                                                                         \
    "ldr %[" a "], [%[x]]\n\t"                                                                               \
    "ldr %[" b "], [%[x], #4]\n\t"
#define TURN_ALL                                                                                             \
    TURN("re2", "im2", "w2")                                                                                 \
    TURN("re1", "im1", "w1")                                                                                 \
    TURN("re3", "im3", "w3")
#define HALVE(point) "asr %[" point "], %[" point "], #1\n\t"

/* The rest of it, in place, point 0 in a and b: fft.c says what it computes. */
#define BUTTERFLY(a, b, next)                                                                                \
    "rsb %[" a "], %[re2], %[" a "], asr #1\n\t" /* difference02.re */                                       \
    "rsb %[" b "], %[im2], %[" b "], asr #1\n\t" /* difference02.im */                                       \
    "add %[re2], %[" a "], %[re2], lsl #1\n\t"   /* sum02.re */                                              \
    "add %[im2], %[" b "], %[im2], lsl #1\n\t"   /* sum02.im */                                              \
    "add %[re1], %[re1], %[re3]\n\t"             /* sum13.re */                                              \
    "add %[im1], %[im1], %[im3]\n\t"             /* sum13.im */                                              \
    "sub %[re3], %[re1], %[re3], lsl #1\n\t"     /* difference13.re */                                       \
    "sub %[im3], %[im1], %[im3], lsl #1\n\t"     /* difference13.im */                                       \
    "add %[re2], %[re2], %[re1]\n\t"                                                                         \
    "add %[im2], %[im2], %[im1]\n\t"                                                                         \
    "sub %[re1], %[re2], %[re1], lsl #1\n\t"                                                                 \
    "sub %[im1], %[im2], %[im1], lsl #1\n\t"                                                                 \
    "add %[" a "], %[" a "], %[im3]\n\t"                                                                     \
    "sub %[" b "], %[" b "], %[re3]\n\t"                                                                     \
    "sub %[im3], %[" a "], %[im3], lsl #1\n\t"                                                               \
    "add %[re3], %[" b "], %[re3], lsl #1\n\t"                                                               \
    "str %[im2], [%[x], #4]\n\t"                                                                             \
    "str %[" a "], [%[x], %[step]]\n\t"                                                                      \
    "str %[" b "], [%[x], %[step_im]]\n\t"                                                                   \
    "str %[re1], [%[x], %[step2]]\n\t"                                                                       \
    "str %[im1], [%[x], %[step2_im]]\n\t"                                                                    \
    "str %[im3], [%[x], %[step3]]\n\t"                                                                       \
    "str %[re3], [%[x], %[step3_im]]\n\t"                                                                    \
    "str %[re2], [%[x]], " next "\n\t"

#define POINTS                                                                                               \
    [re1] "=&r"(re1), [im1] "=&r"(im1), [re2] "=&r"(re2), [im2] "=&r"(im2), [re3] "=&r"(re3), [im3] "=&r"(im3)

/* Points a quarter apart are at constant offsets from one pointer: registers are what there is least of. Hence `i`
 * constraints, and no -O0. */
#define OFFSETS(step_bytes)                                                                                  \
    [step] "i"(step_bytes), [step_im] "i"(step_bytes + 4u), [step2] "i"(2u * step_bytes),                    \
        [step2_im] "i"(2u * step_bytes + 4u), [step3] "i"(3u * step_bytes),                                  \
        [step3_im] "i"(3u * step_bytes + 4u)

/* clang-format off */

/* The butterflies k = 1 .. quarter - 1 of one group, 56 cycles each. */
static inline __attribute__((always_inline)) void butterflies_of_group(int32_t *x, const int16_t *twiddles,
                                                                       const uint32_t quarter)
{
    const int16_t *const end = twiddles + 6u * (quarter - 1u);
    const uint32_t step = 8u * quarter; /* bytes */
    int32_t re1, im1, re2, im2, re3, im3, w1, w2, w3, t;
    x += 2;
    __asm__ volatile(
        "1:\n\t"
        "ldr %[w2], [%[twiddles]], #12\n\t"
        "ldr %[w1], [%[twiddles], #-8]\n\t"
        "ldr %[w3], [%[twiddles], #-4]\n\t"
        LOAD
        TURN_ALL
        LOAD_0("w1", "w2") /* which have done their turn */
        BUTTERFLY("w1", "w2", "#8")
        "cmp %[twiddles], %[end]\n\t"
        "bne 1b\n\t"
        : [x] "+&r"(x), [twiddles] "+&r"(twiddles), POINTS, [w1] "=&r"(w1), [w2] "=&r"(w2), [w3] "=&r"(w3),
          [t] "=&r"(t)
        : [end] "r"(end), OFFSETS(step)
        : "cc", "memory");
}

/* The butterflies of one k in all groups of 4 * 4 points, 52 cycles each: the twiddles stay. */
static inline void butterflies_of_k_4(int32_t *x, const int32_t *end, const int16_t *twiddles)
{
    const int32_t w2 = kws_load_pair(twiddles), w1 = kws_load_pair(twiddles + 2), w3 = kws_load_pair(twiddles + 4);
    int32_t re1, im1, re2, im2, re3, im3, a, b, t;
    __asm__ volatile(
        "1:\n\t"
        LOAD
        LOAD_0("a", "b")
        TURN_ALL
        BUTTERFLY("a", "b", "#128")
        "cmp %[x], %[end]\n\t"
        "blo 1b\n\t"
        : [x] "+&r"(x), POINTS, [a] "=&r"(a), [b] "=&r"(b), [t] "=&r"(t)
        : [w1] "r"(w1), [w2] "r"(w2), [w3] "r"(w3), [end] "r"(end), OFFSETS(32u)
        : "cc", "memory");
}
/* The butterflies k = 0, which turn nothing, of all groups of 4 * 4 points: 43 cycles each. */
static inline void first_butterflies_4(int32_t *x, const int32_t *end)
{
    int32_t re1, im1, re2, im2, re3, im3, a, b;
    __asm__ volatile(
        "1:\n\t"
        LOAD
        LOAD_0("a", "b")
        HALVE("re2") HALVE("im2") HALVE("re1") HALVE("im1") HALVE("re3") HALVE("im3")
        BUTTERFLY("a", "b", "#128")
        "cmp %[x], %[end]\n\t"
        "blo 1b\n\t"
        : [x] "+&r"(x), POINTS, [a] "=&r"(a), [b] "=&r"(b)
        : [end] "r"(end), OFFSETS(32u)
        : "cc", "memory");
}
/* clang-format on */

/* The same of groups of any size. */
static __attribute__((noinline)) void first_butterflies(int32_t *x, const int32_t *end, uint32_t quarter)
{
    for (; x < end; x += 8u * quarter) {
        int32_t *const x2 = x + 2u * quarter, *const x1 = x2 + 2u * quarter, *const x3 = x1 + 2u * quarter;
        const int32_t half0_re = x[0] >> 1, half0_im = x[1] >> 1, half1_re = x1[0] >> 1,
                      half1_im = x1[1] >> 1;
        const int32_t sum02_re = half0_re + (x2[0] >> 1), difference02_re = half0_re - (x2[0] >> 1);
        const int32_t sum02_im = half0_im + (x2[1] >> 1), difference02_im = half0_im - (x2[1] >> 1);
        const int32_t sum13_re = half1_re + (x3[0] >> 1), difference13_re = half1_re - (x3[0] >> 1);
        const int32_t sum13_im = half1_im + (x3[1] >> 1), difference13_im = half1_im - (x3[1] >> 1);
        x[0] = sum02_re + sum13_re;
        x[1] = sum02_im + sum13_im;
        x2[0] = difference02_re + difference13_im;
        x2[1] = difference02_im - difference13_re;
        x1[0] = sum02_re - sum13_re;
        x1[1] = sum02_im - sum13_im;
        x3[0] = difference02_re - difference13_im;
        x3[1] = difference02_im + difference13_re;
    }
}

static void pass_4(int32_t *data, const int32_t *end, const int16_t *twiddles)
{
    first_butterflies_4(data, end);
    for (uint32_t k = 1u; k < 4u; ++k) {
        butterflies_of_k_4(data + 2u * k, end, twiddles);
        twiddles += 6;
    }
}

static void pass_16(int32_t *data, const int32_t *end, const int16_t *twiddles)
{
    first_butterflies(data, end, 16u);
    for (; data < end; data += 8u * 16u) {
        butterflies_of_group(data, twiddles, 16u);
    }
}

static void pass_64(int32_t *data, const int32_t *end, const int16_t *twiddles)
{
    first_butterflies(data, end, 64u);
    for (; data < end; data += 8u * 64u) {
        butterflies_of_group(data, twiddles, 64u);
    }
}

/* The passes of the usual 256 points are fast; other sizes that need others take plain C, half as fast. */
void kws_dsp_fft_s32(int32_t *data, uint32_t log2_points, const int16_t *twiddles_q15)
{
    const uint32_t num_points = 1u << log2_points;
    const int32_t *const end = data + 2u * num_points;
    for (uint32_t quarter = 4u >> (log2_points & 1u); quarter < num_points; quarter *= 4u) {
        switch (quarter) {
        case 4u: pass_4(data, end, twiddles_q15); break;
        case 16u: pass_16(data, end, twiddles_q15); break;
        case 64u: pass_64(data, end, twiddles_q15); break;
        default: /* not the usual 256 points */
            kws_dsp_fft_pass(data, num_points, quarter, twiddles_q15);
            break;
        }
        twiddles_q15 += 6u * (quarter - 1u);
    }
}

#else
typedef int kws_dsp_nothing_t; /* an empty file is not C */
#endif
