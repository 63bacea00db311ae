/* softone.c - customers and suppliers of a SoftOne ERP.
 *
 * Paging: none; one answer holds everything. Cursor: the ERP's clock in the answer ("at"), for people only, since the
 * ERP itself chooses the window: what changed in the last ten minutes. So a window that nobody fetched is gone, and
 * the host watches for gaps between windows. The paths are scripts of each installation; one that lists everything
 * can be named for full runs.
 *
 * Each answer is windows-1253 text with HTTP status 200, also when the ERP refuses.
 */
#include <string.h>

#include "sluice/sluice.h"

#define CUSTOMERS_PATH "/s1services/JS/webservice.customers/getCustomers"
#define SUPPLIERS_PATH "/s1services/JS/webservice.customers/getRecentSuppliers"
#define CREDENTIALS "{'username': ${username}, 'password': ${password}, 'company': ${company}"

static const sluice_option options[] = {
    {"url", SLUICE_TEXT, SLUICE_REQUIRED, .help = "root of the installation, as https://name.oncloud.gr"},
    {"username", SLUICE_TEXT, SLUICE_REQUIRED, .help = "web-services user"},
    {"password", SLUICE_TEXT, SLUICE_REQUIRED | SLUICE_SECRET, .help = "its password; sent in each request's body"},
    {"company", SLUICE_INT, SLUICE_REQUIRED, .help = "company number, as 1000"},
    {"customers_path", SLUICE_TEXT, 0, CUSTOMERS_PATH, .help = "script that gives the customers of the last minutes"},
    {"suppliers_path", SLUICE_TEXT, 0, SUPPLIERS_PATH, .help = "script that gives the suppliers of the last minutes"},
    {"customers_full_path", SLUICE_TEXT, .help = "script that gives all customers; for full runs and the first one"},
    {"suppliers_full_path", SLUICE_TEXT, .help = "script that gives all suppliers (asked with sodtype 12)"},
    {"charset", SLUICE_CHARSET, 0, "windows-1253", .help = "of the answers; what they claim cannot be relied on"},
    {"timezone", SLUICE_ZONE, 0, "Europe/Athens", .help = "of the ERP's times, which come without one"},
    {"active_field", SLUICE_TEXT, 0, "ISPROSP", .help = "ERP field that says whether a partner is active"},
    {"active_value", SLUICE_TEXT, 0, "1", .help = "its value that means ACTIVE; every other one means INACTIVE"},
};

/* The ERP prints its null date as 1899-12-30. An UPDDATE that is not sent is none, not the one stored before. */
#define NO_DATE "1899-12-30 00:00:00|1899-12-30T00:00:00|1899-12-30"

static const sluice_column partner[] = {
    {"trdr", SLUICE_INT, .path = "TRDR"},
    {"code", SLUICE_TEXT, SLUICE_TRIM, .path = "CODE"},
    {"afm", SLUICE_TEXT, SLUICE_TRIM, .path = "AFM"},
    {"name", SLUICE_TEXT, SLUICE_REQUIRED | SLUICE_BLANK, .path = "NAME", .preset = ""},
    {"sotitle", SLUICE_TEXT, SLUICE_BLANK, .path = "NAME", .preset = ""},
    {"jobtypetrd", SLUICE_TEXT, .path = "JOBTYPETRD"},
    {"address", SLUICE_TEXT, .path = "ADDRESS"},
    {"city", SLUICE_TEXT, .path = "CITY"},
    {"zip", SLUICE_TEXT, .path = "ZIP"},
    {"district", SLUICE_TEXT, .path = "DISTRICT"},
    {"country", SLUICE_TEXT, .path = "COUNTRY"},
    {"isactive", SLUICE_TEXT, SLUICE_REQUIRED, .preset = "INACTIVE", .help = "ACTIVE or INACTIVE, from active_field"},
    {"phone01", SLUICE_TEXT, .path = "PHONE01"},
    {"irsdata", SLUICE_TEXT, .path = "IRSDATA|IRSDATA_1"},
    {"socurrency", SLUICE_INT, .path = "SOCURRENCY"},
    {"update", SLUICE_TIME, SLUICE_CLEAR, .path = "UPDDATE", .empty = NO_DATE},
};

/* Branches share a tax id, so a tax id alone never takes a row from another TRDR; the all-zero ones are dummies. */
#define MATCHES                                                                                                       \
    SLUICE_MATCHES({SLUICE_IDENTITY, .columns = "trdr"},                                                \
                   {SLUICE_ADOPT, .columns = "afm", .never = "0 00000000 000000000 0000000000 00000000000"})

static int32_t map_partner(sluice_run *run, sluice_str json)
{
    sluice_record *rec = sluice_map(run, json);
    const char *active = sluice_source(rec, sluice_opt_text(run, "active_field"));

    if (active)
        sluice_set_text(rec, "isactive",
                        strcmp(active, sluice_opt_text(run, "active_value")) == 0 ? "ACTIVE" : "INACTIVE");
    return sluice_emit(rec);
}

/* The first key of the answer that says something; the ERP's functions speak several dialects. */
static const char *first_of(sluice_body *body, const char *a, const char *b, const char *c)
{
    if (*sluice_value_of(body, a))
        return sluice_value_of(body, a);
    return *sluice_value_of(body, b) ? sluice_value_of(body, b) : sluice_value_of(body, c);
}

/* HTTP 200 with success false: the ERP's own text and code. 250 is a wrong user name or password. */
static int32_t refused(sluice_run *run, sluice_body *body)
{
    const char *text = first_of(body, "message", "error", "Message");
    const char *code = first_of(body, "code", "errorcode", "responsecode");
    int credentials = strcmp(code, "250") == 0 || strcmp(code, "-1") == 0 || strcmp(code, "-2") == 0;

    if (!sluice_has(body, "success"))
        return sluice_fail(run, SLUICE_E_REMOTE, "the answer has no \"success\"; its text: \"%s\", code: %s", text, code);
    return sluice_fail(run, credentials ? SLUICE_E_AUTH : SLUICE_E_REMOTE, "the ERP refused: %s (code %s)%s",
                       *text ? text : "it gave no reason", *code ? code : "none",
                       credentials ? "; check the settings username, password and company" : "");
}

static int32_t read_partners(sluice_run *run, const char *path, const char *sodtype)
{
    sluice_call call = {
        .url = sluice_text(run, *path == '/' ? "${url}%s" : "${url}/%s", path),
        .json = sluice_text(run, "%s%s}", CREDENTIALS, sodtype),
        .charset = "${charset}",
        .hint = "that the path is a script of this installation, and that this user may call it",
    };
    sluice_body *body = sluice_ask(run, &call);
    int64_t total = sluice_int_of(body, "total");

    if (body && !sluice_true_of(body, "success"))
        return refused(run, body);
    sluice_total(run, total);
    sluice_window(run, sluice_value_of(body, "window_start"), sluice_value_of(body, "at"));
    if (sluice_has(body, "result") || total != 0) {
        if (sluice_each(run, body, "result") == 0 && total > 0)
            return sluice_fail(run, SLUICE_E_REMOTE, "the answer announced %lld records and holds none",
                               (long long)total);
    }
    return sluice_checkpoint(run, sluice_value_of(body, "at"));
}

/* The full path where there is one and everything is wanted: on full runs, and on the first one. */
static int wants_all(sluice_run *run, const char *full_path)
{
    if (*run->cursor)
        return 0;
    if (*full_path)
        return 1;
    sluice_warn(run, "only the ERP's last window was read: older records will not come by themselves; name a script "
                     "that lists them all in the setting %s_full_path", run->stream->name);
    return 0;
}

static int32_t read_customers(sluice_run *run)
{
    const char *full = sluice_opt_text(run, "customers_full_path");

    return read_partners(run, wants_all(run, full) ? full : sluice_opt_text(run, "customers_path"), ", 'sodtype': 13");
}

static int32_t read_suppliers(sluice_run *run)
{
    const char *full = sluice_opt_text(run, "suppliers_full_path");

    if (wants_all(run, full))
        return read_partners(run, full, ", 'sodtype': 12");
    return read_partners(run, sluice_opt_text(run, "suppliers_path"), "");
}

#define PARTNERS                                                                                                      \
    SLUICE_COLUMNS(partner), MATCHES, .zone = "timezone", .flags = SLUICE_INCREMENTAL | SLUICE_WINDOWED,              \
                                      .map = map_partner

static const sluice_stream streams[] = {
    {"customers", "softone_customers", "trading partners of type customer", PARTNERS, .run = read_customers},
    {"suppliers", "softone_suppliers", "trading partners of type supplier", PARTNERS, .run = read_suppliers},
};

static const sluice_route routes[] = {
    {"POST GET", "/api/cron/sync-customers", SLUICE_ROUTE_RUN, .stream = "customers"},
    {"POST GET", "/api/cron/sync-suppliers", SLUICE_ROUTE_RUN, .stream = "suppliers"},
};

SLUICE_CONNECTOR(.name = "softone", .version = "1.0.0", .help = "customers and suppliers of a SoftOne ERP",
                 SLUICE_OPTIONS(options), SLUICE_STREAMS(streams), SLUICE_ROUTES(routes), .parallel = 1);
