#include "problem.h"

#include "buf.h"
#include "plain.h"
#include "pool.h"
#include "redact.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* As much of a text as is kept: whoever wrote a megabyte of it knows it. */
#define TEXT_MAX 2000

/* What was written may hold bytes that move a terminal's cursor. */
static void tame_controls(char *text)
{
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            *c = '?';
}

static void shorten(struct buf *text)
{
    static const char mark[] = "…";
    if (text->len <= TEXT_MAX)
        return;
    size_t len = TEXT_MAX;
    while (len > 0 && ((unsigned char)text->ptr[len] & 0xC0) == 0x80)
        len--;
    memcpy(text->ptr + len, mark, sizeof mark);
    text->len = len + sizeof mark - 1;
}

size_t problems_total(const struct config_problems *p)
{
    return p->count + p->more;
}

void config_problem(struct config_problems *p, const char *file, int line, const char *fmt, ...)
{
    if (p->count == CONFIG_PROBLEMS_MAX) {
        p->more++;
        return;
    }
    struct buf text = {0};
    va_list args;
    va_start(args, fmt);
    bool ok = buf_vprintf(&text, fmt, args);
    va_end(args);

    char *name = strdup(file);
    struct config_problem *list = realloc(p->list, (p->count + 1) * sizeof *list);
    if (!ok || !name || !list || !buf_add(&text, "", 0) || !text.ptr)
        pool_exhausted();
    tame_controls(text.ptr);
    text.len = redact(text.ptr, text.len);
    shorten(&text);
    p->list = list;
    p->list[p->count++] = (struct config_problem){name, line, text.ptr};
}

void config_problems_free(struct config_problems *p)
{
    for (size_t i = 0; i < p->count; i++) {
        free(p->list[i].file);
        free(p->list[i].text);
    }
    free(p->list);
    *p = (struct config_problems){0};
}

static json_t *plain_json(const char *bytes)
{
    char *text = plain_text((sluice_str){bytes, strlen(bytes)}, SIZE_MAX);
    json_t *json = text ? json_string(text) : NULL;
    free(text);
    return json;
}

json_t *config_problems_json(const struct config_problems *p)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < p->count; i++) {
        const struct config_problem *one = &p->list[i];
        json_t *json = json_pack("{s:o, s:i, s:o}", "file", plain_json(one->file), "line", one->line, "text",
                                 plain_json(one->text));
        if (json_array_append_new(list, json) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static size_t file_rank(const char *file, const char *const *files, size_t count)
{
    size_t rank = 0;
    while (rank < count && strcmp(file, files[rank]) != 0)
        rank++;
    return rank;
}

static bool comes_before(const struct config_problem *a, const struct config_problem *b, const char *const *files,
                         size_t count)
{
    size_t rank_a = file_rank(a->file, files, count);
    size_t rank_b = file_rank(b->file, files, count);
    return rank_a != rank_b ? rank_a < rank_b : a->line < b->line;
}

void problems_sort(struct config_problems *p, size_t first, const char *const *files, size_t file_count)
{
    for (size_t i = first + 1; i < p->count; i++) {
        struct config_problem moving = p->list[i];
        size_t at = i;
        for (; at > first && comes_before(&moving, &p->list[at - 1], files, file_count); at--)
            p->list[at] = p->list[at - 1];
        p->list[at] = moving;
    }
}
