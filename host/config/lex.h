/* lex.h - the words of a libconfig text, each with its line.
 *
 * Only as much as scan.c needs: texts are not decoded, numbers not converted. What is wrong inside a word (a comment
 * or text without end, a backslash that would turn into another character) is reported here.
 */
#ifndef SLUICE_CONFIG_LEX_H
#define SLUICE_CONFIG_LEX_H

#include "config.h"

enum token_kind {
    TOKEN_END,
    TOKEN_WORD, /* a name, true or false */
    TOKEN_ASSIGN,
    TOKEN_SEMICOLON,
    TOKEN_COMMA,
    TOKEN_OPEN,  /* one of { [ ( */
    TOKEN_CLOSE, /* one of } ] ) */
    TOKEN_NUMBER,
    TOKEN_TEXT,  /* with its quotes */
    TOKEN_WRONG, /* nothing can follow; the problem was reported */
};

struct token {
    enum token_kind kind;
    const char *ptr;
    size_t len;
    int line;
};

struct lexer {
    const char *at, *end;
    int line;
    const char *file;                 /* for problems */
    struct config_problems *problems; /* where they go */
    bool harm;                        /* the line of the last token has a problem, though the text can be read on */
};

/* The next word; blanks and comments are skipped. */
struct token lex_next(struct lexer *lx);

#endif
