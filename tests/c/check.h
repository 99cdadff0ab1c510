/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest test harness that says where and what. */
#ifndef KWS_CHECK_H
#define KWS_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);                        \
            exit(1);                                                                                         \
        }                                                                                                    \
    } while (0)

#define CHECK_EQUAL(actual, expected)                                                                        \
    do {                                                                                                     \
        const long long actual_ = (long long)(actual);                                                       \
        const long long expected_ = (long long)(expected);                                                   \
        if (actual_ != expected_) {                                                                          \
            fprintf(stderr, "%s:%d: %s is %lld, expected %lld\n", __FILE__, __LINE__, #actual, actual_,      \
                    expected_);                                                                              \
            exit(1);                                                                                         \
        }                                                                                                    \
    } while (0)

#endif
