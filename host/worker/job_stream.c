/* job_stream.c - see job_stream.h. */
#include "job_stream.h"

#include "spec.h"

#include <stdlib.h>
#include <string.h>

/* Is it filled in with what each partition has of its own? */
static bool is_own(const struct options *o, const char *text)
{
    size_t len = o->partition ? strlen(o->partition) : 0;

    while (o->partition && (text = strstr(text, "${")) != NULL) {
        text += 2;
        if (strncmp(text, o->partition, len) == 0 && text[len] == '.')
            return true;
    }
    return false;
}

static char *filled(const struct options *o, const char *text, struct err *err)
{
    struct buf out = {0};
    int rc = options_fill(o, text, &out, err);
    char *copy = rc ? NULL : strdup(buf_text(&out));

    buf_free(&out);
    if (!rc && !copy)
        err_set(err, E_SYSTEM, "out of memory");
    return copy;
}

static const char **text_of(struct job_stream *s, uint32_t column, bool preset)
{
    return preset ? &s->columns[column].preset : &s->columns[column].value;
}

static int fill_text(struct job_stream *s, uint32_t column, bool preset, const struct options *o, struct err *err)
{
    const char **text = text_of(s, column, preset);

    if (!*text || !strstr(*text, "${"))
        return SLUICE_OK;
    if (is_own(o, *text)) {
        s->own[s->own_count++] = (struct job_text){column, preset, *text, NULL};
        return SLUICE_OK;
    }
    *text = filled(o, *text, err);
    return *text ? SLUICE_OK : err->code;
}

static void add_field(sluice_column *column, const json_t *field)
{
    *column = (sluice_column){.name = spec_text(field, "column"),
                              .type = (uint32_t)spec_int(field, "type"),
                              .scale = (uint32_t)spec_int(field, "scale"),
                              .path = spec_text(field, "from"),
                              .help = "added by the job"};
}

int job_stream_make(struct job_stream *s, const sluice_stream *declared, const json_t *fields, const struct options *o,
                    struct err *err)
{
    uint32_t extra = (uint32_t)json_array_size(fields), count = declared->column_count + extra;
    int rc = SLUICE_OK;

    s->stream = *declared;
    s->columns = calloc(count + 1, sizeof(*s->columns));
    s->index = calloc(count + 1, sizeof(sluice_column *));
    s->own = calloc(2 * count + 1, sizeof(*s->own));
    if (!s->columns || !s->index || !s->own)
        return err_set(err, E_SYSTEM, "out of memory");
    memcpy(s->columns, declared->columns, declared->column_count * sizeof(sluice_column));
    for (uint32_t i = 0; i < extra; i++)
        add_field(&s->columns[declared->column_count + i], json_array_get(fields, i));
    s->stream.columns = s->columns;
    s->stream.column_stride = sizeof(sluice_column);
    s->stream.column_count = count;
    for (uint32_t i = 0; !rc && i < count; i++) {
        s->index[i] = &s->columns[i];
        rc = fill_text(s, i, false, o, err);
        if (!rc)
            rc = fill_text(s, i, true, o, err);
    }
    return rc;
}

int job_stream_fill(struct job_stream *s, const struct options *o, struct err *err)
{
    for (size_t i = 0; i < s->own_count; i++) {
        struct job_text *t = &s->own[i];
        free(t->filled);
        t->filled = filled(o, t->text, err);
        if (!t->filled)
            return err->code;
        *text_of(s, t->column, t->preset) = t->filled;
    }
    return SLUICE_OK;
}
