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

/* The butterflies k = 1 .. quarter - 1 of one group, 56 cycles each; fft.c says what they compute. In
 * assembly because all of r0 - r12 and lr hold something: points a quarter apart are at constant offsets from
 * one pointer (hence `i` constraints, and no -O0), and the registers of the twiddles take point 0 once they
 * have done their turn. */
/* clang-format off */
static inline __attribute__((always_inline)) void turned_butterflies(int32_t *x, const int16_t *twiddles,
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
        "ldr %[re2], [%[x], %[step]]\n\t"
        "ldr %[im2], [%[x], %[step_im]]\n\t"
        "ldr %[re1], [%[x], %[step2]]\n\t"
        "ldr %[im1], [%[x], %[step2_im]]\n\t"
        "ldr %[re3], [%[x], %[step3]]\n\t"
        "ldr %[im3], [%[x], %[step3_im]]\n\t"
        TURN("re2", "im2", "w2")
        TURN("re1", "im1", "w1")
        TURN("re3", "im3", "w3")
        "ldr %[w1], [%[x]]\n\t"
        "ldr %[w2], [%[x], #4]\n\t"
        "add %[w3], %[re2], %[w1], asr #1\n\t"  /* sum02.re */
        "rsb %[re2], %[re2], %[w1], asr #1\n\t" /* difference02.re */
        "add %[w1], %[im2], %[w2], asr #1\n\t"  /* sum02.im */
        "rsb %[im2], %[im2], %[w2], asr #1\n\t" /* difference02.im */
        "add %[w2], %[re1], %[re3]\n\t"         /* sum13.re */
        "sub %[re1], %[re1], %[re3]\n\t"        /* difference13.re */
        "add %[re3], %[im1], %[im3]\n\t"        /* sum13.im */
        "sub %[im1], %[im1], %[im3]\n\t"        /* difference13.im */
        "add %[t], %[w3], %[w2]\n\t"
        "add %[im3], %[w1], %[re3]\n\t"
        "sub %[w3], %[w3], %[w2]\n\t"
        "sub %[w1], %[w1], %[re3]\n\t"
        "str %[im3], [%[x], #4]\n\t"
        "str %[w3], [%[x], %[step2]]\n\t"
        "str %[w1], [%[x], %[step2_im]]\n\t"
        "add %[w1], %[re2], %[im1]\n\t"
        "sub %[w2], %[im2], %[re1]\n\t"
        "sub %[re2], %[re2], %[im1]\n\t"
        "add %[im2], %[im2], %[re1]\n\t"
        "str %[w1], [%[x], %[step]]\n\t"
        "str %[w2], [%[x], %[step_im]]\n\t"
        "str %[re2], [%[x], %[step3]]\n\t"
        "str %[im2], [%[x], %[step3_im]]\n\t"
        "str %[t], [%[x]], #8\n\t"
        "cmp %[twiddles], %[end]\n\t"
        "bne 1b\n\t"
        : [x] "+&r"(x), [twiddles] "+&r"(twiddles), [re1] "=&r"(re1), [im1] "=&r"(im1), [re2] "=&r"(re2),
          [im2] "=&r"(im2), [re3] "=&r"(re3), [im3] "=&r"(im3), [w1] "=&r"(w1), [w2] "=&r"(w2),
          [w3] "=&r"(w3), [t] "=&r"(t)
        : [end] "r"(end), [step] "i"(step), [step_im] "i"(step + 4u), [step2] "i"(2u * step),
          [step2_im] "i"(2u * step + 4u), [step3] "i"(3u * step), [step3_im] "i"(3u * step + 4u)
        : "cc", "memory");
}
/* clang-format on */

/* The butterfly k = 0, which turns nothing. */
static inline __attribute__((always_inline)) void first_butterfly(int32_t *x, const uint32_t quarter)
{
    int32_t *const x2 = x + 2u * quarter, *const x1 = x + 4u * quarter, *const x3 = x + 6u * quarter;
    const int32_t half0_re = x[0] >> 1, half0_im = x[1] >> 1, half1_re = x1[0] >> 1, half1_im = x1[1] >> 1;
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

/* One copy for each size of group: constant offsets are what makes the butterflies fit the registers. */
#define DEFINE_PASS(quarter)                                                                                 \
    static void pass_##quarter(int32_t *data, const int32_t *end, const int16_t *twiddles)                   \
    {                                                                                                        \
        for (int32_t *x = data; x < end; x += 8 * quarter) {                                                 \
            first_butterfly(x, quarter);                                                                     \
        }                                                                                                    \
        for (int32_t *x = data; x < end; x += 8 * quarter) {                                                 \
            turned_butterflies(x, twiddles, quarter);                                                        \
        }                                                                                                    \
    }

DEFINE_PASS(4)
DEFINE_PASS(16)
DEFINE_PASS(64)

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
