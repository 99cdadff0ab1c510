/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels whose inputs can all be tried. */
#include "check.h"
#include "nn/nn.h"

/* Half away from zero, by the definition. */
static int32_t rounded_mean(int32_t sum, int32_t cells)
{
    const int32_t half = cells / 2;
    return (sum > 0 ? sum + half : sum - half) / cells;
}

static void check_means(uint32_t cells, int32_t step)
{
    kws_nn_layer_t layer = {.kernel_width = 1,
                            .stride_width = 1,
                            .input_width = 1,
                            .output_width = 1,
                            .output_channels = 1,
                            .output_min = -128,
                            .output_max = 127};
    for (int32_t sum = -128 * (int32_t)cells; sum <= 127 * (int32_t)cells; sum += step) {
        int8_t output;
        kws_nn_pool_finish(&layer, 0u, &sum, cells, &output);
        CHECK_EQUAL(output, rounded_mean(sum, (int32_t)cells));
    }
}

static void pools_round_half_away_from_zero_for_every_sum(void)
{
    for (uint32_t cells = 1u; cells <= 300u; ++cells) {
        check_means(cells, 1);
    }
    for (uint32_t cells = 3990u; cells <= 4010u; ++cells) { /* both ways to divide */
        check_means(cells, 1);
    }
    check_means(255u * 255u, 7);
}

int main(void)
{
    pools_round_half_away_from_zero_for_every_sum();
    return 0;
}
