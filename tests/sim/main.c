/* sluice-sim: options and life of the simulator. */
#include "ploomes.h"
#include "records.h"
#include "sabito.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

static const char usage[] =
    "usage: sluice-sim [options]\n"
    "Plays the source systems on loopback, with generated records and scripted faults.\n"
    "  --listen HOST:PORT     default 127.0.0.1:0 (any free port)\n"
    "  --port-file FILE       write the port there\n"
    "  --customers N          generated customers, default 1000\n"
    "  --suppliers N          generated suppliers, default 200\n"
    "  --deals N, --contacts N   generated rows of Ploomes, default 1000 and 200\n"
    "  --referred N           generated customers of each of Sabito's businesses b-01 to b-03, default 250\n"
    "  --seed N               of the generated records, default 1\n"
    "  --username, --password, --company TEXT   what requests must carry, default demo, demo, 1000\n"
    "  --user-key TEXT        what requests to Ploomes must carry, default demo-key\n"
    "  --api-key TEXT         what requests to Sabito must carry, default demo-key\n"
    "  --rate N               requests to Ploomes a minute, default 0: no limit\n"
    "  --charset NAME         of the answers, default windows-1253\n"
    "  --escape               characters that the charset lacks as \\uXXXX, not '?'\n"
    "  --clock real|TIME      TIME (\"2026-02-10 09:20:03\") stands still until /_sim/clock moves it\n"
    "  --timezone NAME        of the source, default Europe/Athens\n"
    "  --window SECONDS       length of the window, default 600\n"
    "  --deliver window|all   all: a windowed call gives all records\n"
    "  --prebuild             render the records once; implies --deliver all\n"
    "  --delay-ms N           wait before each answer\n"
    "  --edit-every SECONDS   edit one record in two hundred, when that much time has passed\n"
    "  --fault NAME           for every answer that is not scripted\n"
    "  --die-with-parent      end when the program that started this one ends\n";

enum {
    LISTEN = 256,
    PORT_FILE,
    CUSTOMERS,
    SUPPLIERS,
    DEALS,
    CONTACTS,
    REFERRED,
    USER_KEY,
    API_KEY,
    RATE,
    SEED,
    USERNAME,
    PASSWORD,
    COMPANY,
    CHARSET,
    ESCAPE,
    CLOCK,
    TIMEZONE,
    WINDOW,
    DELIVER,
    PREBUILD,
    DELAY,
    EDIT,
    FAULT,
    DIE,
    HELP
};

static const struct option names[] = {
    {"listen", required_argument, NULL, LISTEN},
    {"port-file", required_argument, NULL, PORT_FILE},
    {"customers", required_argument, NULL, CUSTOMERS},
    {"suppliers", required_argument, NULL, SUPPLIERS},
    {"deals", required_argument, NULL, DEALS},
    {"contacts", required_argument, NULL, CONTACTS},
    {"referred", required_argument, NULL, REFERRED},
    {"user-key", required_argument, NULL, USER_KEY},
    {"api-key", required_argument, NULL, API_KEY},
    {"rate", required_argument, NULL, RATE},
    {"seed", required_argument, NULL, SEED},
    {"username", required_argument, NULL, USERNAME},
    {"password", required_argument, NULL, PASSWORD},
    {"company", required_argument, NULL, COMPANY},
    {"charset", required_argument, NULL, CHARSET},
    {"escape", no_argument, NULL, ESCAPE},
    {"clock", required_argument, NULL, CLOCK},
    {"timezone", required_argument, NULL, TIMEZONE},
    {"window", required_argument, NULL, WINDOW},
    {"deliver", required_argument, NULL, DELIVER},
    {"prebuild", no_argument, NULL, PREBUILD},
    {"delay-ms", required_argument, NULL, DELAY},
    {"edit-every", required_argument, NULL, EDIT},
    {"fault", required_argument, NULL, FAULT},
    {"die-with-parent", no_argument, NULL, DIE},
    {"help", no_argument, NULL, HELP},
    {NULL, 0, NULL, 0},
};

static bool bad(const char *what, const char *value)
{
    fprintf(stderr, "sluice-sim: %s: %s\n%s", what, value, usage);
    return false;
}

static bool take_number(const char *text, uint32_t *out)
{
    char *end = NULL;
    unsigned long value = strtoul(text, &end, 10);
    if (end == text || *end || value > 100000000)
        return bad("not a number in range", text);
    *out = (uint32_t)value;
    return true;
}

static bool take_address(char *text, struct options *o)
{
    char *colon = strrchr(text, ':');
    if (!colon)
        return bad("not HOST:PORT", text);
    *colon = '\0';
    o->host = text;
    o->port = colon + 1;
    return true;
}

static bool take_deliver(const char *text, struct options *o)
{
    o->deliver_all = strcmp(text, "all") == 0;
    return o->deliver_all || strcmp(text, "window") == 0 || bad("not window or all", text);
}

static bool take_option(int option, char *value, struct options *o)
{
    switch (option) {
    case LISTEN:
        return take_address(value, o);
    case PORT_FILE:
        o->port_file = value;
        return true;
    case CUSTOMERS:
        return take_number(value, &o->customers);
    case SUPPLIERS:
        return take_number(value, &o->suppliers);
    case DEALS:
        return take_number(value, &o->deals);
    case CONTACTS:
        return take_number(value, &o->contacts);
    case REFERRED:
        return take_number(value, &o->referred);
    case USER_KEY:
        o->user_key = value;
        return true;
    case API_KEY:
        o->api_key = value;
        return true;
    case RATE:
        return take_number(value, &o->rate);
    case SEED:
        o->seed = strtoull(value, NULL, 10);
        return true;
    case USERNAME:
        o->username = value;
        return true;
    case PASSWORD:
        o->password = value;
        return true;
    case COMPANY:
        o->company = value;
        return true;
    case CHARSET:
        o->charset = value;
        return true;
    case ESCAPE:
        o->escape = true;
        return true;
    case CLOCK:
        o->clock = value;
        return true;
    case TIMEZONE:
        o->zone = value;
        return true;
    case WINDOW:
        return take_number(value, &o->window_s);
    case DELIVER:
        return take_deliver(value, o);
    case PREBUILD:
        o->prebuild = o->deliver_all = true;
        return true;
    case DELAY:
        return take_number(value, &o->delay_ms);
    case EDIT:
        return take_number(value, &o->edit_s);
    case FAULT:
        o->fault = value;
        return fault_known(value) || bad("no such fault", value);
    case DIE:
        return prctl(PR_SET_PDEATHSIG, SIGTERM) == 0;
    default:
        return false;
    }
}

static bool open_sim(struct sim *sim)
{
    setenv("TZ", sim->opt.zone, 1);
    tzset();
    sim->clock = clock_open(sim->opt.clock);
    if (!sim->clock)
        return bad("not a time", sim->opt.clock);
    sim->journal = journal_open();
    sim->scripts = scripts_open();
    sim->data = dataset_open(&sim->opt, clock_now(sim->clock));
    if (!sim->data)
        return bad("not a charset", sim->opt.charset);
    sim->ploomes = ploomes_open(&sim->opt);
    sim->sabito = sabito_open(&sim->opt, clock_now(sim->clock));
    return sim->journal && sim->scripts && sim->ploomes && sim->sabito;
}

static void close_sim(struct sim *sim)
{
    sabito_close(sim->sabito);
    ploomes_close(sim->ploomes);
    dataset_close(sim->data);
    scripts_close(sim->scripts);
    journal_close(sim->journal);
    clock_close(sim->clock);
}

int main(int argc, char **argv)
{
    struct sim sim = {.opt = {.host = "127.0.0.1",
                              .port = "0",
                              .username = "demo",
                              .password = "demo",
                              .company = "1000",
                              .charset = "windows-1253",
                              .clock = "real",
                              .zone = "Europe/Athens",
                              .customers = 1000,
                              .suppliers = 200,
                              .deals = 1000,
                              .contacts = 200,
                              .referred = 250,
                              .user_key = "demo-key",
                              .api_key = "demo-key",
                              .seed = 1,
                              .window_s = 600}};
    for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        if (option == HELP) {
            fputs(usage, stdout);
            return 0;
        }
        if (!take_option(option, optarg, &sim.opt))
            return 64;
    }
    if (optind < argc) {
        bad("unexpected", argv[optind]);
        return 64;
    }
    int rc = open_sim(&sim) ? server_run(&sim) : 1;
    close_sim(&sim);
    return rc;
}
