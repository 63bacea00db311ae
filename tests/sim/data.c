/* Generated records: words are encoded once, a record is put together by copying. */
#include "data.h"

#include <stdlib.h>
#include <string.h>

#define WORDS_MAX      24
#define RECORD_MAX     4096 /* room for one, even when every letter is escaped */
#define TRDR_CUSTOMERS 20000u
#define TRDR_SUPPLIERS 9000000u

enum { SURNAMES, GIVEN, COMPANIES, TRADES, STREETS, CITIES, DISTRICTS, OFFICES, LISTS };

/* JSON text: quotes and backslashes are escaped already. */
static const char *const words[LISTS][WORDS_MAX + 1] = {
    [SURNAMES] = {"Παπαδόπουλος", "Γεωργίου", "Άνεμος", "Οικονόμου", "Καραμανλή", "Νικολάου", "Δημητρίου",
                  "Μαυρογιάννης", "Χατζηιωάννου", "Αλεξίου", "Βασιλείου", "Κωνσταντινίδης", "Σταθόπουλος",
                  "Τριανταφύλλου", "Ρήγας", "Ωραιοπούλου"},
    [GIVEN] = {"Γιώργος", "Ελένη", "Κώστας", "Μαρία", "Νίκος", "Ιωάννα", "Δημήτρης", "Αθηνά", "Ηλίας", "Όλγα", "Σπύρος",
               "Εύη"},
    [COMPANIES] = {"& Υιοί Ο.Ε.", "Α.Ε.", "Ε.Π.Ε.", "Ι.Κ.Ε.", "& ΣΙΑ Ε.Ε.", "«Το Στέκι»", "– Υποκατάστημα Πάτρας",
                   "\\\"Η Καλή Τιμή\\\"", "ΜΟΝΟΠΡΟΣΩΠΗ Ε.Π.Ε.", "O’Neill Ελλάς", "Εμπορική 1€", "ΑΤΕ"},
    [TRADES] = {"ΧΟΝΔΡΙΚΟ ΕΜΠΟΡΙΟ ΕΙΔΩΝ ΥΔΡΕΥΣΗΣ", "ΛΙΑΝΙΚΟ ΕΜΠΟΡΙΟ ΤΡΟΦΙΜΩΝ", "ΚΑΤΑΣΚΕΥΗ ΕΠΙΠΛΩΝ",
                "ΥΠΗΡΕΣΙΕΣ ΕΣΤΙΑΣΗΣ", "ΕΜΠΟΡΙΟ ΗΛΕΚΤΡΟΛΟΓΙΚΟΥ ΥΛΙΚΟΥ", "ΓΕΩΡΓΙΚΑ ΕΦΟΔΙΑ", "ΜΕΤΑΦΟΡΕΣ",
                "ΤΕΧΝΙΚΟ ΓΡΑΦΕΙΟ"},
    [STREETS] = {"Λ. Κηφισίας", "Ερμού", "Αγίου Δημητρίου", "25ης Μαρτίου", "Ελευθερίου Βενιζέλου", "Όθωνος",
                 "Πατησίων", "Ακτή Μιαούλη", "Ρήγα Φεραίου", "Εθνικής Αντιστάσεως"},
    [CITIES] = {"Αθήνα", "Θεσσαλονίκη", "Πάτρα", "Ηράκλειο", "Λάρισα", "Βόλος", "Ιωάννινα", "Ναύπακτος", "Χανιά",
                "Άργος"},
    [DISTRICTS] = {"Αττική", "Μακεδονία", "Αχαΐα", "Κρήτη", "Θεσσαλία", "Ήπειρος"},
    [OFFICES] = {"ΔΟΥ Αθηνών", "ΔΟΥ Πατρών", "ΔΟΥ Ηρακλείου", "ΔΟΥ ΦΑΕ Πειραιά", "1190", "ΔΟΥ Βόλου"},
};

struct vocabulary {
    sluice_str word[LISTS][WORDS_MAX];
    uint32_t count[LISTS];
    struct buf bytes; /* what the words point into */
};

uint64_t mix64(uint64_t x)
{
    x += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

static bool encode_words(struct vocabulary *v, const char *charset, bool escape)
{
    for (size_t list = 0; list < LISTS; list++) {
        for (size_t i = 0; words[list][i]; i++) {
            size_t start = v->bytes.len;
            if (!encode(charset, escape, (sluice_str){words[list][i], strlen(words[list][i])}, &v->bytes))
                return false;
            v->word[list][i].len = v->bytes.len - start;
            v->count[list]++;
        }
    }
    const char *at = v->bytes.ptr; /* the bytes do not move any more */
    for (size_t list = 0; list < LISTS; list++) {
        for (size_t i = 0; i < v->count[list]; i++) {
            v->word[list][i].ptr = at;
            at += v->word[list][i].len;
        }
    }
    return true;
}

struct vocabulary *vocabulary_open(const char *charset, bool escape)
{
    struct vocabulary *v = calloc(1, sizeof *v);
    if (v && !encode_words(v, charset, escape)) {
        vocabulary_close(v);
        return NULL;
    }
    return v;
}

void vocabulary_close(struct vocabulary *v)
{
    if (!v)
        return;
    buf_free(&v->bytes);
    free(v);
}

/* Copy to `p`, give the place behind. Callers made room for a whole record. */
static char *put(char *p, const char *text, size_t len)
{
    memcpy(p, text, len);
    return p + len;
}

#define PUT(p, literal) put(p, literal, sizeof(literal) - 1)

static char *put_word(char *p, const struct vocabulary *v, int list, uint64_t choice)
{
    const sluice_str *word = &v->word[list][choice % v->count[list]];
    return put(p, word->ptr, word->len);
}

static char *put_number(char *p, uint64_t number, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        p[i] = (char)('0' + number % 10);
        number /= 10;
    }
    return p + digits;
}

/* "0" has one digit. */
static int digits_of(uint64_t number)
{
    int digits = 1;
    while (number >= 10) {
        number /= 10;
        digits++;
    }
    return digits;
}

/* Nine digits, unique in a stream, the last one wrong on purpose: no real tax id. */
static char *put_tax_id(char *p, const struct record *r)
{
    uint32_t base = (r->stream == STREAM_CUSTOMERS ? 1000000u : 50000000u) + r->index;
    uint32_t sum = 0;
    uint32_t rest = base;
    for (uint32_t weight = 2; weight <= 256; weight *= 2) {
        sum += rest % 10 * weight;
        rest /= 10;
    }
    p = put_number(p, base, 8);
    return put_number(p, (sum % 11 % 10 + 1) % 10, 1);
}

static char *put_name(char *p, const struct vocabulary *v, uint64_t bits)
{
    p = put_word(p, v, SURNAMES, bits);
    *p++ = ' ';
    if (bits >> 8 & 1)
        return put_word(p, v, GIVEN, bits >> 9);
    return put_word(p, v, COMPANIES, bits >> 9);
}

/* UPDDATE, with the last conversion kept: neighbours often share it. */
static char *put_time(char *p, time_t at)
{
    static _Thread_local time_t last_minute = -1;
    static _Thread_local char last_text[32];
    if (at / 60 != last_minute) {
        clock_text(at / 60 * 60, last_text);
        last_minute = at / 60;
    }
    p = put(p, last_text, 17); /* up to the seconds; zones with odd seconds are history */
    return put_number(p, (uint64_t)(at % 60), 2);
}

static char *put_identity(char *p, const struct vocabulary *v, const struct record *r, uint64_t bits)
{
    uint32_t trdr = (r->stream == STREAM_CUSTOMERS ? TRDR_CUSTOMERS : TRDR_SUPPLIERS) + r->index;
    p = PUT(p, "{\"TRDR\":\"");
    p = put_number(p, trdr, digits_of(trdr));
    p = r->stream == STREAM_CUSTOMERS ? PUT(p, "\",\"CODE\":\"30-") : PUT(p, "\",\"CODE\":\"50-");
    p = put_number(p, r->index, r->index < 100000 ? 5 : digits_of(r->index));
    p = PUT(p, "\",\"AFM\":\"");
    if (mix64(bits) % 100 >= 3)
        p = put_tax_id(p, r);
    p = PUT(p, "\",\"NAME\":\"");
    return put_name(p, v, bits);
}

static char *put_address(char *p, const struct vocabulary *v, uint64_t bits)
{
    p = PUT(p, "\",\"JOBTYPETRD\":\"");
    p = put_word(p, v, TRADES, bits);
    p = PUT(p, "\",\"ADDRESS\":\"");
    p = put_word(p, v, STREETS, bits >> 6);
    *p++ = ' ';
    uint64_t number = 1 + (bits >> 12) % 180;
    p = put_number(p, number, digits_of(number));
    p = PUT(p, "\",\"CITY\":\"");
    p = put_word(p, v, CITIES, bits >> 20);
    p = PUT(p, "\",\"ZIP\":\"");
    p = put_number(p, 10 + (bits >> 26) % 840, 3);
    *p++ = ' ';
    p = put_number(p, (bits >> 36) % 100, 2);
    p = PUT(p, "\",\"DISTRICT\":\"");
    if ((bits >> 44) % 10 >= 3)
        p = put_word(p, v, DISTRICTS, bits >> 48);
    return p;
}

void record_render(const struct vocabulary *v, const struct record *r, struct buf *out)
{
    char *start = buf_reserve(out, RECORD_MAX);
    if (!start)
        return;
    uint64_t bits = mix64(r->seed ^ mix64(r->index * 2 + r->stream));
    uint64_t more = mix64(bits + 1);
    uint64_t phone = mix64(bits + 2 + r->version);

    char *p = put_identity(start, v, r, bits);
    p = put_address(p, v, mix64(bits));
    p = more % 100 < 97 ? PUT(p, "\",\"COUNTRY\":\"1000") : PUT(p, "\",\"COUNTRY\":\"1057");
    p = (more >> 8) % 10 < 6 ? PUT(p, "\",\"ISPROSP\":\"1") : PUT(p, "\",\"ISPROSP\":\"0");
    p = PUT(p, "\",\"PHONE01\":\"2");
    p = put_number(p, phone, 9);
    p = PUT(p, "\",\"IRSDATA\":\"");
    if ((more >> 16) % 10 >= 1)
        p = put_word(p, v, OFFICES, more >> 24);
    p = PUT(p, "\",\"SOCURRENCY\":\"100\",\"UPDDATE\":\"");
    p = put_time(p, r->updated);
    p = PUT(p, "\"}");
    out->len += (size_t)(p - start);
}
