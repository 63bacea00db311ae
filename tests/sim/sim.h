/* sim.h - sluice-sim: a program that plays the source systems for tests, demos and benchmarks.
 *
 * It serves HTTP/1.1 on loopback, a thread for each connection. A `struct source` answers the paths below its prefix;
 * the control paths below /_sim/ script what it answers (see control.c). Records are a pure function of seed, index
 * and version, so any number of them costs no memory.
 *
 * Threads: everything below is shared between connections unless it says otherwise.
 */
#ifndef SIM_H
#define SIM_H

#include "buf.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

struct clock;   /* clock.c: what time the source believes it is */
struct dataset; /* records.c: the records of all streams */
struct journal; /* journal.c: the requests that were seen */
struct ploomes; /* ploomes.c: its deals and contacts */
struct sabito;  /* sabito.c: its businesses and their customers */
struct scripts; /* script.c: replies and faults to come */

/* The command line. */
struct options {
    const char *host;      /* address to listen on */
    const char *port;      /* "0": any */
    const char *port_file; /* where the port is written; NULL: nowhere */
    const char *username;  /* what a SoftOne request must carry */
    const char *password;
    const char *company;
    const char *charset; /* of SoftOne's answers */
    const char *user_key; /* what a Ploomes request must carry */
    const char *api_key;  /* what a Sabito request must carry */
    const char *clock;   /* "real" or "YYYY-MM-DD HH:MM:SS" */
    const char *zone;    /* IANA name of the source's local time */
    const char *fault;   /* for every answer that is not scripted; NULL: none */
    uint32_t customers;  /* generated records */
    uint32_t suppliers;
    uint32_t deals;
    uint32_t contacts;
    uint32_t referred; /* generated customers of each of Sabito's businesses */
    uint32_t rate; /* Ploomes requests a minute; 0: no limit */
    uint64_t seed;
    uint32_t window_s; /* length of SoftOne's window */
    uint32_t delay_ms; /* before each answer */
    uint32_t edit_s;   /* so often one record in two hundred is edited; 0: never */
    bool deliver_all;  /* windowed calls give all records */
    bool prebuild;     /* render the records once, into a file */
    bool escape;       /* characters that the charset lacks as \uXXXX instead of '?' */
};

/* The whole program. */
struct sim {
    struct options opt;
    struct clock *clock;
    struct dataset *data;
    struct journal *journal;
    struct scripts *scripts;
    struct ploomes *ploomes;
    struct sabito *sabito;
    _Atomic(time_t) edited_at; /* when records were edited last */
    uint16_t port;        /* the one that is listened on */
    atomic_bool stopping; /* SIGTERM or SIGINT came */
};

/* One request; belongs to the connection that read it. */
struct request {
    struct buf head; /* request line and header lines, cut into terminated strings */
    struct buf body;
    const char *method;
    const char *path;    /* without the query */
    const char *query;   /* "" when there is none */
    const char *headers; /* "name\0value\0" pairs, ended by "\0" */
    bool keep_alive;
};

/* One reply: status, headers, and a body that is `body`, then what `produce` gives, then `file`. Belongs to the
 * connection that sends it. */
struct reply {
    int status;
    struct buf headers; /* whole lines with CRLF */
    struct buf body;
    const char *charset;                              /* in which text is rendered */
    bool (*produce)(struct reply *, struct buf *out); /* append the next piece; false after the last; NULL: none */
    void (*release)(struct reply *);                  /* give `context` back; NULL: nothing to do */
    void *context;
    int file; /* descriptor, kept by its owner; -1: none */
    size_t file_size;
    bool close; /* end the connection afterwards */
};

/* A system that is played. */
struct source {
    const char *name;
    const char *prefix;  /* of its paths */
    const char *charset; /* of its answers; NULL: the command line's */
    void (*answer)(struct sim *, const struct request *, struct reply *);
};
extern const struct source softone_source;
extern const struct source ploomes_source;
extern const struct source sabito_source;

/* ---- request and reply (wire.c) ---- */
const char *request_header(const struct request *, const char *name); /* any case; NULL: not sent */
/* The value of `name` in the query, still percent-encoded, in `out`; false when it is not there. */
bool request_argument(const struct request *, const char *name, char *out, size_t size);
/* Read one request; false when the client left or sent nonsense. `spare` keeps bytes read beyond it. */
bool request_read(int fd, struct buf *spare, struct request *);
void request_free(struct request *);
void reply_free(struct reply *);
void reply_header(struct reply *, const char *name, const char *value);
/* Put whole header lines in the place of those with the same names. */
void reply_override(struct reply *, const struct buf *lines);
/* The head of `r` as text: status line, Date, headers, the lines in `framing` and the empty line. */
void reply_head(struct sim *, const struct reply *, const char *framing, struct buf *out);
/* Pull the whole body into r->body, up to `max` bytes; true when all of it is there. */
bool reply_collect(struct reply *, size_t max);
/* Send it; false when the client left. */
bool reply_send(struct sim *, int fd, struct reply *);
bool send_bytes(int fd, const void *bytes, size_t len);
bool send_chunk(int fd, const void *bytes, size_t len);

/* ---- faults.c ---- */
bool fault_known(const char *name);
/* Send `r` broken in the way `name` says. The connection is over when this gives false. */
bool fault_send(struct sim *, int fd, const struct request *, struct reply *r, const char *name);
/* Wait for `ms` milliseconds, less when the client leaves or the program stops; false in these cases. */
bool wait_ms(struct sim *, int fd, uint32_t ms);

/* ---- encode.c ---- */
/* Append `text` (UTF-8) in `charset`. What it lacks becomes \uXXXX with `escape`, else '?'. False: no such charset. */
bool encode(const char *charset, bool escape, sluice_str text, struct buf *out);

/* ---- clock.c ---- */
struct clock *clock_open(const char *start); /* NULL: neither "real" nor a time */
void clock_close(struct clock *);
void clock_reset(struct clock *);
time_t clock_now(struct clock *);
void clock_advance(struct clock *, int64_t seconds);
bool clock_set(struct clock *, const char *local);    /* "YYYY-MM-DD HH:MM:SS" */
void clock_text(time_t at, char out[static 32]);      /* the same form */
void clock_http_date(time_t at, char out[static 32]); /* "Tue, 10 Feb 2026 07:20:03 GMT" */

/* ---- journal.c ---- */
struct journal *journal_open(void);
void journal_close(struct journal *);
void journal_add(struct journal *, const struct request *);
void journal_clear(struct journal *);
void journal_print(struct journal *, struct buf *out); /* a JSON array, oldest first */

/* ---- script.c ---- */
/* What a script makes of one reply; free with scripted_free(). */
struct scripted {
    bool found;
    int status; /* 0: as the source says */
    uint32_t delay_ms;
    char fault[32];     /* "": none */
    struct buf headers; /* whole lines, added */
    bool has_body;
    struct buf body; /* bytes for the wire */
};
struct scripts *scripts_open(void);
void scripts_close(struct scripts *);
void scripts_clear(struct scripts *);
/* Queue what the JSON text asks for; on failure the reason goes to `why`. */
bool scripts_add(struct scripts *, sluice_str json, struct buf *why);
/* The next one for this request; text bodies are encoded in `charset`. */
void scripts_take(struct sim *, const struct request *, const char *charset, struct scripted *out);
void scripted_free(struct scripted *);

/* ---- control.c ---- */
void control_answer(struct sim *, const struct request *, struct reply *);

/* ---- server.c ---- */
/* Listen, write the port, serve until `sim->stopping`; the exit status. */
int server_run(struct sim *);

#endif
