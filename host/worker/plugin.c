/* plugin.c - see plugin.h. Finds the file, calls its entry function and copies its tables; plugin_check.c says whether
 * what they tell is possible. */
#include "plugin.h"

#include "plugin_check.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENTRY_PREFIX "sluice_connector_v"
#define MAJORS_TRIED 64   /* other versions of the entry symbol that a refusal looks for */
#define ROWS_MAX     1024 /* rows of one table */
#define STRIDE_MAX   4096

/* The least that a table's struct must hold in version 0: up to and with the member that nothing works without. */
#define CONNECTOR_LEAST offsetof(sluice_connector, rate_per_min)
#define OPTION_LEAST    offsetof(sluice_option, preset)
#define COLUMN_LEAST    offsetof(sluice_column, path)
#define MATCH_LEAST     offsetof(sluice_match, never)
#define STREAM_LEAST    offsetof(sluice_stream, map)
#define ROUTE_LEAST     offsetof(sluice_route, full_key)

typedef const sluice_connector *entry_function(void);

/* ---- The file ---- */

static int check_header(int fd, struct err *err)
{
    static const char magic[4] = {0x7f, 'E', 'L', 'F'};
    char head[sizeof(magic)];
    struct stat st;

    if (fstat(fd, &st) != 0)
        return err_set(err, E_SYSTEM, "%s", strerror(errno));
    if (!S_ISREG(st.st_mode))
        return err_set(err, SLUICE_E_CONFIG, "is %s, not a shared object",
                       S_ISDIR(st.st_mode) ? "a directory" : "not a regular file");
    if (read(fd, head, sizeof(head)) != (ssize_t)sizeof(head) || memcmp(head, magic, sizeof(magic)) != 0)
        return err_set(err, SLUICE_E_CONFIG, "is not a shared object: it does not begin as an ELF file does");
    return SLUICE_OK;
}

/* Tell apart what dlopen() would call one and the same. */
static int check_file(const char *file, struct err *err)
{
    int fd = open(file, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (fd < 0)
        return err_set(err, errno == ENOENT || errno == ENOTDIR ? E_NOT_FOUND : SLUICE_E_CONFIG, "%s: %s", file,
                       strerror(errno));
    int rc = check_header(fd, err);
    close(fd);
    return rc;
}

static int open_library(const char *file, void **library, struct err *err)
{
    char here[4096];

    /* Without a "/" dlopen() would search the system's directories. */
    if (snprintf(here, sizeof(here), "%s%s", strchr(file, '/') ? "" : "./", file) >= (int)sizeof(here))
        return err_set(err, SLUICE_E_CONFIG, "the path is too long");
    *library = dlopen(here, RTLD_NOW | RTLD_LOCAL);
    if (*library)
        return SLUICE_OK;
    const char *why = dlerror();
    return err_set(err, SLUICE_E_CONFIG, "cannot be loaded: %s", why ? why : "no reason given");
}

/* ---- The entry function ---- */

/* The major version of this host, as text: the end of the entry symbol's name. */
static const char *abi_major(void)
{
    static const char entry[] = SLUICE_ENTRY;

    return entry + strlen(ENTRY_PREFIX);
}

static int refuse_version(void *library, struct err *err)
{
    for (int major = 0; major < MAJORS_TRIED; major++) {
        char name[sizeof(ENTRY_PREFIX) + 16];
        snprintf(name, sizeof(name), ENTRY_PREFIX "%d", major);
        if (dlsym(library, name))
            return err_set(err, SLUICE_E_CONFIG,
                           "speaks version %d of the connector ABI, this sluice speaks version %s: build it against "
                           "this sluice's headers",
                           major, abi_major());
    }
    return err_set(err, SLUICE_E_CONFIG, "is not a connector: it does not export " SLUICE_ENTRY);
}

static int find_entry(void *library, entry_function **entry, struct err *err)
{
    void *symbol = dlsym(library, SLUICE_ENTRY);

    if (!symbol)
        return refuse_version(library, err);
    memcpy(entry, &symbol, sizeof(*entry)); /* C has no cast from an object's address to a function's */
    return SLUICE_OK;
}

/* ---- The tables ---- */

/* One table as the plugin hands it over, and what a row of ours is. */
struct rows {
    const char *what;
    const void *from;
    uint32_t count, stride;
    size_t least, size;
};

static int check_rows(const struct rows *r, struct err *err)
{
    if (r->count > ROWS_MAX)
        return err_set(err, SLUICE_E_BUG, "%s: %u rows; at most %d are allowed", r->what, r->count, ROWS_MAX);
    if (!r->from)
        return err_set(err, SLUICE_E_BUG, "%s: %u rows, but the table's address is NULL", r->what, r->count);
    if (r->stride < r->least || r->stride > STRIDE_MAX || r->stride % sizeof(void *) != 0)
        return err_set(err, SLUICE_E_BUG, "%s: a stride of %u bytes; at least %zu are needed", r->what, r->stride,
                       r->least);
    return SLUICE_OK;
}

/* Copy rows of any size into zeroed rows of ours: what theirs lack is zero, what ours lack is not looked at. */
static int copy_rows(const struct rows *r, void **out, struct err *err)
{
    *out = NULL;
    if (r->count == 0)
        return SLUICE_OK;
    int rc = check_rows(r, err);
    if (rc)
        return rc;
    char *copy = calloc(r->count, r->size);
    if (!copy)
        return err_set(err, E_SYSTEM, "out of memory");
    size_t shared = r->stride < r->size ? r->stride : r->size;
    for (size_t i = 0; i < r->count; i++)
        memcpy(copy + i * r->size, (const char *)r->from + i * r->stride, shared);
    *out = copy;
    return SLUICE_OK;
}

static int copy_stream(sluice_stream *s, struct err *err)
{
    void *columns, *matches;
    struct rows c = {"columns", s->columns, s->column_count, s->column_stride, COLUMN_LEAST, sizeof(sluice_column)};
    struct rows m = {"matches", s->matches, s->match_count, s->match_stride, MATCH_LEAST, sizeof(sluice_match)};

    int rc = copy_rows(&c, &columns, err);
    if (!rc)
        rc = copy_rows(&m, &matches, err);
    if (rc)
        return err_wrap(err, "stream %s", s->name ? s->name : "without a name");
    s->columns = columns;
    s->column_stride = sizeof(sluice_column);
    s->matches = matches;
    s->match_stride = sizeof(sluice_match);
    return SLUICE_OK;
}

static int copy_streams(sluice_connector *c, struct err *err)
{
    struct rows r = {"streams", c->streams, c->stream_count, c->stream_stride, STREAM_LEAST, sizeof(sluice_stream)};
    void *rows;
    int rc = copy_rows(&r, &rows, err);

    if (rc)
        return rc;
    sluice_stream *streams = rows;
    for (uint32_t i = 0; !rc && i < c->stream_count; i++)
        rc = copy_stream(&streams[i], err);
    c->streams = streams;
    c->stream_stride = sizeof(sluice_stream);
    return rc;
}

static int copy_tables(sluice_connector *c, struct err *err)
{
    struct rows o = {"options", c->options, c->option_count, c->option_stride, OPTION_LEAST, sizeof(sluice_option)};
    struct rows r = {"routes", c->routes, c->route_count, c->route_stride, ROUTE_LEAST, sizeof(sluice_route)};
    void *options, *routes;

    int rc = copy_rows(&o, &options, err);
    if (!rc)
        rc = copy_rows(&r, &routes, err);
    if (!rc)
        rc = copy_streams(c, err);
    if (rc)
        return rc; /* copies live as long as the process. NOLINT(clang-analyzer-unix.Malloc) */
    c->options = options;
    c->option_stride = sizeof(sluice_option);
    c->routes = routes;
    c->route_stride = sizeof(sluice_route);
    return SLUICE_OK;
}

static int check_versions(const sluice_connector *c, struct err *err)
{
    const char *major = abi_major();

    if (c->needs_minor > SLUICE_ABI_MINOR)
        return err_set(err, SLUICE_E_CONFIG, "needs version %s.%u of the connector ABI, this sluice has %s.%d", major,
                       c->needs_minor, major, SLUICE_ABI_MINOR);
    if (c->needs_minor > c->abi_minor)
        return err_set(err, SLUICE_E_BUG, "needs version %s.%u of the connector ABI but was built with %s.%u", major,
                       c->needs_minor, major, c->abi_minor);
    return SLUICE_OK;
}

static int copy_connector(const sluice_connector *theirs, sluice_connector **out, struct err *err)
{
    uint32_t size;

    if (!theirs)
        return err_set(err, SLUICE_E_BUG, SLUICE_ENTRY "() returned NULL instead of its table");
    memcpy(&size, theirs, sizeof(size));
    if (size < CONNECTOR_LEAST)
        return err_set(err, SLUICE_E_BUG, "struct_size is %u; at least %zu bytes are needed", size, CONNECTOR_LEAST);
    sluice_connector *c = calloc(1, sizeof(*c));
    if (!c)
        return err_set(err, E_SYSTEM, "out of memory");
    memcpy(c, theirs, size < sizeof(*c) ? size : sizeof(*c));
    c->struct_size = sizeof(*c);
    *out = c;
    int rc = check_versions(c, err);
    return rc ? rc : copy_tables(c, err);
}

/* ---- The whole ---- */

static const char *base_name(const char *file)
{
    const char *slash = strrchr(file, '/');

    return slash && slash[1] ? slash + 1 : file;
}

int plugin_load(const char *file, const sluice_connector **out, struct err *err)
{
    void *library = NULL;
    entry_function *entry = NULL;
    sluice_connector *c = NULL;

    int rc = check_file(file, err);
    if (!rc)
        rc = open_library(file, &library, err);
    if (!rc)
        rc = find_entry(library, &entry, err);
    if (!rc && entry)
        rc = copy_connector(entry(), &c, err);
    if (!rc)
        rc = plugin_check(c, err);
    if (rc)
        return err_wrap(err, "plugin %s", base_name(file)); /* NOLINT(clang-analyzer-unix.Malloc): as above */
    *out = c;
    return SLUICE_OK;
}

void plugin_path(const char *dir, const char *name, char *out, size_t size)
{
    if (strchr(name, '/'))
        snprintf(out, size, "%s", name);
    else
        snprintf(out, size, "%s/%s.so", dir, name);
}
