#include "scan.h"

#include "encoding.h"
#include "lex.h"
#include "number.h"
#include "pool.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What the innermost bracket waits for. */
enum expected {
    EXPECT_NAME,   /* a name or the end of the group */
    EXPECT_ASSIGN, /* = after a name */
    EXPECT_VALUE,  /* after = or a comma */
    EXPECT_FIRST,  /* the first entry of a list, or its end */
    EXPECT_AFTER,  /* whatever may follow a value */
};

struct frame {
    char open; /* { ( [, or 0 for the file itself */
    int line;
    enum expected expected;
    bool after_text;  /* the last value was a text, to which another may be added */
    struct token key; /* the last name of this group */
    size_t first_name;
    enum token_kind entry; /* TOKEN_* of the entries of [ ]; TOKEN_END before the first */
};

struct name {
    const char *ptr;
    size_t len;
    int line;
};

struct scanner {
    struct lexer lx;
    struct scan *out;
    struct frame frames[SCAN_DEPTH + 1];
    size_t depth;       /* frames[depth] is the innermost */
    struct name *names; /* of all groups that are open, outermost first */
    size_t name_count;
};

static void *room_for_one(void *list, size_t count, size_t size)
{
    if ((count & (count - 1)) != 0)
        return list;
    void *larger = realloc(list, (count == 0 ? 1 : 2 * count) * size);
    if (!larger)
        pool_exhausted();
    return larger;
}

static void note_value(struct scanner *sc, int line)
{
    struct scan *out = sc->out;
    out->value_lines = room_for_one(out->value_lines, out->value_count, sizeof *out->value_lines);
    out->value_lines[out->value_count++] = line;
}

static void note_harm(struct scanner *sc, int line)
{
    struct scan *out = sc->out;
    out->harmed_lines = room_for_one(out->harmed_lines, out->harmed_count, sizeof *out->harmed_lines);
    out->harmed_lines[out->harmed_count++] = line;
}

/* Report what ends the scan. */
static bool stop(struct scanner *sc, const struct token *t, const char *text)
{
    config_problem(sc->lx.problems, sc->lx.file, t->line, "%s", text);
    return false;
}

static bool is_truth(const struct token *t)
{
    return (t->len == 4 && strncasecmp(t->ptr, "true", 4) == 0) ||
           (t->len == 5 && strncasecmp(t->ptr, "false", 5) == 0);
}

/* ---- Names ---- */

/* A name that its group has already is reported; libconfig would stop there. */
static bool remember_name(struct scanner *sc, const struct token *t)
{
    size_t first = sc->frames[sc->depth].first_name;
    if (sc->name_count - first == SCAN_NAMES)
        return stop(sc, t, "more than 1000 names in one group");
    for (size_t i = first; i < sc->name_count; i++) {
        const struct name *n = &sc->names[i];
        if (n->len != t->len || memcmp(n->ptr, t->ptr, t->len) != 0)
            continue;
        config_problem(sc->lx.problems, sc->lx.file, t->line, "`%.*s` is set twice: line %d has it already",
                       (int)t->len, t->ptr, n->line);
        sc->out->readable = false;
        return true;
    }
    sc->names = room_for_one(sc->names, sc->name_count, sizeof *sc->names);
    sc->names[sc->name_count++] = (struct name){t->ptr, t->len, t->line};
    return true;
}

static bool step_name(struct scanner *sc, struct frame *f, const struct token *t)
{
    if (t->kind == TOKEN_SEMICOLON || t->kind == TOKEN_COMMA)
        return stop(sc, t, "one `;` too many");
    if (t->kind != TOKEN_WORD)
        return stop(sc, t, "a name is missing: a group holds lines such as name = \"value\";");
    if (!remember_name(sc, t))
        return false;
    f->key = *t;
    f->expected = EXPECT_ASSIGN;
    return true;
}

static bool stop_unassigned(struct scanner *sc, const struct frame *f, const struct token *t)
{
    config_problem(sc->lx.problems, sc->lx.file, t->line,
                   "a `=` is missing after `%.*s`, or a text above lacks a quote", (int)f->key.len, f->key.ptr);
    return false;
}

static bool step_assign(struct scanner *sc, struct frame *f, const struct token *t)
{
    if (t->kind != TOKEN_ASSIGN)
        return stop_unassigned(sc, f, t);
    f->expected = EXPECT_VALUE;
    return true;
}

/* ---- Values ---- */

static bool push(struct scanner *sc, const struct token *t)
{
    if (sc->depth == SCAN_DEPTH)
        return stop(sc, t, "too many brackets within brackets");
    char open = *t->ptr;
    sc->frames[++sc->depth] = (struct frame){
        .open = open,
        .line = t->line,
        .expected = open == '{' ? EXPECT_NAME : EXPECT_FIRST,
        .first_name = sc->name_count,
        .entry = TOKEN_END,
    };
    return true;
}

static bool check_word(struct scanner *sc, const struct frame *f, const struct token *t)
{
    if (is_truth(t))
        return true;
    static const char fix[] = "a word without quotes is no value: write true, false, a number, or \"text\"";
    if (!f->key.ptr)
        return stop(sc, t, fix);
    config_problem(sc->lx.problems, sc->lx.file, t->line, "`%.*s`: %s", (int)f->key.len, f->key.ptr, fix);
    return false;
}

static bool check_number(struct scanner *sc, const struct token *t)
{
    bool readable = true;
    const char *problem = number_problem(t->ptr, t->len, &readable);
    if (!problem)
        return true;
    stop(sc, t, problem);
    note_harm(sc, t->line);
    return readable;
}

/* [ ] holds plain values of one kind. */
static bool check_entry(struct scanner *sc, struct frame *f, const struct token *t)
{
    if (f->open != '[')
        return true;
    if (t->kind == TOKEN_OPEN)
        return stop(sc, t, "[ ] holds plain values only; groups and lists stand in ( )");
    if (f->entry != TOKEN_END && f->entry != t->kind)
        return stop(sc, t, "[ ] holds values of one kind; mixed ones stand in ( )");
    f->entry = t->kind;
    return true;
}

static bool step_value(struct scanner *sc, struct frame *f, const struct token *t)
{
    switch (t->kind) {
    case TOKEN_TEXT:
    case TOKEN_NUMBER:
    case TOKEN_WORD:
    case TOKEN_OPEN:
        break;
    case TOKEN_COMMA:
        return stop(sc, t, "one comma too many");
    default:
        return stop(sc, t, "a value is missing");
    }
    if (t->kind == TOKEN_WORD && !check_word(sc, f, t))
        return false;
    if (!check_entry(sc, f, t))
        return false;
    if (t->kind == TOKEN_NUMBER && !check_number(sc, t))
        return false;

    note_value(sc, t->line);
    f->expected = EXPECT_AFTER;
    f->after_text = t->kind == TOKEN_TEXT;
    return t->kind == TOKEN_OPEN ? push(sc, t) : true;
}

static bool step_after(struct scanner *sc, struct frame *f, const struct token *t)
{
    if (t->kind == TOKEN_TEXT && f->after_text)
        return true; /* "in" "parts" */
    if (f->open == '{' || f->open == '\0') {
        f->expected = EXPECT_NAME;
        return t->kind == TOKEN_SEMICOLON || t->kind == TOKEN_COMMA ? true : step_name(sc, f, t);
    }
    if (t->kind == TOKEN_SEMICOLON)
        return stop(sc, t, "the entries of a list are split by commas, not by `;`");
    if (t->kind != TOKEN_COMMA)
        return stop(sc, t, "a comma is missing between two entries of a list, or a closing bracket before this");
    f->expected = EXPECT_VALUE;
    return true;
}

/* ---- Ends ---- */

static char closing(char open)
{
    return open == '{' ? '}' : open == '[' ? ']' : ')';
}

static bool step_close(struct scanner *sc, const struct frame *f, const struct token *t)
{
    if (f->open == '\0') {
        config_problem(sc->lx.problems, sc->lx.file, t->line, "this `%c` closes nothing", *t->ptr);
        return false;
    }
    if (closing(f->open) != *t->ptr) {
        config_problem(sc->lx.problems, sc->lx.file, t->line, "this `%c` stands where the `%c` of line %d is open",
                       *t->ptr, f->open, f->line);
        return false;
    }
    if (f->expected == EXPECT_ASSIGN)
        return stop_unassigned(sc, f, t);
    if (f->expected == EXPECT_VALUE)
        return stop(sc, t, f->open == '{' ? "a value is missing" : "a comma before the closing bracket: take it out");
    sc->name_count = f->first_name;
    sc->depth--;
    return true;
}

static bool finish(struct scanner *sc, const struct frame *f, const struct token *t)
{
    if (f->open != '\0') {
        config_problem(sc->lx.problems, sc->lx.file, f->line, "this `%c` is never closed", f->open);
        return false;
    }
    if (f->expected == EXPECT_ASSIGN || f->expected == EXPECT_VALUE)
        return stop(sc, t, "the file ends in the middle of a line: a value is missing");
    return true;
}

static bool step(struct scanner *sc, const struct token *t)
{
    struct frame *f = &sc->frames[sc->depth];
    if (t->kind == TOKEN_CLOSE)
        return step_close(sc, f, t);
    switch (f->expected) {
    case EXPECT_NAME:
        return step_name(sc, f, t);
    case EXPECT_ASSIGN:
        return step_assign(sc, f, t);
    case EXPECT_AFTER:
        return step_after(sc, f, t);
    case EXPECT_VALUE:
    case EXPECT_FIRST:
        break;
    }
    return step_value(sc, f, t);
}

static bool scan_tokens(struct scanner *sc)
{
    for (;;) {
        struct token t = lex_next(&sc->lx);
        if (sc->lx.harm)
            note_harm(sc, t.line);
        if (t.kind == TOKEN_WRONG)
            return false;
        if (t.kind == TOKEN_END)
            return finish(sc, &sc->frames[sc->depth], &t);
        if (!step(sc, &t))
            return false;
    }
}

void scan_text(const char *file, const char *text, size_t len, struct scan *out, struct config_problems *problems)
{
    *out = (struct scan){0};
    int line = 0;
    const char *unreadable = encoding_problem(text, len, &line);
    if (unreadable) {
        config_problem(problems, file, line, "%s", unreadable);
        return;
    }

    struct scanner sc = {
        .lx = {.at = text, .end = text + len, .line = 1, .file = file, .problems = problems},
        .out = out,
        .frames = {{.expected = EXPECT_NAME}},
    };
    out->readable = true;
    if (!scan_tokens(&sc))
        out->readable = false;
    free(sc.names);
}

void scan_free(struct scan *s)
{
    free(s->value_lines);
    free(s->harmed_lines);
    *s = (struct scan){0};
}
