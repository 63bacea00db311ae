/* sabito.c - customers referred by Sabito, one mapping (a business that belongs to a tenant) at a time.
 *
 * Paging: limit and offset, no total, no order that is promised: each page begins with the last record of the one
 * before, so that rows that shift meanwhile are noticed. Cursor: Sabito's clock when the run's first request left, less
 * an overlap, as ISO text; it is `updatedAfter` of the next run, and stays when completeness could not be proven.
 */
#include <string.h>

#include "sluice/sluice.h"

#define OVERLAP INT64_C(60000000) /* a minute, in microseconds: whether updatedAfter is inclusive is not known */

static const sluice_option options[] = {
    {"url", SLUICE_TEXT, SLUICE_REQUIRED, .help = "root of the API, as https://api.sabito.example"},
    {"api_key", SLUICE_TEXT, SLUICE_REQUIRED | SLUICE_SECRET, .help = "sent as X-API-Key"},
    {"limit", SLUICE_INT, 0, "100", .help = "customers asked for in a page, at least 2"},
    {"default_country", SLUICE_TEXT, 0, "USA", .help = "of new customers that come without one"},
    {"mappings", SLUICE_GROUP, SLUICE_REQUIRED | SLUICE_LIST, .help = "which business belongs to which tenant"},
    {"mappings.id", SLUICE_TEXT, SLUICE_REQUIRED | SLUICE_UNIQUE, .help = "names the mapping"},
    {"mappings.business_id", SLUICE_TEXT, SLUICE_REQUIRED | SLUICE_UNIQUE, .help = "Sabito's businessId"},
    {"mappings.business_name", SLUICE_TEXT, .help = "for people"},
    {"mappings.tenant_id", SLUICE_TEXT, SLUICE_REQUIRED, .help = "customers are matched within it only"},
    {"mappings.tenant_name", SLUICE_TEXT, .help = "for people"},
};

static const sluice_column customer[] = {
    {"sabitoCustomerId", SLUICE_TEXT, .path = "id", .help = "required; rows of other programs may have none"},
    {"email", SLUICE_TEXT, SLUICE_TRIM | SLUICE_LOWER, .path = "email"},
    {"name", SLUICE_TEXT, .path = "name", .preset = "Unknown"},
    {"phone", SLUICE_TEXT, .path = "phone"},
    {"address", SLUICE_TEXT, .path = "address"},
    {"city", SLUICE_TEXT, .path = "city"},
    {"state", SLUICE_TEXT, .path = "state"},
    {"country", SLUICE_TEXT, .path = "country", .preset = "${default_country}"},
    {"sabitoSourceReferralId", SLUICE_TEXT, .path = "sourceReferralId"},
    {"sabitoSourceType", SLUICE_TEXT, .path = "sourceType", .preset = "referral"},
    {"howDidYouHear", SLUICE_TEXT, .value = "Sabito Referral"},
    {"sabitoBusinessId", SLUICE_TEXT, .value = "${mappings.business_id}"},
    {"tenantId", SLUICE_TEXT, SLUICE_REQUIRED, .value = "${mappings.tenant_id}"},
};

/* One @, something before it, and behind it a domain with a dot inside. */
static int is_address(const char *email)
{
    const char *at = strchr(email, '@');
    const char *dot = at ? strrchr(at, '.') : NULL;

    return at && at > email && !strchr(at + 1, '@') && !strpbrk(email, " \t\r\n,;<>\"") && dot && dot > at + 1 &&
           at[1] != '.' && dot[1];
}

static int32_t map_customer(sluice_run *run, sluice_str json)
{
    sluice_record *rec = sluice_map(run, json);
    const char *sent = sluice_source(rec, "email");
    const char *email = sluice_get(rec, "email");

    if (!sent || !sent[strspn(sent, " \t\n\v\f\r")])
        return sluice_skip(rec, "no email");
    if (*email && !is_address(email))
        return sluice_reject(rec, "email: \"%s\" is not an address", email);
    if (!*sluice_get(rec, "sabitoCustomerId"))
        return sluice_reject(rec, "id: missing");
    return sluice_emit(rec);
}

static int32_t read_customers(sluice_run *run)
{
    sluice_call call = {
        .url = "${url}/api/customers",
        .headers = {{"X-API-Key", "${api_key}"}},
        .query = {{"businessId", "${mappings.business_id}"}, {"updatedAfter", run->cursor}},
        .hint = sluice_text(run, "the setting api_key (SABITO_API_KEY), and that it may read business "
                                 "${mappings.business_id} of mapping ${mappings.id}"),
        .list = "data",
        .limit = "limit",
        .offset = "offset",
        .id = "id",
        .page_size = sluice_opt_int(run, "limit"),
        .max_pages = 10000,
        .overlap = 1,
    };

    if (call.page_size < 2)
        return sluice_fail(run, SLUICE_E_CONFIG, "the setting limit has to be at least 2");
    return sluice_checkpoint(run, sluice_iso(run, sluice_read_pages(run, &call) - OVERLAP));
}

static const sluice_stream streams[] = {
    {"customers", "sabito_customers", "customers of each mapped business, in its tenant", SLUICE_COLUMNS(customer),
     SLUICE_MATCHES({SLUICE_IDENTITY, .columns = "sabitoCustomerId"}, {SLUICE_REBIND, .columns = "email"}),
     .scope = "tenantId", .partition = "mappings", .flags = SLUICE_INCREMENTAL, .run = read_customers,
     .map = map_customer},
};

#define SYNC                                                                                                          \
    SLUICE_ROUTE_RUN, .stream = "customers", .full_key = "fullSync", .under = "data", .message = "Sync completed",    \
        .keys = "success businessId=mappings.business_id customersProcessed=processed created updated skipped "       \
                "errors errorDetails"

static const sluice_route routes[] = {
    {"POST", "/api/sabito/sync", SYNC},
    {"POST", "/api/sabito/sync/:id", SYNC},
    {"GET", "/api/sabito/sync/status", SLUICE_ROUTE_STATUS, .stream = "customers", .under = "data",
     .keys = "id=mappings.id sabitoBusinessId=mappings.business_id businessName=mappings.business_name "
             "tenantName=mappings.tenant_name lastSyncAt=timestamp lastSyncResult.customersProcessed=processed "
             "lastSyncResult.created=created lastSyncResult.updated=updated lastSyncResult.skipped=skipped "
             "lastSyncResult.errors=errors lastSyncResult.syncedAt=timestamp lastUpdated=timestamp"},
    {"GET", "/api/sabito/mappings", SLUICE_ROUTE_PARTITIONS, .stream = "customers", .under = "data",
     .keys = "id=mappings.id sabitoBusinessId=mappings.business_id businessName=mappings.business_name "
             "tenantId=mappings.tenant_id tenantName=mappings.tenant_name"},
};

SLUICE_CONNECTOR(.name = "sabito", .version = "1.0.0", .help = "customers referred by Sabito",
                 SLUICE_OPTIONS(options), SLUICE_STREAMS(streams), SLUICE_ROUTES(routes), .parallel = 4);
