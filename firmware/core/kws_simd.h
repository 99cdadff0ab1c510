/* SPDX-License-Identifier: Apache-2.0 */
/* The one place that decides whether Armv7E-M kernels are compiled, in dsp/ and nn/ alike. Both have the same bits.
 *
 * A kernel that has an Armv7E-M version stands in two files: `x.c` is plain C and `x_dsp.c` the other one. One of them
 * is compiled and the other is empty. Define KWS_PLAIN to get plain C on any processor. Builds without optimisation
 * get it too: there compilers run out of registers for the assembly, and a debugger has nothing to step through. */
#ifndef KWS_SIMD_H
#define KWS_SIMD_H

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__) && defined(__OPTIMIZE__) && !defined(KWS_PLAIN)
#define KWS_SIMD 1
#else
#define KWS_SIMD 0
#endif

typedef int kws_not_empty_t; /* C wants something in every file */

#endif
