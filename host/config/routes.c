/* routes.c - HTTP paths that two connectors claim. */
#include "load.h"

#include "problem.h"
#include "sluice/abi.h"
#include "value.h"

#include <string.h>

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* The same paths, whatever their parameters are called: "/a/:id" and "/a/:name". */
static bool same_path(const char *a, const char *b)
{
    for (;;) {
        size_t a_len = strcspn(a, "/"), b_len = strcspn(b, "/");
        bool parameters = a[0] == ':' && b[0] == ':';
        if (!parameters && (a_len != b_len || memcmp(a, b, a_len) != 0))
            return false;
        a += a_len;
        b += b_len;
        if (*a == '\0' || *b == '\0')
            return *a == *b;
        a++;
        b++;
    }
}

/* A method that both serve, in the pool; NULL: none. */
static const char *shared_method(struct pool *pool, const char *a, const char *b)
{
    size_t len = 0;
    for (const char *word; (word = value_word(&a, &len)) != NULL;) {
        size_t other_len = 0;
        const char *rest = b;
        for (const char *other; (other = value_word(&rest, &other_len)) != NULL;)
            if (len == other_len && memcmp(word, other, len) == 0)
                return pool_copy(pool, word, len);
    }
    return NULL;
}

/* One problem a pair is enough: the fix is the same for all its paths. */
static void compare(const struct config *c, size_t first, size_t second, const json_t *const *descriptions,
                    struct config_problems *problems)
{
    const struct config_connector *a = &c->connectors[first], *b = &c->connectors[second];
    size_t i = 0, j = 0;
    const json_t *mine = NULL, *other = NULL;
    json_array_foreach(json_object_get(descriptions[second], "routes"), i, mine)
    {
        json_array_foreach(json_object_get(descriptions[first], "routes"), j, other)
        {
            const char *method = shared_method(&c->files->pool, text_of(mine, "methods"), text_of(other, "methods"));
            if (!method || !same_path(text_of(mine, "path"), text_of(other, "path")))
                continue;
            config_problem(problems, b->file, b->line,
                           "`%s` and `%s` both serve %s %s: write routes = false; in one of them", a->name, b->name,
                           method, text_of(mine, "path"));
            return;
        }
    }
}

int config_check_routes(const struct config *c, const json_t *const *descriptions, struct config_problems *problems)
{
    size_t before = problems_total(problems);
    for (size_t i = 0; i < c->connector_count; i++)
        for (size_t j = 0; j < i; j++)
            if (descriptions[i] && descriptions[j] && c->connectors[i].enabled && c->connectors[j].enabled &&
                c->connectors[i].routes && c->connectors[j].routes)
                compare(c, j, i, descriptions, problems);
    return problems_total(problems) > before ? SLUICE_E_CONFIG : SLUICE_OK;
}
