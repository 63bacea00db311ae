/* worker.c - see worker.h. */
#include "worker.h"

#include "clock.h"
#include "keeper.h"
#include "orphans.h"
#include "parts.h"
#include "reading.h"
#include "redact.h"
#include "scan.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

static volatile sig_atomic_t stop;

static void on_term(int signal)
{
    (void)signal;
    stop = 1;
}

static bool hide_secrets(const json_t *list)
{
    bool hidden = true;

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *secret = json_array_get(list, i);
        hidden = hidden && redact_add(json_string_value(secret), json_string_length(secret));
    }
    return hidden;
}

static int set_up(struct worker *w)
{
    struct sigaction term = {.sa_handler = on_term};

    w->stop = &stop;
    sigaction(SIGTERM, &term, NULL);
    db_mind_stop(&stop);
    signal(SIGINT, SIG_IGN); /* a terminal's Ctrl-C is for the process that started us */
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* without the process that asked for it, a run ends as cancelled */
    for (int fd = SPEC_FD_CONNECTOR; fd <= SPEC_FD_EVENTS; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    w->events = SPEC_FD_EVENTS;
    w->in.fd = w->out.fd = w->chatter.fd = -1;
    orphans_adopt();
    int rc = keeper_fork(w); /* before anything is open */
    if (rc)
        return rc;
    w->spec = spec_read(SPEC_FD_STORE, &w->err);
    if (!w->spec)
        return w->err.code;
    if (getppid() != (pid_t)spec_int(w->spec, "parent"))
        return err_set(&w->err, SLUICE_E_CANCELLED, "the process that asked for the run is gone");
    w->what = (int)spec_int(w->spec, "what");
    w->limit = spec_int(w->spec, "limit");
    int64_t deadline = spec_int(w->spec, "deadline_us");
    w->deadline = deadline ? clock_mono_us() + deadline : 0;
    w->ints = malloc(FRAME_INTS_MAX * sizeof(*w->ints));
    if (json_is_array(json_object_get(w->spec, "partitions")))
        rc = parts_new(json_object_get(w->spec, "partitions"), &w->parts, &w->err);
    else
        close(SPEC_FD_CONNECTOR); /* nobody starts the child again */
    if (rc)
        return rc;
    if (!w->ints || !hide_secrets(json_object_get(w->spec, "store_secrets")))
        return err_set(&w->err, E_SYSTEM, "out of memory");
    return SLUICE_OK;
}

/* A stream without partitions, or one partition; or no run at all, for the reason `rc`. */
static void run_one(struct worker *w, int rc)
{
    if (!rc)
        rc = reading_conduct(w);
    w->stumbled = rc < 0;
    if (rc < 0 && w->end == END_NONE)
        w->end = stop ? END_CANCELLED : END_FAIL;
    keeper_stop(w);
    outcome_finish(w);
}

int worker_main(void)
{
    static struct worker w; /* large, and lives as long as the process */

    if (fcntl(SPEC_FD_EVENTS, F_GETFD) < 0) {
        fputs("sluice: worker is started by sluice itself; `sluice run JOB` runs a job\n", stderr);
        return err_exit_code(E_USAGE);
    }
    int rc = set_up(&w);

    if (!rc && w.parts)
        parts_conduct(&w);
    else
        run_one(&w, rc);
    scans_close(w.scans);
    sink_close(&w.sink);
    db_close(w.db);
    run_free(&w.run);
    parts_free(w.parts);
    buf_free(&w.hello);
    plan_free(&w.plan);
    frame_in_free(&w.in);
    buf_free(&w.out.buf);
    json_decref(w.spec);
    free(w.ints);
    return 0; /* how the run ended is in its result */
}
