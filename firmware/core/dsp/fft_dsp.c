/* SPDX-License-Identifier: Apache-2.0 */
#include "../kws_simd.h"
#if KWS_SIMD

#include "kws_dsp.h"

/* point * e^(-j angle) / 2 in place, w = (cos, sin), the halves of w being B and T, or the other way round: 5
 * instructions. */
#define TURN(re, im, w, cos, sin)                                                                            \
    "smulw" sin " t, " re ", " w "\n\t"                                                                      \
    "smulw" cos " " re ", " re ", " w "\n\t"                                                                 \
    "smlaw" sin " " re ", " im ", " w ", " re "\n\t"                                                         \
    "smulw" cos " " im ", " im ", " w "\n\t"                                                                 \
    "sub " im ", " im ", t\n\t"

/* point * e^(j angle) / 2. */
#define TURN_BACK(re, im, w)                                                                                 \
    "smulwt t, " im ", " w "\n\t"                                                                            \
    "smulwb " im ", " im ", " w "\n\t"                                                                       \
    "smlawt " im ", " re ", " w ", " im "\n\t"                                                               \
    "smulwb " re ", " re ", " w "\n\t"                                                                       \
    "sub " re ", " re ", t\n\t"

/* Points 2, 1 and 3 of a butterfly. */
#define LOAD(x, step)                                                                                        \
    "ldr re2, [" x ", #" step "]\n\t"                                                                        \
    "ldr im2, [" x ", #(" step " + 4)]\n\t"                                                                  \
    "ldr re1, [" x ", #(2 * " step ")]\n\t"                                                                  \
    "ldr im1, [" x ", #(2 * " step " + 4)]\n\t"                                                              \
    "ldr re3, [" x ", #(3 * " step ")]\n\t"                                                                  \
    "ldr im3, [" x ", #(3 * " step " + 4)]\n\t"
#define LOAD_0(x, re, im)                                                                                    \
    "ldr " re ", [" x "]\n\t"                                                                                \
    "ldr " im ", [" x ", #4]\n\t"
#define HALVE(point) "asr " point ", " point ", #1\n\t"

/* Butterfly k, and quarter - k with the same twiddles: of the latter points 2 and 3 come out negative. */
#define TURN_ALL                                                                                             \
    TURN("re2", "im2", "w2", "b", "t")                                                                       \
    TURN("re1", "im1", "w1", "b", "t")                                                                       \
    TURN("re3", "im3", "w3", "b", "t")
#define TURN_ALL_MIRRORED                                                                                    \
    TURN_BACK("re2", "im2", "w2")                                                                            \
    TURN("re1", "im1", "w1", "t", "b")                                                                       \
    TURN("re3", "im3", "w3", "t", "b")

/* The rest of it, in place, point 0 in re0 and im0: fft.c says what it computes. First the sums and differences of
 * points 0 and 2, then those of points 1 and 3. */
#define SUMS(re0, im0)                                                                                       \
    "rsb " re0 ", re2, " re0 ", asr #1\n\t" /* point 0 - point 2 */                                          \
    "rsb " im0 ", im2, " im0 ", asr #1\n\t"                                                                  \
    "add re2, " re0 ", re2, lsl #1\n\t" /* point 0 + point 2 */                                              \
    "add im2, " im0 ", im2, lsl #1\n\t"                                                                      \
    "add re1, re1, re3\n\t" /* point 1 + point 3 */                                                          \
    "add im1, im1, im3\n\t"                                                                                  \
    "sub re3, re1, re3, lsl #1\n\t" /* point 1 - point 3 */                                                  \
    "sub im3, im1, im3, lsl #1\n\t"
#define SUMS_OF_SUMS(x, step, next, sum02_re, sum02_im, difference02_re, difference02_im, sum13_re,          \
                     sum13_im, difference13_re, difference13_im)                                             \
    "add " sum02_re ", " sum02_re ", " sum13_re "\n\t"                                                       \
    "add " sum02_im ", " sum02_im ", " sum13_im "\n\t"                                                       \
    "sub " sum13_re ", " sum02_re ", " sum13_re ", lsl #1\n\t"                                               \
    "sub " sum13_im ", " sum02_im ", " sum13_im ", lsl #1\n\t"                                               \
    "add " difference02_re ", " difference02_re ", " difference13_im "\n\t"                                  \
    "sub " difference02_im ", " difference02_im ", " difference13_re "\n\t"                                  \
    "sub " difference13_im ", " difference02_re ", " difference13_im ", lsl #1\n\t"                          \
    "add " difference13_re ", " difference02_im ", " difference13_re ", lsl #1\n\t"                          \
    "str " sum02_im ", [" x ", #4]\n\t"                                                                      \
    "str " difference02_re ", [" x ", #" step "]\n\t"                                                        \
    "str " difference02_im ", [" x ", #(" step " + 4)]\n\t"                                                  \
    "str " sum13_re ", [" x ", #(2 * " step ")]\n\t"                                                         \
    "str " sum13_im ", [" x ", #(2 * " step " + 4)]\n\t"                                                     \
    "str " difference13_im ", [" x ", #(3 * " step ")]\n\t"                                                  \
    "str " difference13_re ", [" x ", #(3 * " step " + 4)]\n\t"                                              \
    "str " sum02_re ", [" x "], " next "\n\t"
#define BUTTERFLY(x, step, re0, im0, next)                                                                   \
    SUMS(re0, im0) SUMS_OF_SUMS(x, step, next, "re2", "im2", re0, im0, "re1", "im1", "re3", "im3")
#define BUTTERFLY_MIRRORED(x, step, re0, im0, next)                                                          \
    SUMS(re0, im0) SUMS_OF_SUMS(x, step, next, re0, im0, "re2", "im2", "re3", "im3", "re1", "im1")

/* Points a quarter apart are at constant offsets from one pointer: registers are what there is least of. All fourteen
 * are taken, so these functions are assembly as a whole: compilers may keep one for themselves. */
#define NAMES                                                                                                \
    "x .req r0\n\tend .req r1\n\tmirror .req r1\n\ttwiddles .req r2\n\tre0 .req r2\n\t"                      \
    "re1 .req r3\n\tim1 .req r4\n\tre2 .req r5\n\tim2 .req r6\n\tre3 .req r7\n\tim3 .req r8\n\t"             \
    "w1 .req r9\n\tw2 .req r10\n\tw3 .req r11\n\tt .req r12\n\tu .req lr\n\tim0 .req lr\n\t"                 \
    "push {r4-r11, lr}\n\t"
#define RETURN                                                                                               \
    "pop {r4-r11, pc}\n\t"                                                                                   \
    ".unreq x\n\t.unreq end\n\t.unreq mirror\n\t.unreq twiddles\n\t.unreq re0\n\t"                           \
    ".unreq re1\n\t.unreq im1\n\t.unreq re2\n\t.unreq im2\n\t.unreq re3\n\t.unreq im3\n\t"                   \
    ".unreq w1\n\t.unreq w2\n\t.unreq w3\n\t.unreq t\n\t.unreq u\n\t.unreq im0\n\t"
#define IN_REGISTER __attribute__((unused))

/* clang-format off */

/* The butterflies k = 1 .. quarter - 1 of each group from both ends, 53 cycles each; the middle one is alone.
 * step: bytes from point to point, 8 * quarter. On the stack: group, end, twiddles. */
#define DEFINE_BUTTERFLIES_OF_GROUPS(name, step)                                                             \
    __attribute__((naked, noinline)) static void name(int32_t *x IN_REGISTER, const int32_t *end IN_REGISTER, \
                                                      const int16_t *twiddles IN_REGISTER)                   \
    {                                                                                                        \
        __asm volatile(                                                                                      \
            NAMES                                                                                            \
            "push {r0, r1, r2}\n"                                                                           \
            "0:\n\t"                                                                                       \
            "ldr twiddles, [sp, #8]\n\t"                                                                   \
            "add mirror, x, #(" step " - 8)\n\t"                                                           \
            "add x, x, #8\n"                                                                                \
            "1:\n\t"                                                                                       \
            "ldr w2, [twiddles], #12\n\t"                                                                  \
            "ldr w1, [twiddles, #-8]\n\t"                                                                  \
            "ldr w3, [twiddles, #-4]\n\t"                                                                  \
            LOAD("x", step)                                                                                  \
            "cmp x, mirror\n\t"                                                                            \
            TURN_ALL                                                                                         \
            LOAD_0("x", "t", "u")                                                                            \
            BUTTERFLY("x", step, "t", "u", "#8")                                                             \
            "beq 2f\n\t"                                                                                   \
            LOAD("mirror", step)                                                                             \
            TURN_ALL_MIRRORED                                                                                \
            LOAD_0("mirror", "t", "u")                                                                       \
            BUTTERFLY_MIRRORED("mirror", step, "t", "u", "#-8")                                              \
            "b 1b\n"                                                                                        \
            "2:\n\t"                                                                                       \
            "ldrd x, end, [sp]\n\t"                                                                        \
            "add x, x, #(4 * " step ")\n\t"                                                                \
            "str x, [sp]\n\t"                                                                              \
            "cmp x, end\n\t"                                                                               \
            "blo 0b\n\t"                                                                                   \
            "add sp, #12\n\t"                                                                              \
            RETURN);                                                                                         \
    }

DEFINE_BUTTERFLIES_OF_GROUPS(butterflies_of_16, "128")
DEFINE_BUTTERFLIES_OF_GROUPS(butterflies_of_64, "512")

/* Of all groups of 4 * 4 points: the butterflies of one k, 52 cycles each, because the twiddles stay. */
#define DEFINE_BUTTERFLIES_OF_4(name, TURNS, THE_BUTTERFLY)                                                  \
    __attribute__((naked, noinline)) static void name(int32_t *x IN_REGISTER, const int32_t *end IN_REGISTER, \
                                                      const int16_t *twiddles IN_REGISTER)                   \
    {                                                                                                        \
        __asm volatile(                                                                                      \
            NAMES                                                                                            \
            "ldr w1, [twiddles, #4]\n\t"                                                                     \
            "ldr w3, [twiddles, #8]\n\t"                                                                     \
            "ldr w2, [twiddles]\n\t"                                                                         \
            "1:\n\t"                                                                                         \
            LOAD("x", "32")                                                                                  \
            LOAD_0("x", "re0", "im0")                                                                        \
            TURNS                                                                                            \
            THE_BUTTERFLY("x", "32", "re0", "im0", "#128")                                                   \
            "cmp x, end\n\t"                                                                                 \
            "blo 1b\n\t"                                                                                     \
            RETURN);                                                                                         \
    }

DEFINE_BUTTERFLIES_OF_4(butterflies_of_4, TURN_ALL, BUTTERFLY)
DEFINE_BUTTERFLIES_OF_4(mirrored_butterflies_of_4, TURN_ALL_MIRRORED, BUTTERFLY_MIRRORED)

/* The butterflies k = 0, which turn nothing: 43 cycles each. */
__attribute__((naked, noinline)) static void first_butterflies_of_4(int32_t *x IN_REGISTER,
                                                                    const int32_t *end IN_REGISTER)
{
    __asm volatile(
        NAMES
        "1:\n\t"
        LOAD("x", "32")
        LOAD_0("x", "re0", "im0")
        HALVE("re2") HALVE("im2") HALVE("re1") HALVE("im1") HALVE("re3") HALVE("im3")
        BUTTERFLY("x", "32", "re0", "im0", "#128")
        "cmp x, end\n\t"
        "blo 1b\n\t"
        RETURN);
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
    first_butterflies_of_4(data, end);
    butterflies_of_4(data + 2, end, twiddles);
    butterflies_of_4(data + 4, end, twiddles + 6);
    mirrored_butterflies_of_4(data + 6, end, twiddles);
}

static void pass_16(int32_t *data, const int32_t *end, const int16_t *twiddles)
{
    first_butterflies(data, end, 16u);
    butterflies_of_16(data, end, twiddles);
}

static void pass_64(int32_t *data, const int32_t *end, const int16_t *twiddles)
{
    first_butterflies(data, end, 64u);
    butterflies_of_64(data, end, twiddles);
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
        twiddles_q15 += 3u * quarter;
    }
}

#endif
