#include "measure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static struct counts counts;
static int failures;

static void expect(const char *what, double found, double expected) {
    if (!(fabs(found - expected) < 1e-9)) {
        printf("%s: %f instead of %f\n", what, found, expected);
        failures++;
    }
}

static void counted(const char *text) {
    memset(&counts, 0, sizeof counts);
    count(&counts, (const uint8_t *)text, strlen(text));
}

int main(void) {
    counted("");
    expect("nothing", entropy(&counts), 0);
    expect("nothing, with context", conditional_entropy(&counts), 0);
    counted("aaaa");
    expect("one byte", entropy(&counts), 0);
    counted("abcdabcd");
    expect("four bytes", entropy(&counts), 2);
    expect("four bytes in turn", conditional_entropy(&counts), 0);
    counted("aab");
    expect("a row of two", conditional_entropy(&counts), 1);
    counted("ab");
    count(&counts, (const uint8_t *)"cd", 2);
    expect("in parts", (double)counts.pair['b']['c'], 1);
    expect("in parts, all", (double)counts.bytes, 4);
    if (failures == 0) {
        puts("ok");
    }
    return failures != 0;
}
