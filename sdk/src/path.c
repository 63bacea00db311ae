#include "path.h"

#include <string.h>

void paths_init(struct paths *p, struct region *memory)
{
    *p = (struct paths){.memory = memory};
}

/* ---- Making the tree ---- */

/* Split `*rest` at the first `c`; false when nothing is left. */
static bool split(sluice_str *rest, char c, sluice_str *piece)
{
    if (!rest->ptr)
        return false;
    const char *at = memchr(rest->ptr, c, rest->len);
    *piece = (sluice_str){rest->ptr, at ? (size_t)(at - rest->ptr) : rest->len};
    if (at)
        *rest = (sluice_str){at + 1, rest->len - piece->len - 1};
    else
        *rest = (sluice_str){0};
    return true;
}

bool path_step(sluice_str *tail, sluice_str *key, bool *list)
{
    if (!tail->len || !split(tail, '.', key))
        return false;
    *list = key->len >= 2 && memcmp(key->ptr + key->len - 2, "[]", 2) == 0;
    if (*list)
        key->len -= 2;
    return true;
}

/* The child of that name; made when there is none. */
static struct path_node *child_of(struct paths *p, struct path_node *parent, sluice_str key)
{
    struct path_node **end = &parent->child;
    for (; *end; end = &(*end)->sibling) {
        if ((*end)->key.len == key.len && memcmp((*end)->key.ptr, key.ptr, key.len) == 0)
            return *end;
    }
    struct path_node *n = region_alloc(p->memory, sizeof *n);
    if (!n)
        return NULL;
    n->key = key;
    n->parent = parent;
    *end = n;
    return n;
}

/* Is `tail` empty, or keys between dots, each with at most one "[]" at its end? */
static bool is_tail(sluice_str tail)
{
    sluice_str key;
    while (split(&tail, '.', &key)) {
        if (key.len >= 2 && memcmp(key.ptr + key.len - 2, "[]", 2) == 0)
            key.len -= 2;
        if (!key.len || memchr(key.ptr, '[', key.len) || memchr(key.ptr, ']', key.len))
            return false;
    }
    return true;
}

static struct path *add_one(struct paths *p, sluice_str text)
{
    struct path *path = region_alloc(p->memory, sizeof *path);
    if (!path || !text.len || !is_tail(text))
        return NULL;
    path->text = text;
    path->tail = text;
    path->node = &p->root;
    sluice_str key;
    while (!path->list && path_step(&path->tail, &key, &path->list)) {
        path->node = child_of(p, path->node, key);
        if (!path->node)
            return NULL;
    }
    return path;
}

struct path *paths_add(struct paths *p, const char *text)
{
    struct path *first = NULL;
    struct path **end = &first;
    sluice_str rest = {text, strlen(text)};
    sluice_str piece;
    while (split(&rest, '|', &piece)) {
        *end = add_one(p, piece);
        if (!*end)
            return NULL;
        end = &(*end)->next;
    }
    return first;
}

struct path_node *paths_add_key(struct paths *p, sluice_str key)
{
    const char *copy = region_text(p->memory, key);
    return copy ? child_of(p, &p->root, (sluice_str){copy, key.len}) : NULL;
}

/* ---- Reading a record ---- */

static inline bool is_key(const struct json_value *key, const struct path_node *n)
{
    if (key->escaped)
        return json_string_is(key, n->key);
    return key->text.len == n->key.len && memcmp(key->text.ptr, n->key.ptr, n->key.len) == 0;
}

static struct path_node *search(struct path_node *parent, const struct json_value *key)
{
    struct path_node *n = parent->child;
    while (n && !is_key(key, n))
        n = n->sibling;
    return n;
}

/* A key came again: what stood below the first one does not count. */
static void forget_below(struct path_node *n)
{
    for (struct path_node *c = n->child; c; c = c->sibling) {
        c->seen = 0;
        forget_below(c);
    }
}

static bool read_object(struct paths *p, struct path_node *parent, struct json *j);

/* Note the value of a wanted key, and what is wanted below it. */
static bool note(struct paths *p, struct path_node *n, const struct json_value *value)
{
    if (n->child && n->seen == p->record)
        forget_below(n);
    n->seen = p->record;
    n->found = *value;
    if (!n->child || value->kind != JSON_KIND_OBJECT)
        return true;
    struct json inside;
    json_enter(&inside, value->text);
    return read_object(p, n, &inside);
}

/* Goes no deeper than the paths do. */
static bool read_object(struct paths *p, struct path_node *parent, struct json *j)
{
    struct path_node **guess = &parent->first;
    struct json_value key, value;
    while (json_next_member(j, &key, &value)) {
        struct path_node *n = *guess;
        if (!n || !is_key(&key, n)) {
            n = search(parent, &key);
            if (!n)
                continue;
            *guess = n;
        }
        guess = &n->follows;
        if (!note(p, n, &value))
            return false;
    }
    return !j->error;
}

bool paths_read(struct paths *p, sluice_str record)
{
    struct json j;
    p->record++;
    json_enter(&j, record);
    return read_object(p, &p->root, &j) && json_done(&j);
}

int path_find(const struct paths *p, const struct path *path, struct json_value *value)
{
    for (const struct path_node *n = path->node; n->parent; n = n->parent) {
        if (n->seen != p->record)
            continue;
        *value = n->found;
        if (n == path->node || n->found.kind == JSON_KIND_NULL)
            return PATH_FOUND;
        return n->found.kind == JSON_KIND_OBJECT ? PATH_ABSENT : PATH_WRONG;
    }
    return PATH_ABSENT;
}
