/* SPDX-License-Identifier: Apache-2.0 */
/* What both versions of the decimating filters share. */
#ifndef KWS_DSP_DECIMATE_H
#define KWS_DSP_DECIMATE_H

#include "kws_dsp.h"

/* What a word adds to the last of its sums: this times the low half of its parts, less the high half. */
#define KWS_DSP_REST 4095

/* Of the sums of kws_dsp_decimate_by_2. */
#define KWS_DSP_BY_2_SHIFT 14

/* An output's near taps begin this many fours behind its far ones. */
#define KWS_DSP_NEAR_BEGIN 11
_Static_assert(KWS_DSP_NEAR_BEGIN == KWS_DSP_FAR_TAPS / 2 - KWS_DSP_NEAR_TAPS / 2, "in the middle");

#endif
