#include "../kws_simd.h"
#if KWS_SIMD

#include "armv7em.h"
#include "kws_dsp.h"

/* point * e^(-j angle) / 2 in place, w = (cos, sin), the halves of w being B and T, or the other way round: 5
 * instructions. */
#define TURN(re, im, w, cos, sin)                                                                            \
    "smulw" sin " %[t], %[" re "], %[" w "]\n\t"                                                             \
    "smulw" cos " %[" re "], %[" re "], %[" w "]\n\t"                                                        \
    "smlaw" sin " %[" re "], %[" im "], %[" w "], %[" re "]\n\t"                                             \
    "smulw" cos " %[" im "], %[" im "], %[" w "]\n\t"                                                        \
    "sub %[" im "], %[" im "], %[t]\n\t"

/* point * e^(j angle) / 2. */
#define TURN_BACK(re, im, w)                                                                                 \
    "smulwt %[t], %[" im "], %[" w "]\n\t"                                                                   \
    "smulwb %[" im "], %[" im "], %[" w "]\n\t"                                                              \
    "smlawt %[" im "], %[" re "], %[" w "], %[" im "]\n\t"                                                   \
    "smulwb %[" re "], %[" re "], %[" w "]\n\t"                                                              \
    "sub %[" re "], %[" re "], %[t]\n\t"

/* Points 2, 1 and 3 of a butterfly. */
#define LOAD(x)                                                                                              \
    "ldr %[re2], [%[" x "], %[step]]\n\t"                                                                    \
    "ldr %[im2], [%[" x "], %[step_im]]\n\t"                                                                 \
    "ldr %[re1], [%[" x "], %[step2]]\n\t"                                                                   \
    "ldr %[im1], [%[" x "], %[step2_im]]\n\t"                                                                \
    "ldr %[re3], [%[" x "], %[step3]]\n\t"                                                                   \
    "ldr %[im3], [%[" x "], %[step3_im]]\n\t"
#define LOAD_0(x, re, im)                                                                                    \
    "ldr %[" re "], [%[" x "]]\n\t"                                                                          \
    "ldr %[" im "], [%[" x "], #4]\n\t"
#define HALVE(point) "asr %[" point "], %[" point "], #1\n\t"

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
    "rsb %[" re0 "], %[re2], %[" re0 "], asr #1\n\t" /* point 0 - point 2 */                                 \
    "rsb %[" im0 "], %[im2], %[" im0 "], asr #1\n\t"                                                         \
    "add %[re2], %[" re0 "], %[re2], lsl #1\n\t" /* point 0 + point 2 */                                     \
    "add %[im2], %[" im0 "], %[im2], lsl #1\n\t"                                                             \
    "add %[re1], %[re1], %[re3]\n\t" /* point 1 + point 3 */                                                 \
    "add %[im1], %[im1], %[im3]\n\t"                                                                         \
    "sub %[re3], %[re1], %[re3], lsl #1\n\t" /* point 1 - point 3 */                                         \
    "sub %[im3], %[im1], %[im3], lsl #1\n\t"
#define SUMS_OF_SUMS(x, next, sum02_re, sum02_im, difference02_re, difference02_im, sum13_re, sum13_im,      \
                     difference13_re, difference13_im)                                                       \
    "add %[" sum02_re "], %[" sum02_re "], %[" sum13_re "]\n\t"                                              \
    "add %[" sum02_im "], %[" sum02_im "], %[" sum13_im "]\n\t"                                              \
    "sub %[" sum13_re "], %[" sum02_re "], %[" sum13_re "], lsl #1\n\t"                                      \
    "sub %[" sum13_im "], %[" sum02_im "], %[" sum13_im "], lsl #1\n\t"                                      \
    "add %[" difference02_re "], %[" difference02_re "], %[" difference13_im "]\n\t"                         \
    "sub %[" difference02_im "], %[" difference02_im "], %[" difference13_re "]\n\t"                         \
    "sub %[" difference13_im "], %[" difference02_re "], %[" difference13_im "], lsl #1\n\t"                 \
    "add %[" difference13_re "], %[" difference02_im "], %[" difference13_re "], lsl #1\n\t"                 \
    "str %[" sum02_im "], [%[" x "], #4]\n\t"                                                                \
    "str %[" difference02_re "], [%[" x "], %[step]]\n\t"                                                    \
    "str %[" difference02_im "], [%[" x "], %[step_im]]\n\t"                                                 \
    "str %[" sum13_re "], [%[" x "], %[step2]]\n\t"                                                          \
    "str %[" sum13_im "], [%[" x "], %[step2_im]]\n\t"                                                       \
    "str %[" difference13_im "], [%[" x "], %[step3]]\n\t"                                                   \
    "str %[" difference13_re "], [%[" x "], %[step3_im]]\n\t"                                                \
    "str %[" sum02_re "], [%[" x "]], " next "\n\t"
#define BUTTERFLY(x, re0, im0, next)                                                                         \
    SUMS(re0, im0) SUMS_OF_SUMS(x, next, "re2", "im2", re0, im0, "re1", "im1", "re3", "im3")
#define BUTTERFLY_MIRRORED(x, re0, im0, next)                                                                \
    SUMS(re0, im0) SUMS_OF_SUMS(x, next, re0, im0, "re2", "im2", "re3", "im3", "re1", "im1")

#define POINTS                                                                                               \
    [re1] "=&r"(re1), [im1] "=&r"(im1), [re2] "=&r"(re2), [im2] "=&r"(im2), [re3] "=&r"(re3), [im3] "=&r"(im3)

/* Points a quarter apart are at constant offsets from one pointer: registers are what there is least of. Hence `i`
 * constraints, and no -O0. */
#define OFFSETS(step_bytes)                                                                                  \
    [step] "i"(step_bytes), [step_im] "i"(step_bytes + 4u), [step2] "i"(2u * step_bytes),                    \
        [step2_im] "i"(2u * step_bytes + 4u), [step3] "i"(3u * step_bytes),                                  \
        [step3_im] "i"(3u * step_bytes + 4u)

/* clang-format off */

/* The butterflies k = 1 .. quarter - 1 of one group from both ends, 53 cycles each; the middle one is alone. */
static inline __attribute__((always_inline)) void butterflies_of_group(int32_t *x, const int16_t *twiddles,
                                                                       const uint32_t quarter)
{
    int32_t *mirror = x + 2u * (quarter - 1u);
    int32_t re1, im1, re2, im2, re3, im3, w1, w2, w3, t, u;
    x += 2;
    __asm__ volatile(
        "1:\n\t"
        "ldr %[w2], [%[twiddles]], #12\n\t"
        "ldr %[w1], [%[twiddles], #-8]\n\t"
        "ldr %[w3], [%[twiddles], #-4]\n\t"
        LOAD("x")
        "cmp %[x], %[mirror]\n\t"
        TURN_ALL
        LOAD_0("x", "t", "u")
        BUTTERFLY("x", "t", "u", "#8")
        "beq 2f\n\t"
        LOAD("mirror")
        TURN_ALL_MIRRORED
        LOAD_0("mirror", "t", "u")
        BUTTERFLY_MIRRORED("mirror", "t", "u", "#-8")
        "b 1b\n\t"
        "2:\n\t"
        : [x] "+&r"(x), [mirror] "+&r"(mirror), [twiddles] "+&r"(twiddles), POINTS, [w1] "=&r"(w1),
          [w2] "=&r"(w2), [w3] "=&r"(w3), [t] "=&r"(t), [u] "=&r"(u)
        : OFFSETS(8u * quarter)
        : "cc", "memory");
}

/* Of all groups of 4 * 4 points: the butterflies of one k, 52 cycles each, because the twiddles stay. */
#define DEFINE_BUTTERFLIES_OF_4(name, TURNS, THE_BUTTERFLY)                                                  \
    static __attribute__((noinline)) void name(int32_t *x, const int32_t *end, const int16_t *twiddles)      \
    {                                                                                                        \
        const int32_t w2 = kws_load_pair(twiddles), w1 = kws_load_pair(twiddles + 2);                        \
        const int32_t w3 = kws_load_pair(twiddles + 4);                                                      \
        int32_t re1, im1, re2, im2, re3, im3, re0, im0, t;                                                   \
        __asm__ volatile(                                                                                    \
            "1:\n\t"                                                                                         \
            LOAD("x")                                                                                        \
            LOAD_0("x", "re0", "im0")                                                                        \
            TURNS                                                                                            \
            THE_BUTTERFLY("x", "re0", "im0", "#128")                                                         \
            "cmp %[x], %[end]\n\t"                                                                           \
            "blo 1b\n\t"                                                                                     \
            : [x] "+&r"(x), POINTS, [re0] "=&r"(re0), [im0] "=&r"(im0), [t] "=&r"(t)                         \
            : [w1] "r"(w1), [w2] "r"(w2), [w3] "r"(w3), [end] "r"(end), OFFSETS(32u)                         \
            : "cc", "memory");                                                                               \
    }

DEFINE_BUTTERFLIES_OF_4(butterflies_of_4, TURN_ALL, BUTTERFLY)
DEFINE_BUTTERFLIES_OF_4(mirrored_butterflies_of_4, TURN_ALL_MIRRORED, BUTTERFLY_MIRRORED)

/* The butterflies k = 0, which turn nothing: 43 cycles each. */
static inline void first_butterflies_of_4(int32_t *x, const int32_t *end)
{
    int32_t re1, im1, re2, im2, re3, im3, re0, im0;
    __asm__ volatile(
        "1:\n\t"
        LOAD("x")
        LOAD_0("x", "re0", "im0")
        HALVE("re2") HALVE("im2") HALVE("re1") HALVE("im1") HALVE("re3") HALVE("im3")
        BUTTERFLY("x", "re0", "im0", "#128")
        "cmp %[x], %[end]\n\t"
        "blo 1b\n\t"
        : [x] "+&r"(x), POINTS, [re0] "=&r"(re0), [im0] "=&r"(im0)
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
    first_butterflies_of_4(data, end);
    butterflies_of_4(data + 2, end, twiddles);
    butterflies_of_4(data + 4, end, twiddles + 6);
    mirrored_butterflies_of_4(data + 6, end, twiddles);
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
        twiddles_q15 += 3u * quarter;
    }
}

#endif
