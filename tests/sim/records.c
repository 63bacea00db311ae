/* A reply takes a snapshot of the marks (version and time of each changed record), so a change made while a long reply
 * is on its way touches only later ones. */
#include "records.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define PIECE_BYTES ((size_t)128 * 1024)

struct mark {
    uint32_t version; /* 0: never changed */
    int64_t updated;
};

/* The changes of one stream; never written again once it is shared. */
struct marks {
    atomic_uint users;
    struct mark mark[];
};

struct stream {
    uint32_t count;
    struct marks *marks; /* NULL: nothing changed yet */
    bool replaced;       /* `text` is served instead */
    struct buf text;
    uint64_t text_total;
    int file; /* the prebuilt list; -1: not built, or out of date */
    size_t file_size;
};

struct dataset {
    pthread_mutex_t lock;
    const struct options *opt;
    time_t epoch; /* generated records were updated in the half window before it */
    struct vocabulary *wire;
    struct vocabulary *utf8;
    struct stream stream[STREAM_COUNT];
};

/* One reply on its way: what it still has to render. */
struct render {
    const struct options *opt;
    const struct vocabulary *words;
    struct marks *marks;
    time_t epoch;
    uint32_t count;
    uint32_t next;
    bool opened, first_done;
    struct selection want;
    struct buf text; /* of a replaced list */
    bool has_text;
};

static struct marks *marks_hold(struct marks *m)
{
    if (m)
        atomic_fetch_add(&m->users, 1);
    return m;
}

static void marks_drop(struct marks *m)
{
    if (m && atomic_fetch_sub(&m->users, 1) == 1)
        free(m);
}

static struct record record_at(const struct render *j, uint32_t index)
{
    struct record r = {.seed = j->opt->seed, .stream = j->want.stream, .index = index};
    if (j->marks && j->marks->mark[index].version) {
        r.version = j->marks->mark[index].version;
        r.updated = (time_t)j->marks->mark[index].updated;
        return r;
    }
    uint32_t half = j->opt->window_s / 2 ? j->opt->window_s / 2 : 1;
    r.updated = j->epoch - (time_t)(mix64(r.seed + 7 * (uint64_t)index + r.stream) % half);
    return r;
}

static bool is_selected(const struct selection *want, const struct record *r)
{
    return !want->windowed || (r->updated > want->from && r->updated <= want->to);
}

static uint64_t count_selected(const struct render *j)
{
    if (!j->want.windowed)
        return j->count;
    uint64_t count = 0;
    for (uint32_t i = 0; i < j->count; i++) {
        struct record r = record_at(j, i);
        count += is_selected(&j->want, &r);
    }
    return count;
}

/* Append the next records, about a piece of them; false after the last. */
static bool render_piece(struct render *j, struct buf *out)
{
    size_t start = out->len;
    if (!j->opened)
        buf_add_char(out, '[');
    j->opened = true;
    while (j->next < j->count && out->len - start < PIECE_BYTES) {
        struct record r = record_at(j, j->next++);
        if (!is_selected(&j->want, &r))
            continue;
        if (j->first_done)
            buf_add(out, ",\n", 2);
        j->first_done = true;
        record_render(j->words, &r, out);
    }
    if (j->next < j->count)
        return true;
    buf_add_char(out, ']');
    return false;
}

static bool produce(struct reply *r, struct buf *out)
{
    struct render *j = r->context;
    if (j->has_text)
        buf_add(out, j->text.ptr, j->text.len);
    else if (render_piece(j, out))
        return true;
    buf_add_str(out, j->want.tail);
    return false;
}

static void release(struct reply *r)
{
    struct render *j = r->context;
    marks_drop(j->marks);
    buf_free(&j->text);
    free(j);
    r->context = NULL;
}

struct dataset *dataset_open(const struct options *opt, time_t now)
{
    struct dataset *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    pthread_mutex_init(&d->lock, NULL);
    d->opt = opt;
    d->epoch = now;
    d->stream[STREAM_CUSTOMERS].count = opt->customers;
    d->stream[STREAM_SUPPLIERS].count = opt->suppliers;
    for (size_t i = 0; i < STREAM_COUNT; i++)
        d->stream[i].file = -1;
    d->wire = vocabulary_open(opt->charset, opt->escape);
    d->utf8 = vocabulary_open("utf-8", opt->escape);
    if (!d->wire || !d->utf8) {
        dataset_close(d);
        return NULL;
    }
    return d;
}

static void forget_file(struct stream *s)
{
    if (s->file >= 0)
        close(s->file);
    s->file = -1;
}

void dataset_reset(struct dataset *d, time_t now)
{
    pthread_mutex_lock(&d->lock);
    d->epoch = now;
    for (size_t i = 0; i < STREAM_COUNT; i++) {
        struct stream *s = &d->stream[i];
        marks_drop(s->marks);
        s->marks = NULL;
        s->replaced = false;
        buf_free(&s->text);
        forget_file(s);
    }
    pthread_mutex_unlock(&d->lock);
}

void dataset_close(struct dataset *d)
{
    if (!d)
        return;
    dataset_reset(d, 0);
    vocabulary_close(d->wire);
    vocabulary_close(d->utf8);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

/* Objects at the first level of a list; good enough for texts that are broken on purpose. */
static uint64_t count_objects(sluice_str text)
{
    uint64_t count = 0;
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (quoted) {
            i += c == '\\';
            quoted = c != '"';
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            count += c == '{' && depth == 1;
            depth++;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return count;
}

void dataset_replace(struct dataset *d, uint32_t stream, sluice_str text, int64_t total)
{
    pthread_mutex_lock(&d->lock);
    struct stream *s = &d->stream[stream];
    buf_clear(&s->text);
    buf_add(&s->text, text.ptr, text.len);
    s->text_total = total >= 0 ? (uint64_t)total : count_objects(text);
    s->replaced = true;
    pthread_mutex_unlock(&d->lock);
}

static struct marks *marks_copy(const struct stream *s)
{
    size_t size = sizeof(struct marks) + s->count * sizeof(struct mark);
    struct marks *m = calloc(1, size);
    if (m && s->marks)
        memcpy(m->mark, s->marks->mark, s->count * sizeof(struct mark));
    if (m)
        atomic_init(&m->users, 1);
    return m;
}

static uint64_t touch_stream(struct stream *s, uint32_t number, double percent, uint64_t seed, time_t now)
{
    struct marks *m = marks_copy(s);
    if (!m)
        return 0;
    uint64_t touched = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        if ((double)(mix64(seed ^ mix64((uint64_t)i * 2 + number)) % 100000) >= percent * 1000)
            continue;
        m->mark[i].version++;
        m->mark[i].updated = now;
        touched++;
    }
    marks_drop(s->marks);
    s->marks = m;
    forget_file(s);
    return touched;
}

uint64_t dataset_touch(struct dataset *d, double percent, uint64_t seed, time_t now)
{
    uint64_t touched = 0;
    pthread_mutex_lock(&d->lock);
    for (uint32_t i = 0; i < STREAM_COUNT; i++)
        touched += touch_stream(&d->stream[i], i, percent, seed, now);
    pthread_mutex_unlock(&d->lock);
    return touched;
}

static bool write_all(FILE *file, const struct buf *bytes)
{
    return bytes->len == 0 || fwrite(bytes->ptr, 1, bytes->len, file) == bytes->len;
}

/* Render the whole list and the tail into an unlinked file. The job's records are all selected. */
static bool build_file(struct stream *s, struct render *j)
{
    FILE *file = tmpfile();
    if (!file)
        return false;
    struct buf piece = {0};
    bool more = true;
    bool good = true;
    while (more && good) {
        buf_clear(&piece);
        more = render_piece(j, &piece);
        if (!more)
            buf_add_str(&piece, j->want.tail);
        good = !piece.failed && write_all(file, &piece);
    }
    good = good && fflush(file) == 0;
    if (good) {
        s->file_size = (size_t)ftello(file);
        s->file = dup(fileno(file));
    }
    fclose(file);
    buf_free(&piece);
    return good && s->file >= 0;
}

/* Under the lock. */
static uint64_t start_render(struct dataset *d, struct stream *s, struct render *j, struct reply *r)
{
    if (s->replaced) {
        j->has_text = true;
        encode(r->charset, d->opt->escape, buf_str(&s->text), &j->text);
        return s->text_total;
    }
    if (!d->opt->prebuild || j->words != d->wire) {
        j->marks = marks_hold(s->marks);
        return count_selected(j);
    }
    j->want.windowed = false;
    j->marks = marks_hold(s->marks);
    if (s->file < 0 && !build_file(s, j)) {
        j->next = 0; /* no room for a file: render it again, into the reply */
        j->opened = j->first_done = false;
        return s->count;
    }
    r->file = dup(s->file);
    r->file_size = s->file_size;
    return s->count;
}

uint64_t dataset_answer(struct dataset *d, const struct selection *want, struct reply *r)
{
    struct render *j = calloc(1, sizeof *j);
    if (!j)
        abort(); /* a test program; nothing sensible is left to do */
    struct stream *s = &d->stream[want->stream];
    j->opt = d->opt;
    j->want = *want;
    j->count = s->count;
    j->words = strcasecmp(r->charset, "utf-8") == 0 ? d->utf8 : d->wire;
    r->context = j;
    r->release = release;

    pthread_mutex_lock(&d->lock);
    j->epoch = d->epoch;
    uint64_t total = start_render(d, s, j, r);
    pthread_mutex_unlock(&d->lock);
    if (r->file < 0)
        r->produce = produce;
    return total;
}
