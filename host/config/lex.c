#include "lex.h"

#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* What a name may go on with; bytes of other alphabets too, so that one word is one problem. */
static bool is_word(char c)
{
    return is_letter(c) || is_digit(c) || c == '_' || c == '-' || c == '*' || (unsigned char)c >= 0x80;
}

static char peek(const struct lexer *lx, size_t ahead)
{
    return (size_t)(lx->end - lx->at) > ahead ? lx->at[ahead] : '\0';
}

static struct token wrong(struct lexer *lx, int line, const char *text)
{
    config_problem(lx->problems, lx->file, line, "%s", text);
    return (struct token){TOKEN_WRONG, lx->at, 0, line};
}

/* Is the first thing on this line a comment's beginning? */
static bool begins_line(const struct lexer *lx, const char *from)
{
    for (const char *c = from; c > lx->at; c--)
        if (c[-1] != ' ' && c[-1] != '\t')
            return c[-1] == '\n';
    return false;
}

/* Skip a comment that stands at lx->at. A second opening at the start of a line betrays a lost end: what stands
 * between the two would be ignored. */
static bool skip_block(struct lexer *lx)
{
    int opened = lx->line;
    int line = lx->line;
    for (const char *c = lx->at + 2; c + 1 < lx->end; c++) {
        if (*c == '\n')
            line++;
        if (c[0] == '/' && c[1] == '*' && begins_line(lx, c)) {
            config_problem(lx->problems, lx->file, opened,
                           "this comment runs into the one that begins on line %d: close it with */", line);
            return false;
        }
        if (c[0] == '*' && c[1] == '/') {
            lx->at = c + 2;
            lx->line = line;
            return true;
        }
    }
    config_problem(lx->problems, lx->file, opened, "this comment is never closed with */");
    return false;
}

static bool skip_blanks(struct lexer *lx)
{
    while (lx->at < lx->end) {
        char c = *lx->at;
        if (c == '#' || (c == '/' && peek(lx, 1) == '/')) {
            const char *eol = memchr(lx->at, '\n', (size_t)(lx->end - lx->at));
            lx->at = eol ? eol : lx->end;
        } else if (c == '/' && peek(lx, 1) == '*') {
            if (!skip_block(lx))
                return false;
        } else if (c == '\n' || c == ' ' || c == '\t' || c == '\r') {
            lx->line += c == '\n';
            lx->at++;
        } else {
            break;
        }
    }
    return true;
}

static struct token take(struct lexer *lx, enum token_kind kind, size_t len)
{
    struct token t = {kind, lx->at, len, lx->line};
    lx->at += len;
    return t;
}

/* libconfig turns \t, \n, \x41 and others into other characters: "C:\temp" would hold a tab. */
static void report_escape(struct lexer *lx, char c)
{
    char what[3] = {'\\', c, '\0'};
    if (c <= ' ' || c > '~')
        what[1] = '\0';
    config_problem(lx->problems, lx->file, lx->line,
                   "`%s` in a text would turn into something else: for a backslash write \\\\, in a path /", what);
    lx->harm = true;
}

static struct token take_text(struct lexer *lx)
{
    size_t len = 1;
    for (char c; (c = peek(lx, len)) != '"'; len++) {
        if (lx->at + len == lx->end || c == '\n')
            return wrong(lx, lx->line, "this text is not closed on its line; a long one is written \"in\" \"parts\"");
        char escaped = peek(lx, len + 1);
        if (c != '\\' || escaped == '\n' || escaped == '\0')
            continue;
        if (escaped != '"' && escaped != '\\' && !lx->harm)
            report_escape(lx, escaped);
        len++;
    }
    return take(lx, TOKEN_TEXT, len + 1);
}

static struct token take_number(struct lexer *lx)
{
    bool hex = lx->at[0] == '0' && (peek(lx, 1) == 'x' || peek(lx, 1) == 'X');
    size_t len = 1;
    for (char c; (c = peek(lx, len)) != '\0'; len++) {
        char last = lx->at[len - 1];
        bool exponent = (c == '+' || c == '-') && !hex && (last == 'e' || last == 'E');
        if (!is_digit(c) && !is_letter(c) && c != '.' && c != '_' && !exponent)
            break;
    }
    return take(lx, TOKEN_NUMBER, len);
}

static struct token take_word(struct lexer *lx)
{
    size_t len = 0;
    bool plain = is_letter(lx->at[0]) || lx->at[0] == '*';
    for (; is_word(peek(lx, len)); len++)
        plain = plain && (unsigned char)lx->at[len] < 0x80;
    if (!plain)
        return wrong(lx, lx->line, "a name begins with a letter and holds letters, digits, _ and - only");
    return take(lx, TOKEN_WORD, len);
}

static struct token take_other(struct lexer *lx, char c)
{
    if (c == '\'')
        return wrong(lx, lx->line, "text stands in double quotes, not in single ones");
    if (c == '@')
        return wrong(lx, lx->line, "@include is not supported: put the file into the directory that `include` names");
    if (c == '$')
        return wrong(lx, lx->line, "a variable stands inside double quotes: \"${NAME}\"");
    config_problem(lx->problems, lx->file, lx->line, "`%c` has no meaning here; text stands in double quotes", c);
    return (struct token){TOKEN_WRONG, lx->at, 0, lx->line};
}

struct token lex_next(struct lexer *lx)
{
    lx->harm = false;
    if (!skip_blanks(lx))
        return (struct token){TOKEN_WRONG, lx->at, 0, lx->line};
    if (lx->at == lx->end)
        return (struct token){TOKEN_END, lx->at, 0, lx->line};

    char c = *lx->at;
    if (c == '"')
        return take_text(lx);
    if (c == '=' || c == ':')
        return take(lx, TOKEN_ASSIGN, 1);
    if (c == ';')
        return take(lx, TOKEN_SEMICOLON, 1);
    if (c == ',')
        return take(lx, TOKEN_COMMA, 1);
    if (c == '{' || c == '[' || c == '(')
        return take(lx, TOKEN_OPEN, 1);
    if (c == '}' || c == ']' || c == ')')
        return take(lx, TOKEN_CLOSE, 1);
    if (is_digit(c) || c == '+' || c == '-' || c == '.')
        return take_number(lx);
    if (is_word(c))
        return take_word(lx);
    return take_other(lx, c);
}
