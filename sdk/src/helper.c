#include "helper.h"

#include "date.h"
#include "decimal.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WHY_MAX 4096 /* bytes of a reason or a warning */

static sluice_str str_of(const char *text)
{
    return (sluice_str){text, text ? strlen(text) : 0};
}

/* ---- The state ---- */

struct helper *helper_of(sluice_run *run)
{
    struct helper *h = run->helper;
    if (h && h->partition == run->partition)
        return h;
    sluice_helper_free(run);
    h = calloc(1, sizeof *h);
    if (!h) {
        run->host->fail(run, SLUICE_E_LIMIT, str_of("out of memory"));
        return NULL;
    }
    h->partition = run->partition;
    h->run_memory.max = RUN_MEMORY_MAX;
    h->record_memory.max = RECORD_MEMORY_MAX;
    h->window = WINDOW;
    run->helper = h;
    return h;
}

void sluice_helper_free(sluice_run *run)
{
    struct helper *h = run->helper;
    if (!h)
        return;
    helper_record_free(&h->record);
    helper_scans_free(h);
    helper_ids_free(h);
    zone_close(h->zone);
    region_free(&h->run_memory);
    region_free(&h->record_memory);
    free(h);
    run->helper = NULL;
}

int32_t helper_status(sluice_run *run)
{
    return run->host->status(run);
}

void *helper_run_full(sluice_run *run)
{
    sluice_fail(run, SLUICE_E_LIMIT, "the connector keeps more than %zu MiB of text", RUN_MEMORY_MAX >> 20);
    return NULL;
}

void *helper_record_full(sluice_run *run)
{
    sluice_fail(run, SLUICE_E_REMOTE, "record too large: its texts need more than %zu MiB", RECORD_MEMORY_MAX >> 20);
    return NULL;
}

/* ---- Text and settings ---- */

bool helper_setting(void *context, const char *name, sluice_value *value)
{
    sluice_run *run = context;
    *value = (sluice_value){0};
    if (run->host->option(run, name, value) == SLUICE_OK)
        return true;
    if (helper_status(run) == SLUICE_OK)
        sluice_fail(run, SLUICE_E_BUG, "there is no setting \"%s\"", name);
    return false;
}

/* `fmt` with its settings filled in, still a format; it lies in `out`. */
__attribute__((format_arg(2))) static const char *filled(sluice_run *run, const char *fmt, struct buf *out)
{
    return text_fill(out, fmt, TEXT_FORMAT, helper_setting, run) ? buf_text(out) : "";
}

/* A copy of `text` that lives as long as the run; "" when it cannot be made. */
static const char *keep(sluice_run *run, const struct buf *text)
{
    struct helper *h = helper_of(run);
    const char *copy = h && !text->failed ? region_text(&h->run_memory, buf_str(text)) : NULL;
    if (!copy)
        helper_run_full(run);
    return copy ? copy : "";
}

const char *sluice_text(sluice_run *run, const char *fmt, ...)
{
    struct buf format = {.max = RUN_MEMORY_MAX};
    struct buf text = {.max = RUN_MEMORY_MAX};
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&text, filled(run, fmt, &format), args);
    va_end(args);
    const char *kept = keep(run, &text);
    buf_free(&format);
    buf_free(&text);
    return kept;
}

/* The setting as it was asked for before; NULL when it was not. */
static struct setting *known_setting(const struct helper *h, const char *name)
{
    struct setting *s = h->settings;
    while (s && strcmp(s->name, name) != 0)
        s = s->next;
    return s;
}

/* Remember a setting's text: connectors ask for the same ones with each record. */
static const char *keep_setting(sluice_run *run, struct helper *h, const char *name, const sluice_value *value)
{
    struct buf text = {.max = RUN_MEMORY_MAX};
    text_value(&text, value, 0);
    struct setting *s = region_alloc(&h->run_memory, sizeof *s);
    const char *kept_name = region_text(&h->run_memory, str_of(name));
    const char *kept = keep(run, &text);
    buf_free(&text);
    if (!s || !kept_name)
        return kept;
    *s = (struct setting){kept_name, kept, h->settings};
    h->settings = s;
    return kept;
}

const char *sluice_opt_text(sluice_run *run, const char *name)
{
    struct helper *h = helper_of(run);
    if (!h)
        return "";
    struct setting *s = known_setting(h, name);
    if (s)
        return s->text;
    sluice_value value;
    return helper_setting(run, name, &value) ? keep_setting(run, h, name, &value) : "";
}

int64_t sluice_opt_int(sluice_run *run, const char *name)
{
    sluice_value value;
    int64_t number = 0;
    if (!helper_setting(run, name, &value) || value.type <= SLUICE_NULL)
        return 0;
    if (value.type == SLUICE_INT || value.type == SLUICE_BOOL || value.type == SLUICE_DURATION)
        return value.as.i;
    if (value.type != SLUICE_TEXT || integer_parse(value.as.s, &number) != NUMBER_OK) {
        sluice_fail(run, SLUICE_E_BUG, "the setting \"%s\" is not a number", name);
        return 0;
    }
    return number;
}

/* ---- The run ---- */

int32_t sluice_checkpoint(sluice_run *run, const char *cursor)
{
    if (!cursor || !*cursor)
        return helper_status(run);
    return run->host->checkpoint(run, str_of(cursor));
}

int32_t sluice_total(sluice_run *run, int64_t announced)
{
    return announced < 0 ? helper_status(run) : run->host->total(run, announced);
}

int32_t sluice_window(sluice_run *run, const char *from, const char *to)
{
    sluice_str ends[2] = {str_of(from), str_of(to)};
    int64_t times[2];
    if (!ends[0].len && !ends[1].len)
        return helper_status(run);
    bool known = date_parse(ends[0], NULL, &times[0]) && date_parse(ends[1], NULL, &times[1]);
    return run->host->window(run, ends[0], ends[1], known ? times[1] - times[0] : 0);
}

const char *sluice_iso(sluice_run *run, int64_t us)
{
    struct buf text = {0};
    if (us <= 0)
        return "";
    date_print_ms(&text, us);
    const char *kept = keep(run, &text);
    buf_free(&text);
    return kept;
}

int32_t sluice_stat(sluice_run *run, const char *name, int64_t value)
{
    return run->host->stat(run, name, value);
}

int64_t sluice_elapsed_ms(const sluice_run *run)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t elapsed_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000 - run->started_at;
    return elapsed_us > 0 ? elapsed_us / 1000 : 0;
}

/* Cut what is too long, and show it: a host that masks secrets looks for one that was cut before the mark. */
static sluice_str shortened(struct buf *text)
{
    sluice_str shown = text_cut(buf_str(text), WHY_MAX);
    if (shown.len == text->len)
        return shown;
    text->len = shown.len;
    buf_add_str(text, "…");
    return buf_str(text);
}

int32_t sluice_warn(sluice_run *run, const char *fmt, ...)
{
    struct buf text = {0};
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&text, fmt, args);
    va_end(args);
    int32_t rc = run->host->warn(run, shortened(&text));
    buf_free(&text);
    return rc;
}

int32_t sluice_fail(sluice_run *run, int32_t code, const char *fmt, ...)
{
    struct buf text = {0};
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&text, fmt, args);
    va_end(args);
    int32_t rc = run->host->fail(run, code < 0 ? code : SLUICE_E_BUG, shortened(&text));
    buf_free(&text);
    return rc;
}
