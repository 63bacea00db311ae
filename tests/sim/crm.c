#include "crm.h"

#include "data.h"
#include "date.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_DEAL    INT64_C(700000001)
#define DEAL_STEP     3
#define FIRST_CONTACT INT64_C(1001)
#define CONTACT_STEP  2
#define SECOND        INT64_C(1000000)
#define DAY           (86400 * SECOND)
#define BEGIN         (INT64_C(19000) * DAY) /* 2022-01-08 */
#define BRASILIA      (-3 * 3600 * SECOND)
#define PRODUCTS_MAX  5

enum { DEAL_ID, DEAL_CONTACT, DEAL_CONTACT_NAME, DEAL_TITLE, DEAL_STATUS, DEAL_STAGE, DEAL_AMOUNT, DEAL_START,
       DEAL_FINISH, DEAL_CREATE, DEAL_UPDATE };
enum { CONTACT_ID, CONTACT_TYPE, CONTACT_NAME, CONTACT_LEGAL, CONTACT_CNPJ, CONTACT_CPF, CONTACT_EMAIL, CONTACT_CREATE,
       CONTACT_UPDATE };

const struct odata_entity crm_entities[CRM_LISTS] = {
    [CRM_DEALS] = {"Deals",
                   {[DEAL_ID] = {"Id", ODATA_INT},
                    [DEAL_CONTACT] = {"ContactId", ODATA_INT},
                    [DEAL_CONTACT_NAME] = {"ContactName", ODATA_TEXT},
                    [DEAL_TITLE] = {"Title", ODATA_TEXT},
                    [DEAL_STATUS] = {"StatusId", ODATA_INT},
                    [DEAL_STAGE] = {"StageId", ODATA_INT},
                    [DEAL_AMOUNT] = {"Amount", ODATA_NUMBER},
                    [DEAL_START] = {"StartDate", ODATA_TIME},
                    [DEAL_FINISH] = {"FinishDate", ODATA_TIME},
                    [DEAL_CREATE] = {"CreateDate", ODATA_TIME},
                    [DEAL_UPDATE] = {"LastUpdateDate", ODATA_TIME}},
                   "Products"},
    [CRM_CONTACTS] = {"Contacts",
                      {[CONTACT_ID] = {"Id", ODATA_INT},
                       [CONTACT_TYPE] = {"TypeId", ODATA_INT},
                       [CONTACT_NAME] = {"Name", ODATA_TEXT},
                       [CONTACT_LEGAL] = {"LegalName", ODATA_TEXT},
                       [CONTACT_CNPJ] = {"CNPJ", ODATA_TEXT},
                       [CONTACT_CPF] = {"CPF", ODATA_TEXT},
                       [CONTACT_EMAIL] = {"Email", ODATA_TEXT},
                       [CONTACT_CREATE] = {"CreateDate", ODATA_TIME},
                       [CONTACT_UPDATE] = {"LastUpdateDate", ODATA_TIME}},
                      NULL},
};

/* ---- Generated rows ---- */

/* Integers and times of a generated row by field; `has` tells which of them are not null. */
struct numbers {
    int64_t value[ODATA_FIELDS];
    bool has[ODATA_FIELDS];
};

static uint64_t bits_of(const struct crm *c, uint32_t list, int64_t id)
{
    return mix64(c->seed ^ mix64((uint64_t)id * CRM_LISTS + list));
}

static void set(struct numbers *n, size_t field, int64_t value)
{
    n->value[field] = value;
    n->has[field] = true;
}

static void number_deal(const struct crm *c, const struct crm_row *row, struct numbers *n)
{
    uint64_t bits = bits_of(c, CRM_DEALS, row->id);
    uint64_t more = mix64(bits);
    int64_t nth = (row->id - FIRST_DEAL) / DEAL_STEP;
    int64_t created = BEGIN + nth * 1000 * SECOND + (int64_t)(bits % 900000) * 1000; /* a deal each quarter of an hour */
    int64_t closed = created + (int64_t)(more % 90) * DAY + (int64_t)(more >> 20 & 0x3FFFF) * 1000;
    int status = (int)(bits >> 32) & 7;                                            /* a half are won */
    status = status < 4 ? 2 : status < 6 ? 3 : 1;

    set(n, DEAL_ID, row->id);
    if (bits >> 40 & 63)
        set(n, DEAL_CONTACT, FIRST_CONTACT + CONTACT_STEP * (int64_t)((bits >> 46) % (c->generated[CRM_CONTACTS] + 1)));
    set(n, DEAL_STATUS, status);
    set(n, DEAL_STAGE, 40000 + (int64_t)(more >> 50 & 7));
    set(n, DEAL_AMOUNT, more >> 8 & 127 ? (int64_t)(mix64(more + (uint64_t)row->touched) % 9000000) : 0);
    set(n, DEAL_START, created);
    if (status != 1)
        set(n, DEAL_FINISH, closed);
    set(n, DEAL_CREATE, created);
    set(n, DEAL_UPDATE, row->touched ? row->touched : closed + 40 * 1000);
}

static void number_contact(const struct crm *c, const struct crm_row *row, struct numbers *n)
{
    uint64_t bits = bits_of(c, CRM_CONTACTS, row->id);
    int64_t created = BEGIN + (int64_t)(bits % 300000) * 100 * SECOND;

    set(n, CONTACT_ID, row->id);
    set(n, CONTACT_TYPE, bits >> 40 & 3 ? 1 : 2);
    set(n, CONTACT_CREATE, created);
    set(n, CONTACT_UPDATE, row->touched ? row->touched : created);
}

static void put_name(const struct crm *c, int64_t contact, struct buf *out)
{
    static const char *const kinds[] = {"Indústria", "Comércio", "Oficina", "Cooperativa", "Construções", "Locação"};
    static const char *const names[] = {"Açaí do Norte",   "São João",  "Três Irmãos", "Maçã Verde", "Avião",
                                        "Pão \\\"Quente\\\"", "Guarujá", "Ímã & Aço"};
    static const char *const ends[] = {"Ltda", "S/A", "ME", "EIRELI"};
    uint64_t bits = bits_of(c, CRM_CONTACTS, contact);

    buf_printf(out, "%s %s %lld %s", kinds[bits % 6], names[bits >> 4 & 7], (long long)contact, ends[bits >> 8 & 3]);
}

/* A CNPJ or CPF with or without its punctuation. */
static void put_tax_id(uint64_t bits, bool company, struct buf *out)
{
    char text[64];
    unsigned a = (unsigned)(bits % 100), b = (unsigned)(bits >> 8) % 1000, d = (unsigned)(bits >> 20) % 1000;
    unsigned check = (unsigned)(bits >> 50) % 100;
    if (company)
        snprintf(text, sizeof text, "%02u.%03u.%03u/0001-%02u", a, b, d, check);
    else
        snprintf(text, sizeof text, "%03u.%03u.%03u-%02u", a, b, d, check);
    for (const char *p = text; *p; p++) {
        if ((*p >= '0' && *p <= '9') || bits >> 40 & 1)
            buf_add_char(out, *p);
    }
}

/* A text of a generated row with its quotes, or null. */
static void put_text(const struct crm *c, uint32_t list, const struct numbers *n, size_t field, struct buf *out)
{
    uint64_t bits = bits_of(c, list, n->value[0]);
    bool company = n->value[CONTACT_TYPE] == 1;
    bool none = list == CRM_DEALS ? field == DEAL_CONTACT_NAME && !n->has[DEAL_CONTACT]
                                  : (field == CONTACT_CNPJ && !company) || (field == CONTACT_CPF && company);
    if (none) {
        buf_add_str(out, "null");
        return;
    }
    buf_add_char(out, '"');
    if (list == CRM_DEALS && field == DEAL_TITLE)
        buf_printf(out, "Revisão %u.000h\\t- \\\"Unidade %u\\\"", (unsigned)(bits & 15), (unsigned)(bits >> 4 & 3));
    else if (list == CRM_DEALS)
        put_name(c, n->value[DEAL_CONTACT], out);
    else if (field == CONTACT_CNPJ || field == CONTACT_CPF)
        put_tax_id(mix64(bits), company, out);
    else if (field == CONTACT_EMAIL)
        buf_printf(out, "contato%lld@example.com.br", (long long)n->value[CONTACT_ID]);
    else
        put_name(c, n->value[CONTACT_ID], out);
    buf_add_char(out, '"');
}

/* "2025-03-20T15:37:10.2-03:00", without trailing zeros in the fraction. */
static void put_time(int64_t us, struct buf *out)
{
    struct buf text = {0};
    date_print(&text, us + BRASILIA);
    buf_printf(out, "\"%.*s-03:00\"", (int)text.len - 1, buf_text(&text));
    buf_free(&text);
}

static void put_amount(int64_t cents, struct buf *out)
{
    buf_printf(out, "%lld", (long long)(cents / 100));
    if (cents % 10)
        buf_printf(out, ".%02lld", (long long)(cents % 100));
    else if (cents % 100)
        buf_printf(out, ".%lld", (long long)(cents % 100 / 10));
}

static void put_products(const struct crm *c, int64_t id, struct buf *out)
{
    uint64_t bits = mix64(bits_of(c, CRM_DEALS, id) + 1);
    uint64_t count = bits % (PRODUCTS_MAX + 1);
    buf_add_char(out, '[');
    for (uint64_t i = 0; i < count; i++)
        buf_printf(out, "%s{\"ProductId\":%llu,\"Quantity\":%llu,\"UnitPrice\":%llu}", i ? "," : "",
                   (unsigned long long)(30 + mix64(bits + i) % 60), (unsigned long long)(1 + (bits >> i & 3)),
                   (unsigned long long)(bits >> (8 + i) & 1023));
    buf_add_char(out, ']');
}

static void put_generated(const struct crm *c, uint32_t list, const struct numbers *n, size_t field, struct buf *out)
{
    const struct odata_field *f = &crm_entities[list].fields[field];
    if (f->type == ODATA_TEXT)
        put_text(c, list, n, field, out);
    else if (!n->has[field])
        buf_add_str(out, "null");
    else if (f->type == ODATA_TIME)
        put_time(n->value[field], out);
    else if (f->type == ODATA_NUMBER)
        put_amount(n->value[field], out);
    else
        buf_printf(out, "%lld", (long long)n->value[field]);
}

static void number_row(const struct crm *c, uint32_t list, const struct crm_row *row, struct numbers *n)
{
    *n = (struct numbers){0};
    if (list == CRM_DEALS)
        number_deal(c, row, n);
    else
        number_contact(c, row, n);
}

/* ---- Any row ---- */

static void put_json(const json_t *value, struct buf *out)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));
    buf_add_str(out, text ? text : "null");
    free(text);
}

static void put_key(const char *name, bool *first, struct buf *out)
{
    buf_printf(out, "%s\"%s\":", *first ? "" : ",", name);
    *first = false;
}

/* Append the row with what the query selects; a key that an object does not have is left out. */
static void put_row(const struct crm *c, uint32_t list, const struct crm_row *row, const struct odata_query *q,
                    struct buf *out)
{
    const struct odata_entity *e = &crm_entities[list];
    struct numbers n;
    bool first = true;
    if (!row->object)
        number_row(c, list, row, &n);
    buf_add_char(out, '{');
    for (size_t i = 0; i < ODATA_FIELDS && e->fields[i].name; i++) {
        const json_t *value = json_object_get(row->object, e->fields[i].name);
        if (!q->select[i] || (row->object && !value))
            continue;
        put_key(e->fields[i].name, &first, out);
        if (row->object)
            put_json(value, out);
        else
            put_generated(c, list, &n, i, out);
    }
    const json_t *expanded = q->expand ? json_object_get(row->object, e->expand) : NULL;
    if (q->expand && (expanded || !row->object)) {
        put_key(e->expand, &first, out);
        if (expanded)
            put_json(expanded, out);
        else
            put_products(c, row->id, out);
    }
    buf_add_char(out, '}');
}

/* The value to compare and order by; false: null. */
static bool value_of(const struct crm *c, uint32_t list, const struct crm_row *row, size_t field, int64_t *value)
{
    if (!row->object) {
        struct numbers n;
        number_row(c, list, row, &n);
        *value = n.value[field];
        return n.has[field];
    }
    const json_t *json = json_object_get(row->object, crm_entities[list].fields[field].name);
    const char *text = json_string_value(json);
    *value = json_integer_value(json);
    return text ? date_parse((sluice_str){text, strlen(text)}, NULL, value) : json_is_integer(json);
}

/* ---- Answers ---- */

struct chosen {
    const struct crm_row *row;
    int64_t key;
};

static bool is_chosen(const struct crm *c, uint32_t list, const struct crm_row *row, const struct odata_query *q)
{
    for (size_t i = 0; i < q->term_count; i++) {
        int64_t value = 0;
        bool present = value_of(c, list, row, q->terms[i].field, &value);
        if (!odata_holds(&q->terms[i], present, value))
            return false;
    }
    return true;
}

/* By key, then as the rows are, for they lie in one array. */
static int compare(const void *a, const void *b)
{
    const struct chosen *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

/* All rows, in the order they lie in: only what the answer shows is chosen. */
static size_t choose_all(const struct crm *c, uint32_t list, const struct odata_query *q, struct chosen *out)
{
    size_t count = c->list[list].count;
    for (uint64_t i = q->skip; i < count && i - q->skip < q->top; i++) {
        size_t at = q->down ? count - 1 - (size_t)i : (size_t)i;
        out[at].row = &c->list[list].rows[at];
    }
    return count;
}

static size_t choose(const struct crm *c, uint32_t list, const struct odata_query *q, struct chosen *out)
{
    size_t count = 0;
    if (!q->term_count && (q->order == 0 || q->order == ODATA_FIELDS))
        return choose_all(c, list, q, out);
    for (size_t i = 0; i < c->list[list].count; i++) {
        const struct crm_row *row = &c->list[list].rows[i];
        if (!is_chosen(c, list, row, q))
            continue;
        int64_t key = 0;
        if (q->order < ODATA_FIELDS && !value_of(c, list, row, q->order, &key))
            key = INT64_MIN;
        out[count++] = (struct chosen){row, key};
    }
    if (q->order < ODATA_FIELDS && q->order > 0)
        qsort(out, count, sizeof *out, compare);
    return count;
}

uint64_t crm_answer(const struct crm *c, uint32_t list, const struct odata_query *q, struct buf *out)
{
    struct chosen *chosen = calloc(c->list[list].count + 1, sizeof *chosen);
    if (!chosen)
        abort(); /* a test program; nothing sensible is left to do */
    size_t count = choose(c, list, q, chosen);
    buf_add_char(out, '[');
    for (uint64_t i = q->skip; i < count && i - q->skip < q->top; i++) {
        buf_add_str(out, i > q->skip ? "," : "");
        put_row(c, list, chosen[q->down ? count - 1 - i : i].row, q, out);
    }
    buf_add_char(out, ']');
    free(chosen);
    return count;
}

/* ---- Changes ---- */

/* Where the row of that Id is, or would be. */
static size_t place_of(const struct crm *c, uint32_t list, int64_t id)
{
    size_t low = 0, high = c->list[list].count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (c->list[list].rows[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct crm_row *find(const struct crm *c, uint32_t list, int64_t id)
{
    size_t at = place_of(c, list, id);
    return at < c->list[list].count && c->list[list].rows[at].id == id ? &c->list[list].rows[at] : NULL;
}

/* A new row of that Id, without an object. */
static struct crm_row *insert(struct crm *c, uint32_t list, int64_t id)
{
    size_t at = place_of(c, list, id);
    if (c->list[list].count == c->list[list].cap) {
        size_t cap = c->list[list].cap ? c->list[list].cap * 2 : 1024;
        struct crm_row *rows = realloc(c->list[list].rows, cap * sizeof *rows);
        if (!rows)
            abort();
        c->list[list].rows = rows;
        c->list[list].cap = cap;
    }
    struct crm_row *row = &c->list[list].rows[at];
    memmove(row + 1, row, (c->list[list].count++ - at) * sizeof *row);
    *row = (struct crm_row){.id = id};
    return row;
}

/* Let a generated row have an object of its own. */
static void make_object(const struct crm *c, uint32_t list, struct crm_row *row)
{
    struct odata_query all = {.expand = crm_entities[list].expand};
    struct buf text = {0};
    memset(all.select, true, sizeof all.select);
    put_row(c, list, row, &all, &text);
    row->object = json_loadb(buf_text(&text), text.len, 0, NULL);
    buf_free(&text);
}

bool crm_put(struct crm *c, uint32_t list, const json_t *patch, int64_t now_us)
{
    const json_t *id = json_object_get(patch, "Id");
    if (!json_is_integer(id))
        return false;
    struct crm_row *row = find(c, list, json_integer_value(id));
    if (!row) {
        row = insert(c, list, json_integer_value(id));
        row->object = json_object();
    }
    if (!row->object)
        make_object(c, list, row);
    json_t *copy = json_deep_copy(patch);
    if (!json_object_get(copy, "LastUpdateDate")) {
        struct buf text = {0};
        put_time(now_us, &text);
        json_object_set_new(copy, "LastUpdateDate", json_loadb(buf_text(&text), text.len, JSON_DECODE_ANY, NULL));
        buf_free(&text);
    }
    json_object_update(row->object, copy);
    json_decref(copy);
    return true;
}

bool crm_delete(struct crm *c, uint32_t list, int64_t id)
{
    struct crm_row *row = find(c, list, id);
    if (!row)
        return false;
    json_decref(row->object);
    size_t at = (size_t)(row - c->list[list].rows);
    memmove(row, row + 1, (--c->list[list].count - at) * sizeof *row);
    return true;
}

void crm_touch(struct crm *c, uint32_t list, size_t count, int64_t now_us)
{
    for (size_t i = 0; i < count && c->list[list].count; i++) {
        struct crm_row *row = &c->list[list].rows[i * c->list[list].count / count];
        if (!row->object)
            row->touched = now_us;
    }
}

void crm_reset(struct crm *c, bool empty)
{
    static const int64_t first[] = {FIRST_DEAL, FIRST_CONTACT}, step[] = {DEAL_STEP, CONTACT_STEP};
    for (uint32_t list = 0; list < CRM_LISTS; list++) {
        while (c->list[list].count)
            json_decref(c->list[list].rows[--c->list[list].count].object);
        for (uint32_t i = 0; !empty && i < c->generated[list]; i++)
            insert(c, list, first[list] + i * step[list]);
    }
}

void crm_free(struct crm *c)
{
    crm_reset(c, true);
    for (uint32_t list = 0; list < CRM_LISTS; list++)
        free(c->list[list].rows);
}
