/* cmd_next.c - sluice next: the next fire times of a job. */
#include "cli.h"

#include "buf.h"
#include "clock.h"
#include "date.h"
#include "views.h"
#include "zone.h"

#include <stdio.h>
#include <string.h>

/* "2025-10-11 12:00:00 +03:00": the instant as the job's zone shows it. */
static void print_local(struct buf *out, const struct zone *zone, int64_t us)
{
    int32_t offset = zone_offset(zone, us / CLOCK_SECOND);
    int32_t minutes = (offset < 0 ? -offset : offset) / 60;

    buf_clear(out);
    date_print(out, us + offset * CLOCK_SECOND);
    out->len--; /* the Z of UTC */
    if (out->len > 10)
        out->ptr[10] = ' ';
    buf_printf(out, " %c%02d:%02d", offset < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

static void print_fires(const struct config_job *job, const json_t *fires)
{
    const char *heads[] = {job->timezone, "UTC"};
    struct cli_table *t = cli_table_new(2, heads);
    struct zone *zone = zone_open(job->timezone);
    struct buf local = {0};
    size_t i;
    const json_t *fire;

    json_array_foreach(fires, i, fire)
    {
        const char *utc = json_string_value(fire);
        int64_t us = 0;
        if (zone && date_parse((sluice_str){utc, strlen(utc)}, NULL, &us))
            print_local(&local, zone, us);
        const char *cells[] = {buf_text(&local), utc};
        cli_table_row(t, cells);
    }
    cli_table_print(t);
    buf_free(&local);
    zone_close(zone);
}

static int show_next(const struct cli *cli, const struct config_job *job, int64_t n)
{
    struct err err = {0};
    json_t *fires = view_fires(job, clock_wall_us(), n, &err);

    if (!fires)
        return cli_fail(&err);
    if (!job->enabled)
        fprintf(stderr, "sluice: %s is not enabled; it would run at\n", job->name);
    if (cli->json)
        return cli_print_json(json_pack("{s:s, s:s, s:o}", "job", job->name, "timezone", job->timezone, "next", fires));
    if (json_array_size(fires))
        print_fires(job, fires);
    else
        printf("%s has no schedule; it runs by `sluice run %s` only\n", job->name, job->name);
    json_decref(fires);
    return 0;
}

static int next_verb(struct cli *cli, int argc, char **argv)
{
    const char *n = "10";
    const struct cli_option options[] = {{"-n", &n, NULL}};
    struct config *config = NULL;
    int64_t number;
    int count = cli_parse(cli, &cli_verb_next, argc, argv, options, 1);

    if (count < 0)
        return count == -2 ? 0 : err_exit_code(E_USAGE);
    if (count != 1)
        return cli_usage("next takes one job; `sluice jobs` lists them");
    if (!cli_number("-n", n, 100000, &number))
        return err_exit_code(E_USAGE);
    int code = cli_load(cli, &config);
    if (code)
        return code;
    const struct config_job *job = cli_find_job(config, argv[1]);
    code = job ? show_next(cli, job, number) : err_exit_code(E_NOT_FOUND);
    config_free(config);
    return code;
}

const struct cli_verb cli_verb_next = {
    .name = "next",
    .usage = "JOB [-n 10]",
    .help = "the next fire times of a job",
    .text = "When the job's schedules fire, in its own time zone and in UTC.\n"
            "\n"
            "  -n N               how many (default 10)\n"
            "\n"
            "Example: sluice next erp.customers -n 3\n",
    .run = next_verb,
};
