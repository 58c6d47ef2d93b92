#include "measure.h"

#include <math.h>

void count(struct counts *counts, const uint8_t *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) {
        counts->single[bytes[i]]++;
        if (counts->bytes > 0) {
            counts->pair[counts->last][bytes[i]]++;
        }
        counts->last = bytes[i];
        counts->bytes++;
    }
}

/* The bits that a row of counts takes altogether. */
static double bits(const uint64_t row[256], uint64_t *total) {
    double bits = 0;
    *total = 0;
    for (int i = 0; i < 256; i++) {
        *total += row[i];
    }
    for (int i = 0; i < 256; i++) {
        if (row[i] > 0) {
            bits += (double)row[i] * log2((double)*total / (double)row[i]);
        }
    }
    return bits;
}

double entropy(const struct counts *counts) {
    uint64_t total;
    double sum = bits(counts->single, &total);
    return total > 0 ? sum / (double)total : 0;
}

double conditional_entropy(const struct counts *counts) {
    double sum = 0;
    uint64_t all = 0;
    for (int i = 0; i < 256; i++) {
        uint64_t total;
        sum += bits(counts->pair[i], &total);
        all += total;
    }
    return all > 0 ? sum / (double)all : 0;
}
