/* ploomes.c - deals and contacts of a Ploomes CRM, and from these what each customer has bought.
 *
 * Paging: $top and $skip over a list sorted by Id; each page repeats the last row of the one before it, and the list's
 * $count must agree. Cursor: Ploomes' clock when the first request left, less an overlap; the next run asks for what
 * was updated since. Only a full run sees what was deleted.
 *
 * customer_sales walks through the landed deals and contacts side by side, one customer at a time, and asks Ploomes for
 * nothing. Its cursor says what had landed, on which day it looked and by which rule.
 */
#include <string.h>

#include "sluice/sluice.h"

#define OVERLAP INT64_C(300000000)  /* five minutes, in microseconds */
#define DAY     INT64_C(86400000000)
#define WON     2 /* StatusId; 3 is lost, everything else is open */
#define LOST    3

static const sluice_option options[] = {
    {"url", SLUICE_TEXT, 0, "https://public-api2.ploomes.com", .help = "root of the API"},
    {"api_key", SLUICE_TEXT, SLUICE_REQUIRED | SLUICE_SECRET, .help = "of the integration user; sent as User-Key"},
    {"page_size", SLUICE_INT, 0, "300", .help = "rows of a page; Ploomes gives no more than 300"},
    {"max_pages", SLUICE_INT, 0, "0", .help = "a list of more pages fails the run, with its rows kept; 0: no cap"},
    {"purchase_dates", SLUICE_TEXT, 0, "won", "won all", .help = "of won deals when finished, or all when updated"},
};

static const sluice_column deal_columns[] = {
    {"id", SLUICE_INT, SLUICE_KEY | SLUICE_REQUIRED, .path = "Id"},
    {"contact_id", SLUICE_INT, SLUICE_INDEX, .path = "ContactId", .empty = "0"},
    {"contact_name", SLUICE_TEXT, .path = "ContactName"},
    {"status_id", SLUICE_INT, .path = "StatusId"},
    {"amount", SLUICE_DECIMAL, .path = "Amount", .scale = 2},
    {"start_date", SLUICE_TIME, .path = "StartDate"},
    {"finish_date", SLUICE_TIME, .path = "FinishDate"},
    {"create_date", SLUICE_TIME, .path = "CreateDate"},
    {"last_update_date", SLUICE_TIME, .path = "LastUpdateDate"},
    {"product_ids", SLUICE_INTS, SLUICE_SET, .path = "Products[].ProductId", .empty = "0"},
    {"gone_at", SLUICE_TIME, .help = "since when Ploomes does not list it any more"},
};
#define DEAL_CELLS  "contact_id contact_name status_id amount finish_date last_update_date product_ids"

/* Tax ids are texts: their leading zeros count, and new ones may have letters. */
static const sluice_column contact_columns[] = {
    {"id", SLUICE_INT, SLUICE_KEY | SLUICE_REQUIRED, .path = "Id"},
    {"name", SLUICE_TEXT, .path = "Name"},
    {"cnpj", SLUICE_TEXT, SLUICE_TRIM, .path = "CNPJ"},
    {"cpf", SLUICE_TEXT, SLUICE_TRIM, .path = "CPF"},
    {"last_update_date", SLUICE_TIME, .path = "LastUpdateDate"},
    {"gone_at", SLUICE_TIME, .help = "since when Ploomes does not list it any more"},
};

static const sluice_column customer_columns[] = {
    {"customer_id", SLUICE_INT, SLUICE_KEY | SLUICE_REQUIRED | SLUICE_NARROW, .help = "the contact"},
    {"customer_name", SLUICE_TEXT, SLUICE_REQUIRED | SLUICE_CLEAR, .preset = "Unknown", .help = "else the deals'"},
    {"customer_cnpj", SLUICE_TEXT, SLUICE_CLEAR, .help = "of the contact, else its CPF"},
    {"total_sales", SLUICE_DECIMAL, .scale = 2, .help = "amounts of won deals, as total_revenue"},
    {"total_deals", SLUICE_INT, SLUICE_NARROW | SLUICE_INDEX, .help = "won, lost and open"},
    {"won_deals", SLUICE_INT, SLUICE_NARROW, .help = "StatusId 2"},
    {"lost_deals", SLUICE_INT, SLUICE_NARROW, .help = "StatusId 3"},
    {"open_deals", SLUICE_INT, SLUICE_NARROW, .help = "any other StatusId"},
    {"total_revenue", SLUICE_DECIMAL, SLUICE_INDEX, .scale = 2, .help = "amounts of won deals"},
    {"average_deal_value", SLUICE_DECIMAL, .scale = 2, .help = "total_revenue by won_deals; 0 when none is won"},
    {"products_purchased", SLUICE_INTS, SLUICE_NARROW | SLUICE_SET, .help = "products of all deals"},
    {"total_products", SLUICE_INT, SLUICE_NARROW, .help = "how many these are"},
    {"first_purchase_date", SLUICE_TIME, SLUICE_CLEAR, .help = "see purchase_dates"},
    {"last_purchase_date", SLUICE_TIME, SLUICE_CLEAR | SLUICE_INDEX, .help = "see purchase_dates"},
    {"days_since_last_purchase", SLUICE_INT, SLUICE_NARROW | SLUICE_CLEAR | SLUICE_QUIET, .help = "of 24 hours each"},
    {"has_custom_pricing", SLUICE_BOOL, .preset = "false", .help = "new rows only: belongs to others"},
    {"pricing_history_count", SLUICE_INT, SLUICE_NARROW, .preset = "0", .help = "new rows only: belongs to others"},
};

/* ---- What Ploomes lists ---- */

/* $select: what the columns are made from, also those that the job has added; lists are expanded instead. */
static const char *fields_of(sluice_run *run)
{
    const char *list = "", *column = (const char *)run->stream->columns;

    for (uint32_t i = 0; i < run->stream->column_count; i++, column += run->stream->column_stride) {
        const char *path = ((const sluice_column *)(const void *)column)->path;
        if (path && !strchr(path, '['))
            list = sluice_text(run, "%s%s%s", list, *list ? "," : "", path);
    }
    return list;
}

static int32_t read_list(sluice_run *run)
{
    int deals = strcmp(run->stream->name, "deals") == 0;
    const char *entity = deals ? "Deals" : "Contacts", *expand = deals ? "Products" : "", *fields = fields_of(run);
    const char *since = *run->cursor ? sluice_text(run, "LastUpdateDate ge %s", run->cursor) : "";
    sluice_call call = {
        .url = sluice_text(run, "${url}/%s", entity),
        .headers = {{"User-Key", "${api_key}"}, {"Content-Type", "application/json"}},
        .query = {{"$filter", since}, {"$select", fields}, {"$expand", expand}, {"$orderby", "Id"}, {"$count", "true"}},
        .hint = sluice_text(run, "the setting api_key (as shipped, the variable PLOOMES_API_KEY): it may be wrong or "
                            "misspelt; that the queried fields are allowed (%s); that the key's user may read %s",
                            fields, entity),
        .list = "value", .limit = "$top", .offset = "$skip", .total = "@odata.count", .id = "Id",
        .page_size = sluice_opt_int(run, "page_size"), .max_pages = sluice_opt_int(run, "max_pages"),
        .overlap = 1, .ascending = 1, .may_refuse = *since != '\0',
    };
    if (call.page_size < 2)
        return sluice_fail(run, SLUICE_E_CONFIG, "page_size: a page of less than 2 rows has no seam with the next one");
    int64_t read_at = sluice_read_pages(run, &call);
    if (read_at == SLUICE_REFUSED) {
        sluice_warn(run, "Ploomes refused to filter %s by LastUpdateDate, so all of them were read", entity);
        call.query[0].value = "";
        call.may_refuse = 0;
        read_at = sluice_read_pages(run, &call);
    }
    return sluice_checkpoint(run, sluice_iso(run, read_at - OVERLAP));
}

/* ---- What a customer has bought ---- */

struct sales {
    int64_t deals, won, lost, revenue; /* the last one in cents */
    int64_t first, last;               /* purchases, in microseconds; valid when `dated` */
    int dated, named;
};

static void add_deal(struct sales *s, sluice_scan *deal, int all_dates)
{
    int won = sluice_cell(deal, "status_id") == WON;
    const char *date = all_dates || sluice_cell_null(deal, "finish_date") ? "last_update_date" : "finish_date";
    int64_t at = sluice_cell(deal, date);

    s->deals++;
    s->won += won;
    s->lost += sluice_cell(deal, "status_id") == LOST;
    if (won && __builtin_add_overflow(s->revenue, sluice_cell(deal, "amount"), &s->revenue))
        s->revenue = INT64_MAX; /* no column holds that: the row is rejected */
    if ((!won && !all_dates) || sluice_cell_null(deal, date))
        return;
    s->first = s->dated && s->first < at ? s->first : at;
    s->last = s->dated && s->last > at ? s->last : at;
    s->dated = 1;
}

/* Rounded half away from zero, as the database does. */
static int64_t average(int64_t sum, int64_t count)
{
    int64_t rest = count ? sum % count : 0;

    return count ? sum / count + (2 * rest >= count) - (2 * rest <= -count) : 0;
}

static void set_sales(sluice_record *rec, const struct sales *s, sluice_ids *products, int64_t now)
{
    sluice_set_decimal(rec, "total_sales", s->revenue);
    sluice_set_int(rec, "total_deals", s->deals);
    sluice_set_int(rec, "won_deals", s->won);
    sluice_set_int(rec, "lost_deals", s->lost);
    sluice_set_int(rec, "open_deals", s->deals - s->won - s->lost);
    sluice_set_decimal(rec, "total_revenue", s->revenue);
    sluice_set_decimal(rec, "average_deal_value", average(s->revenue, s->won));
    sluice_set_ids(rec, "products_purchased", products);
    sluice_set_int(rec, "total_products", (int64_t)sluice_ids_count(products));
    if (!s->dated)
        return;
    sluice_set_time(rec, "first_purchase_date", s->first);
    sluice_set_time(rec, "last_purchase_date", s->last);
    sluice_set_int(rec, "days_since_last_purchase", (now - s->last) / DAY - ((now - s->last) % DAY < 0));
}

/* What the contact does not have stays as its deals say. */
static void set_contact(sluice_record *rec, sluice_scan *contact)
{
    const char *name = sluice_cell_text(contact, "name"), *cnpj = sluice_cell_text(contact, "cnpj");

    if (*name)
        sluice_set_text(rec, "customer_name", name);
    sluice_set_text(rec, "customer_cnpj", *cnpj ? cnpj : sluice_cell_text(contact, "cpf"));
}

/* All three lists go up by customer. `rows` are those of the last run: whose deals have gone is brought to zero. */
static void derive_customers(sluice_run *run, sluice_scan *deals, sluice_scan *contacts, sluice_scan *rows)
{
    int all_dates = strcmp(sluice_opt_text(run, "purchase_dates"), "all") == 0;
    int64_t deal_count = 0, with_sales = 0, synced = 0;
    int deal = sluice_scan_next(deals), contact = sluice_scan_next(contacts), row = sluice_scan_next(rows);
    sluice_ids *products = sluice_ids_new(run);

    for (; deal && sluice_cell_null(deals, "contact_id"); deal = sluice_scan_next(deals))
        deal_count++;
    for (; deal || row; synced++) {
        int64_t of_deal = sluice_cell(deals, "contact_id"), of_row = sluice_cell(rows, "customer_id");
        int64_t customer = deal && (!row || of_deal < of_row) ? of_deal : of_row;
        sluice_record *rec = sluice_new(run);
        struct sales s = {0};

        sluice_ids_clear(products);
        sluice_set_int(rec, "customer_id", customer);
        if (row && of_row == customer) {
            if (!deal || of_deal != customer)
                sluice_set_text(rec, "customer_name", sluice_cell_text(rows, "customer_name"));
            row = sluice_scan_next(rows);
        }
        for (; deal && sluice_cell(deals, "contact_id") == customer; deal = sluice_scan_next(deals)) {
            const char *name = sluice_cell_text(deals, "contact_name");
            if (*name && !s.named++)
                sluice_set_text(rec, "customer_name", name);
            add_deal(&s, deals, all_dates);
            sluice_ids_add_cell(products, deals, "product_ids");
        }
        while (contact && sluice_cell(contacts, "id") < customer)
            contact = sluice_scan_next(contacts);
        if (contact && sluice_cell(contacts, "id") == customer)
            set_contact(rec, contacts);
        set_sales(rec, &s, products, run->started_at);
        sluice_emit(rec);
        deal_count += s.deals;
        with_sales += s.deals > 0;
    }
    sluice_stat(run, "dealsProcessed", deal_count);
    sluice_stat(run, "customersWithSales", with_sales);
    sluice_stat(run, "customersSynced", synced);
}

static int32_t derive_sales(sluice_run *run)
{
    const char *mark = sluice_text(run, "%s %.10s %s", run->landed, sluice_iso(run, run->started_at),
                                   sluice_opt_text(run, "purchase_dates"));

    if (strcmp(mark, run->cursor) != 0)
        derive_customers(run, sluice_scan_open(run, "deals", DEAL_CELLS, "contact_id id"),
                         sluice_scan_open(run, "contacts", "id name cnpj cpf", "id"),
                         sluice_scan_open(run, "customer_sales", "customer_id customer_name", "customer_id"));
    sluice_stat(run, "executionTime", sluice_elapsed_ms(run));
    return sluice_checkpoint(run, mark);
}

#define LIST SLUICE_MATCHES({SLUICE_IDENTITY, .columns = "id"}), .gone = "gone_at", .flags = SLUICE_INCREMENTAL, \
             .run = read_list, .map = sluice_map_table

static const sluice_stream streams[] = {
    {"deals", "ploomes_deals", "deals, also lost and open ones", SLUICE_COLUMNS(deal_columns), LIST},
    {"contacts", "ploomes_contacts", "companies, persons", SLUICE_COLUMNS(contact_columns), LIST},
    {"customer_sales", "customer_sales", "what each contact has bought", SLUICE_COLUMNS(customer_columns),
     SLUICE_MATCHES({SLUICE_IDENTITY, .columns = "customer_id"}), .needs = "deals contacts",
     .flags = SLUICE_INCREMENTAL, .run = derive_sales},
};

static const sluice_route routes[] = {
    {"GET POST", "/api/cron/sync-customer-sales", SLUICE_ROUTE_RUN, .stream = "customer_sales"}};

SLUICE_CONNECTOR(.name = "ploomes", .version = "1.0.0", .help = "deals, contacts and sales", SLUICE_OPTIONS(options),
                 SLUICE_STREAMS(streams), SLUICE_ROUTES(routes), .rate_per_min = 80, .parallel = 8);
