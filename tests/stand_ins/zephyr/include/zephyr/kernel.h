/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ZEPHYR_STAND_IN_KERNEL_H
#define ZEPHYR_STAND_IN_KERNEL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct device {
    const char *name;
};
struct k_mem_slab {
    char *buffer;
    size_t block_bytes;
};

#define K_MEM_SLAB_DEFINE_STATIC(slab_name, slab_block_bytes, slab_num_blocks, slab_align)                   \
    static char _Alignas(slab_align) slab_name##_buffer[(slab_num_blocks) * (slab_block_bytes)];             \
    static struct k_mem_slab slab_name = {slab_name##_buffer, slab_block_bytes}
#define DT_NODELABEL(label) stand_in_##label
#define DEVICE_DT_GET(node) (&(node))
extern const struct device stand_in_dmic_dev;

bool device_is_ready(const struct device *dev);
void k_mem_slab_free(struct k_mem_slab *slab, void *mem);
#endif
