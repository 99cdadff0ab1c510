/* The one place that chooses between plain C (x.c) and Armv7E-M (x_dsp.c): same names, same bits, other
 * speed. Tests define KWS_DSP_PLAIN to run the plain ones on the same processor. */
#ifndef KWS_DSP_SELECT_H
#define KWS_DSP_SELECT_H

#if defined(__ARM_FEATURE_DSP) && !defined(KWS_DSP_PLAIN)
#define KWS_DSP_SIMD 1
#else
#define KWS_DSP_SIMD 0
#endif

#endif
