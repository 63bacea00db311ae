#include "interpolate.h"

#include "encoding.h"
#include "file.h"
#include "value.h"

#include <string.h>

/* References within defaults within references. */
#define DEPTH_MAX 8

/* Bytes of one text once it is filled in. */
#define TEXT_MAX ((size_t)1 << 20)

/* One text that is being filled in. */
struct filling {
    const struct interpolator *in;
    struct config_node *node;
    const char *label; /* the setting that the text belongs to */
    struct buf out;
};

static bool expand(struct filling *f, const char *text, size_t len, int depth);

static bool complain(const struct filling *f, const char *text)
{
    config_problem(f->in->problems, f->node->file, f->node->line, "`%s`: %s", f->label, text);
    return false;
}

static size_t name_len(const char *text, size_t len)
{
    size_t n = 0;
    for (; n < len; n++) {
        char c = text[n];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (n == 0 || c < '0' || c > '9'))
            break;
    }
    return n;
}

/* ---- Variables ---- */

static bool complain_unset(const struct filling *f, const char *name)
{
    if (f->in->lenient)
        return false;
    const struct env *env = f->in->env;
    const char *near = env_nearest(f->in->pool, env, name);
    if (near)
        return complain(f, pool_printf(f->in->pool, "`%s` is not set; `%s` is: misspelt?", name, near));
    const char *file = env->file ? env->file : "an env_file";
    return complain(f, pool_printf(f->in->pool, "`%s` is not set: set it in the environment or in %s, or write ${%s:-}",
                                   name, file, name));
}

static bool expand_variable(struct filling *f, const char *name)
{
    const char *value = env_get(f->in->env, name);
    if (!value)
        return complain_unset(f, name);
    if (!encoding_is_utf8(value, strlen(value)))
        return complain(f, pool_printf(f->in->pool, "the value of `%s` is not UTF-8", name));
    buf_add_str(&f->out, value);
    return true;
}

/* ---- Files ---- */

/* $NAME and ${NAME} in a path. */
static bool expand_path(struct filling *f, const char *path, size_t len, struct buf *out)
{
    for (size_t at = 0; at < len;) {
        bool braced = at + 1 < len && path[at] == '$' && path[at + 1] == '{';
        size_t start = at + (braced ? 2 : 1);
        size_t n = path[at] == '$' && start <= len ? name_len(path + start, len - start) : 0;
        if (n == 0) {
            buf_add_char(out, path[at++]);
            continue;
        }
        const char *name = pool_copy(f->in->pool, path + start, n);
        const char *value = env_get(f->in->env, name);
        if (!value)
            return complain_unset(f, name);
        buf_add_str(out, value);
        at = start + n + (braced ? 1 : 0);
    }
    return true;
}

static bool add_content(struct filling *f, const char *reference, const struct buf *content)
{
    size_t len = content->len;
    if (len > 0 && content->ptr[len - 1] == '\n')
        len--;
    if (len > 0 && content->ptr[len - 1] == '\r')
        len--;
    const char *text = buf_text(content);
    if (memchr(text, '\0', len) || !encoding_is_utf8(text, len))
        return complain(f, pool_printf(f->in->pool, "%s holds something else than UTF-8 text", reference));
    buf_add(&f->out, text, len);
    return true;
}

static bool expand_file(struct filling *f, const char *name, size_t len)
{
    struct buf b = {.max = 4096};
    if (!expand_path(f, name, len, &b)) {
        buf_free(&b);
        return false;
    }
    char *path = source_beside(f->in->pool, f->node->file, buf_text(&b));
    buf_free(&b);

    struct source_place place = {f->in->problems, f->node->file, f->node->line};
    if (!source_guard(path, "the secret file", GUARD_OTHERS, &place))
        return false;
    const char *reference = pool_printf(f->in->pool, "${file:%.*s}", (int)len, name);
    struct buf content = {0};
    struct err err = {0};
    bool ok = file_read(path, SOURCE_SECRET_MAX, &content, &err) == 0;
    if (ok)
        ok = add_content(f, reference, &content);
    else if (!f->in->lenient)
        complain(f, pool_printf(f->in->pool, "%s: %s", reference, source_reason(&err, path)));
    if (content.ptr)
        explicit_bzero(content.ptr, content.len);
    buf_free(&content);
    return ok;
}

/* ---- References ---- */

/* Where the } of a reference is whose body begins at `text`; `len` when there is none. */
static size_t find_end(const char *text, size_t len)
{
    int open = 1;
    for (size_t at = 0; at < len; at++) {
        if (text[at] == '$' && at + 1 < len && text[at + 1] == '{')
            open++;
        else if (text[at] == '}' && --open == 0)
            return at;
    }
    return len;
}

static void note_origin(struct filling *f, const char *body, size_t len)
{
    if (!f->node->origin)
        f->node->origin = pool_printf(f->in->pool, "${%.*s}", (int)len, body);
}

/* What stands between ${ and }. */
static bool expand_reference(struct filling *f, const char *body, size_t len, int depth)
{
    if (len >= 5 && memcmp(body, "file:", 5) == 0) {
        note_origin(f, body, len);
        return expand_file(f, body + 5, len - 5);
    }
    size_t n = name_len(body, len);
    bool has_default = len >= n + 2 && memcmp(body + n, ":-", 2) == 0;
    if (n == 0 || (n < len && !has_default))
        return complain(f, "a reference is ${NAME}, ${NAME:-default} or ${file:/path}; a plain ${ is written $${");

    note_origin(f, body, n);
    const char *name = pool_copy(f->in->pool, body, n);
    const char *value = env_get(f->in->env, name);
    if (has_default && (!value || !*value))
        return expand(f, body + n + 2, len - n - 2, depth + 1);
    return expand_variable(f, name);
}

static bool expand(struct filling *f, const char *text, size_t len, int depth)
{
    if (depth > DEPTH_MAX)
        return complain(f, "too many defaults within defaults");
    for (size_t at = 0; at < len;) {
        size_t rest = len - at;
        if (rest >= 3 && memcmp(text + at, "$${", 3) == 0) {
            buf_add_str(&f->out, "${");
            at += 3;
        } else if (rest >= 2 && memcmp(text + at, "${", 2) == 0) {
            size_t end = find_end(text + at + 2, rest - 2);
            if (end == rest - 2)
                return complain(f, "a ${ is not closed with }; a plain ${ is written $${");
            if (!expand_reference(f, text + at + 2, end, depth))
                return false;
            at += end + 3;
        } else {
            buf_add_char(&f->out, text[at++]);
        }
    }
    return true;
}

static void fill_text(const struct interpolator *in, struct config_node *node, const char *label)
{
    if (node->filled || !strchr(node->text, '$'))
        return;
    struct filling f = {.in = in, .node = node, .label = label, .out = {.max = TEXT_MAX}};
    bool ok = expand(&f, node->text, strlen(node->text), 0);
    if (ok && f.out.failed)
        ok = complain(&f, "too long once its variables are filled in");
    if (ok)
        node->text = pool_copy(in->pool, buf_text(&f.out), f.out.len);
    else
        node->broken = true;
    node->filled = true;
    if (f.out.ptr)
        explicit_bzero(f.out.ptr, f.out.len);
    buf_free(&f.out);
}

static void fill_tree(const struct interpolator *in, struct config_node *node, const char *label, const char *skip)
{
    if (node->kind == NODE_TEXT)
        fill_text(in, node, label);
    for (size_t i = 0; i < node->count; i++) {
        struct config_node *kid = node->kids[i];
        if (!skip || strcmp(kid->name, skip) != 0)
            fill_tree(in, kid, kid->name[0] ? kid->name : label, NULL);
    }
}

void interpolate_tree(const struct interpolator *in, struct config_node *node, const char *skip)
{
    fill_tree(in, node, node->name, skip);
}

bool interpolate_enabled(const struct interpolator *in, struct config_node *group)
{
    struct config_node *enabled = node_find(group, "enabled");
    bool on = true;
    if (!enabled)
        return true;
    interpolate_tree(in, enabled, NULL);
    if (enabled->broken || value_truth(enabled, &on) != UNITS_OK)
        return true;
    return on;
}
