/* The component: what wit/deps/evaluator.wit asks for, and the files. */
#include "bindings/evaluator.h"
#include "measure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef exports_autoresearch_evaluator_evaluator_descriptor_t descriptor_t;
typedef exports_autoresearch_evaluator_evaluator_request_t request_t;
typedef exports_autoresearch_evaluator_evaluator_report_t report_t;
typedef exports_autoresearch_evaluator_evaluator_failure_t failure_t;
typedef autoresearch_evaluator_types_metric_info_t metric_t;
typedef autoresearch_evaluator_types_parameter_t parameter_t;
typedef autoresearch_evaluator_types_measurement_t measurement_t;

/* Whatever is returned belongs to the host, which frees it: so it is allocated, constants too. */
static void *allocate(size_t count, size_t size) {
    void *memory = calloc(count, size);
    if (memory == NULL) {
        abort();
    }
    return memory;
}

static metric_t metric(const char *name, const char *unit, const char *description) {
    metric_t metric = {
        .direction = AUTORESEARCH_EVALUATOR_TYPES_DIRECTION_LOWER_IS_BETTER,
        .deterministic = true,
    };
    evaluator_string_dup(&metric.name, name);
    evaluator_string_dup(&metric.unit, unit);
    evaluator_string_dup(&metric.description, description);
    return metric;
}

void exports_autoresearch_evaluator_evaluator_describe(descriptor_t *descriptor) {
    memset(descriptor, 0, sizeof *descriptor);
    evaluator_string_dup(&descriptor->name, "byte_entropy");
    evaluator_string_dup(&descriptor->version, "0.1.0");
    evaluator_string_dup(&descriptor->summary, "How much information the bytes of a file hold");

    /* The first is the one that is improved where the user names none. */
    descriptor->metrics.len = 3;
    descriptor->metrics.ptr = allocate(descriptor->metrics.len, sizeof(metric_t));
    descriptor->metrics.ptr[0] =
        metric("context_bits", "bits/byte", "entropy of a byte where the one before it is known");
    descriptor->metrics.ptr[1] = metric("single_bits", "bits/byte", "entropy of a byte by itself");
    descriptor->metrics.ptr[2] = metric("least_bytes", "bytes", "what such codes could pack all of it into");

    descriptor->parameters.len = 1;
    descriptor->parameters.ptr = allocate(1, sizeof(parameter_t));
    parameter_t *skip = &descriptor->parameters.ptr[0];
    skip->type = AUTORESEARCH_EVALUATOR_TYPES_VALUE_TYPE_INTEGER;
    skip->default_.is_some = true;
    skip->default_.val.tag = AUTORESEARCH_EVALUATOR_TYPES_VALUE_INTEGER;
    skip->default_.val.val.integer = 0;
    evaluator_string_dup(&skip->name, "skip");
    evaluator_string_dup(&skip->description, "bytes at the start of each file that do not count, such as a header");
}

/* Whatever is wrong with a target is the candidate's fault, and must be said as such. */
static bool failed(failure_t *failure, const char *format, ...) {
    char text[1000];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    failure->tag = AUTORESEARCH_EVALUATOR_TYPES_FAILURE_CANDIDATE_FAILED;
    evaluator_string_dup(&failure->val.candidate_failed, text);
    return false;
}

static bool count_file(struct counts *counts, const char *path, int64_t skip, failure_t *failure) {
    static uint8_t buffer[1 << 16];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return failed(failure, "`%s` cannot be read: %s", path, strerror(errno));
    }
    size_t length;
    while ((length = fread(buffer, 1, sizeof buffer, file)) > 0) {
        size_t skipped = skip < (int64_t)length ? (size_t)(skip > 0 ? skip : 0) : length;
        count(counts, buffer + skipped, length - skipped);
        skip -= (int64_t)skipped;
    }
    bool broken = ferror(file) != 0;
    fclose(file);
    return !broken || failed(failure, "`%s` cannot be read: %s", path, strerror(errno));
}

static measurement_t measurement(const char *metric, double value) {
    measurement_t measurement = {.samples = {.ptr = allocate(1, sizeof(double)), .len = 1}};
    evaluator_string_dup(&measurement.metric, metric);
    measurement.samples.ptr[0] = value;
    return measurement;
}

bool exports_autoresearch_evaluator_evaluator_evaluate(request_t *request, report_t *report, failure_t *failure) {
    static struct counts counts;
    /* The host has checked the name and the type and filled in the default. */
    int64_t skip = request->parameters.ptr[0].f1.val.integer;
    for (size_t i = 0; i < request->targets.len; i++) {
        evaluator_string_t target = request->targets.ptr[i];
        char *path = allocate(target.len + 1, 1);
        memcpy(path, target.ptr, target.len);
        bool counted = count_file(&counts, path, skip, failure);
        free(path);
        if (!counted) {
            return false;
        }
    }
    if (counts.bytes == 0) {
        return failed(failure, "there are no bytes to count");
    }
    double context = conditional_entropy(&counts);
    memset(report, 0, sizeof *report);
    report->measurements.len = 3;
    report->measurements.ptr = allocate(report->measurements.len, sizeof(measurement_t));
    report->measurements.ptr[0] = measurement("context_bits", context);
    report->measurements.ptr[1] = measurement("single_bits", entropy(&counts));
    report->measurements.ptr[2] = measurement("least_bytes", context * (double)counts.bytes / 8);
    return true;
}
