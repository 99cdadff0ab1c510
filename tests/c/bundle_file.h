/* SPDX-License-Identifier: Apache-2.0 */
/* Loading files for the test programs. */
#ifndef KWS_BUNDLE_FILE_H
#define KWS_BUNDLE_FILE_H

#include "check.h"

/* The whole file in memory of its own, aligned to 16 bytes; the size is exact so that sanitizers see overruns. */
static inline void *read_file(const char *path, size_t *size_bytes)
{
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    CHECK(fseek(file, 0, SEEK_END) == 0);
    const long size = ftell(file);
    CHECK(size >= 0);
    rewind(file);
    void *data = NULL;
    CHECK(posix_memalign(&data, 16u, (size_t)size + (size == 0)) == 0);
    CHECK(fread(data, 1u, (size_t)size, file) == (size_t)size);
    CHECK(fclose(file) == 0);
    *size_bytes = (size_t)size;
    return data;
}

#endif
