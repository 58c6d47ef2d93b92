/* How much information bytes hold. Knows nothing of components, so that it is tested with any C compiler. */
#ifndef MEASURE_H
#define MEASURE_H

#include <stddef.h>
#include <stdint.h>

struct counts {
    uint64_t bytes;
    /* How often each byte occurs, and how often after each other byte. */
    uint64_t single[256];
    uint64_t pair[256][256];
    uint8_t last;
};

/* Counts some more bytes. `counts` is zeroes in the beginning. */
void count(struct counts *counts, const uint8_t *bytes, size_t length);

/* Bits per byte, from 0 to 8, that a code needs which knows how often each byte occurs (C. E. Shannon, A
 * mathematical theory of communication, 1948). 0 where nothing was counted. */
double entropy(const struct counts *counts);

/* The same for a code that also knows the byte before. */
double conditional_entropy(const struct counts *counts);

#endif
