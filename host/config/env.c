#include "env.h"

#include "encoding.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static char *skip_blanks(char *at)
{
    while (is_blank(*at))
        at++;
    return at;
}

static size_t name_len(const char *text)
{
    size_t len = 0;
    for (char c; (c = text[len]) != '\0'; len++) {
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (len == 0 || c < '0' || c > '9'))
            break;
    }
    return len;
}

/* Only blanks or a comment may follow a closing quote. */
static const char *rest_problem(char *rest)
{
    rest = skip_blanks(rest);
    return *rest == '\0' || *rest == '#' ? NULL : "something follows the closing quote";
}

static const char *unquote_single(char **value)
{
    char *end = strchr(++*value, '\'');
    if (!end)
        return "the value's quote is not closed";
    *end = '\0';
    return rest_problem(end + 1);
}

static const char *unquote_double(char **value)
{
    char *in = *value + 1, *out = in;
    *value = in;
    for (; *in != '"'; in++) {
        if (*in == '\0')
            return "the value's quote is not closed";
        if (*in == '\\' && (in[1] == '"' || in[1] == '\\' || in[1] == '$'))
            in++;
        *out++ = *in;
    }
    const char *problem = rest_problem(in + 1);
    *out = '\0';
    return problem;
}

static void trim_end(char *value)
{
    size_t len = strlen(value);
    while (len > 0 && is_blank(value[len - 1]))
        value[--len] = '\0';
}

static void set(struct pool *pool, struct env *env, const char *name, const char *value)
{
    for (size_t i = 0; i < env->count; i++) {
        if (strcmp(env->list[i].name, name) == 0) {
            env->list[i].value = value;
            return;
        }
    }
    env->list = pool_append(pool, env->list, env->count, sizeof *env->list);
    env->list[env->count++] = (struct env_variable){name, value};
}

/* Take one line; what is wrong with it, NULL when nothing is. */
static const char *parse_line(struct pool *pool, struct env *env, char *line)
{
    line = skip_blanks(line);
    if (*line == '\0' || *line == '#')
        return NULL;
    if (strncmp(line, "export", 6) == 0 && is_blank(line[6]))
        line = skip_blanks(line + 6);

    size_t len = name_len(line);
    if (len == 0 || line[len] != '=')
        return "this line is not NAME=value (a name is letters, digits and _, with no blank before the =)";
    char *value = skip_blanks(line + len + 1);
    const char *problem = NULL;
    if (*value == '\'')
        problem = unquote_single(&value);
    else if (*value == '"')
        problem = unquote_double(&value);
    else
        trim_end(value);
    if (!problem)
        set(pool, env, pool_copy(pool, line, len), pool_text(pool, value));
    return problem;
}

void env_parse(struct pool *pool, struct env *env, const char *file, char *text, size_t len,
               struct config_problems *problems)
{
    env->file = file;
    int line = 0;
    const char *unreadable = encoding_problem(text, len, &line);
    if (unreadable) {
        config_problem(problems, file, line, "%s", unreadable);
        return;
    }
    line = 1;
    for (char *at = text; at; line++) {
        char *eol = strchr(at, '\n');
        if (eol)
            *eol = '\0';
        const char *problem = parse_line(pool, env, at);
        if (problem)
            config_problem(problems, file, line, "%s", problem);
        at = eol ? eol + 1 : NULL;
    }
}

const char *env_get(const struct env *env, const char *name)
{
    for (size_t i = 0; i < env->count; i++)
        if (strcmp(env->list[i].name, name) == 0)
            return env->list[i].value;
    return getenv(name);
}

const char *env_nearest(struct pool *pool, const struct env *env, const char *name)
{
    const char **names = NULL;
    size_t count = 0;
    for (size_t i = 0; i < env->count; i++) {
        names = pool_append(pool, names, count, sizeof *names);
        names[count++] = env->list[i].name;
    }
    for (char **e = environ; e && *e; e++) {
        const char *assign = strchr(*e, '=');
        if (!assign)
            continue;
        names = pool_append(pool, names, count, sizeof *names);
        names[count++] = pool_copy(pool, *e, (size_t)(assign - *e));
    }
    return config_nearest(name, names, count);
}
