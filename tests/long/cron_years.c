/* cron_years.c - the fires of 200 cron lines in every zone of the system's tzdata from 2000 to 2037, against the oracle
 * of the unit tests.
 *
 *   sluice-long-cron [SEED [PROCESSES]]
 *
 * Of a line with at most 300 fires a day on average, every fire is compared. Of a denser one, those around each change
 * of the zone's clock and those of random days: between two changes all days are alike. After each fire the next is
 * asked for, and now and then after a moment between the two. Zones whose files have the same bytes are one.
 */
#include "cron.h"
#include "cron_lines.h"
#include "cron_oracle.h"
#include "date.h"

#include <ftw.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ZONES_MAX        2000
#define NAME_SIZE        64
#define FILE_MAX         65536
#define HOUR             INT64_C(3600)
#define DAY              INT64_C(86400)
#define FULL_PER_DAY     300    /* a line with as many fires on average, or fewer, is compared as a whole */
#define SAMPLE_FIRES     100000 /* of a denser one, on random days */
#define SAMPLE_DAYS_MIN  30
#define DIFFERENCES_TOLD 20

struct file {
    char name[NAME_SIZE];
    char *bytes;
    size_t len;
    bool seen; /* a zone before has the same bytes */
};

static struct file files[ZONES_MAX];
static size_t file_count;

static struct line {
    char text[CRON_LINE_SIZE];
    struct cron cron;
    struct oracle_line oracle;
    bool dense;
} lines[CRON_LINES];

/* What the processes share. */
static struct shared {
    _Atomic size_t next; /* file that nobody has looked at */
    _Atomic uint64_t fires, between, differences;
} * shared;

static int64_t first_second, end_second;

static void die(const char *what)
{
    perror(what);
    exit(2);
}

/* ---- Zones ---- */

static const char *zone_dir(void)
{
    const char *dir = getenv("TZDIR");
    return dir && *dir ? dir : "/usr/share/zoneinfo";
}

/* "posix" repeats the zones; "right" has them with leap seconds, which zone_open() refuses. */
static int see_file(const char *path, const struct stat *sb, int type, struct FTW *where)
{
    const char *name = path + strlen(zone_dir()) + 1;
    (void)sb;
    (void)where;
    if ((type != FTW_F && type != FTW_SL) || strncmp(name, "posix/", 6) == 0 || strncmp(name, "right/", 6) == 0)
        return 0;
    FILE *f = fopen(path, "r");
    struct file *file = &files[file_count];
    char *bytes = malloc(FILE_MAX);
    if (!f || !bytes || file_count == ZONES_MAX)
        die(path);
    size_t len = fread(bytes, 1, FILE_MAX, f);
    fclose(f);
    if (len < 4 || memcmp(bytes, "TZif", 4) != 0) {
        free(bytes);
        return 0;
    }
    *file = (struct file){.bytes = bytes, .len = len};
    snprintf(file->name, sizeof file->name, "%s", name);
    for (size_t i = 0; i < file_count && !file->seen; i++)
        file->seen = files[i].len == len && memcmp(files[i].bytes, bytes, len) == 0;
    file_count++;
    return 0;
}

/* ---- One line in one zone ---- */

struct comparison {
    const struct line *line;
    const struct zone *zone;
    const char *zone_name;
    int64_t at; /* the last fire that both sides have found */
    uint64_t seed;
    uint64_t fires, between;
};

static bool differs(const struct comparison *c, int64_t after, int64_t ours, int64_t theirs)
{
    if (shared->differences++ < DIFFERENCES_TOLD)
        fprintf(stderr, "%s in %s after %lld: cron_next() says %lld, the oracle %lld\n", c->line->text, c->zone_name,
                (long long)after, (long long)ours, (long long)theirs);
    return false;
}

static bool see_fire(void *context, int64_t at)
{
    struct comparison *c = context;
    int64_t fire = INT64_MAX;

    if (!cron_next(&c->line->cron, c->zone, c->at, &fire) || fire != at)
        return differs(c, c->at, fire, at);
    uint32_t random = cron_random(&c->seed);
    if (random % 16 == 0) {
        int64_t between = c->at + random / 16 % (at - c->at);
        fire = INT64_MAX;
        if (!cron_next(&c->line->cron, c->zone, between, &fire) || fire != at)
            return differs(c, between, fire, at);
        c->between++;
    }
    c->at = at;
    c->fires++;
    return true;
}

/* The fires from `from` on and before `end`, and that there are no more. */
static void compare_stretch(struct comparison *c, const struct oracle_clock *clock, int64_t from, int64_t end)
{
    int64_t fire;

    from = from > first_second ? from : first_second;
    end = end < end_second ? end : end_second;
    c->at = from - 1;
    if (from < end && oracle_walk(&c->line->oracle, clock, from, end, see_fire, c) &&
        cron_next(&c->line->cron, c->zone, c->at, &fire) && fire < end)
        differs(c, c->at, fire, INT64_MAX);
}

static void compare_samples(struct comparison *c, const struct oracle_clock *clock)
{
    int64_t around = c->line->oracle.time_count > 1440 ? 4 * HOUR : 36 * HOUR;
    size_t days = SAMPLE_FIRES / c->line->oracle.time_count;

    for (size_t i = 1; i < clock->count; i++)
        compare_stretch(c, clock, clock->list[i].from - around, clock->list[i].from + around);
    for (size_t i = 0; i < days || i < SAMPLE_DAYS_MIN; i++) {
        int64_t from = first_second + cron_random(&c->seed) % (end_second - first_second);
        compare_stretch(c, clock, from, from + DAY);
    }
}

static void compare_zone(const char *name, uint64_t seed)
{
    struct zone *zone = zone_open(name);
    struct oracle_clock clock;

    if (!zone) {
        fprintf(stderr, "%s does not open\n", name);
        shared->differences++;
        return;
    }
    oracle_clock_watch(&clock, name, first_second - 10 * DAY, end_second + 10 * DAY, HOUR);
    for (size_t i = 0; i < CRON_LINES; i++) {
        struct comparison c = {.line = &lines[i], .zone = zone, .zone_name = name, .seed = seed + i};
        if (lines[i].dense)
            compare_samples(&c, &clock);
        else
            compare_stretch(&c, &clock, first_second, end_second);
        shared->fires += c.fires;
        shared->between += c.between;
    }
    oracle_clock_free(&clock);
    zone_close(zone);
}

/* ---- All of them ---- */

/* Read the lines; returns how many of them are dense. */
static size_t read_lines(uint64_t seed)
{
    static char texts[CRON_LINES][CRON_LINE_SIZE];
    size_t dense = 0;

    cron_lines(texts, seed);
    for (size_t i = 0; i < CRON_LINES; i++) {
        struct err err = {0};
        size_t days = 0, all = (size_t)((end_second - first_second) / DAY);
        memcpy(lines[i].text, texts[i], CRON_LINE_SIZE);
        oracle_line_read(texts[i], &lines[i].oracle);
        if (cron_parse(texts[i], &lines[i].cron, &err)) {
            fprintf(stderr, "%s: %s\n", texts[i], err.msg);
            exit(2);
        }
        for (size_t day = 0; day < all; day++)
            days += oracle_day_matches(&lines[i].oracle, first_second / DAY + (int64_t)day);
        lines[i].dense = days * lines[i].oracle.time_count > all * FULL_PER_DAY;
        dense += lines[i].dense;
    }
    return dense;
}

static void work(uint64_t seed)
{
    for (size_t i; (i = shared->next++) < file_count;)
        if (!files[i].seen)
            compare_zone(files[i].name, seed + i * CRON_LINES);
}

/* False when a process ended badly. */
static bool work_in_processes(int count, uint64_t seed)
{
    bool good = true;

    for (int i = 0; i < count; i++) {
        pid_t pid = fork();
        if (pid < 0)
            die("fork");
        if (pid == 0) {
            work(seed);
            _exit(0);
        }
    }
    for (int i = 0, status; i < count; i++)
        good = wait(&status) > 0 && status == 0 && good;
    return good;
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    int processes = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 1;
    time_t start = time(NULL);
    size_t distinct = 0;

    first_second = date_days(2000, 1, 1) * DAY;
    end_second = date_days(2038, 1, 1) * DAY;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        die("mmap");
    if (nftw(zone_dir(), see_file, 16, FTW_PHYS) != 0)
        die(zone_dir());
    size_t dense = read_lines(seed);
    bool good = work_in_processes(processes, seed);
    for (size_t i = 0; i < file_count; i++)
        distinct += !files[i].seen;
    printf("cron: %zu zones (%zu distinct files), 2000 to 2037, %d lines (%zu of them dense: around changes and on "
           "random days), %llu fires and %llu moments between compared, %llu differences, %ld s, seed %llu\n",
           file_count, distinct, CRON_LINES, dense, (unsigned long long)shared->fires,
           (unsigned long long)shared->between, (unsigned long long)shared->differences, (long)(time(NULL) - start),
           (unsigned long long)seed);
    return good && distinct > 0 && shared->differences == 0 ? 0 : 1;
}
