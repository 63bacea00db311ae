/* spec.c - see spec.h. */
#include "spec.h"

#include <stdio.h>
#include <unistd.h>

json_t *spec_read(int fd, struct err *err)
{
    json_error_t e;
    FILE *f = lseek(fd, 0, SEEK_SET) == 0 ? fdopen(fd, "r") : NULL;

    if (!f) {
        err_set(err, SLUICE_E_BUG, "this is started by sluice itself, with a job on descriptor %d", fd);
        return NULL;
    }
    json_t *spec = json_loadf(f, JSON_ALLOW_NUL, &e);
    fclose(f);
    if (!json_is_object(spec)) {
        json_decref(spec);
        err_set(err, SLUICE_E_BUG, "the job on descriptor %d is not JSON", fd);
        return NULL;
    }
    return spec;
}

const char *spec_text(const json_t *spec, const char *key)
{
    const char *text = json_string_value(json_object_get(spec, key));

    return text ? text : "";
}

int64_t spec_int(const json_t *spec, const char *key)
{
    return json_integer_value(json_object_get(spec, key));
}

bool spec_bool(const json_t *spec, const char *key)
{
    return json_is_true(json_object_get(spec, key));
}
