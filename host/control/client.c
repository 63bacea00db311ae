/* client.c - see client.h. */
#include "client.h"

#include "buf.h"
#include "late_curl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX ((size_t)64 << 20)

static size_t take(char *bytes, size_t size, size_t count, void *context)
{
    return buf_add(context, bytes, size * count) ? size * count : 0;
}

static int explain(CURL *curl, CURLcode code, const char *socket, int64_t timeout_us, struct err *err)
{
    long number = 0;

    curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &number);
    if (code == CURLE_COULDNT_CONNECT && (number == EACCES || number == EPERM))
        return err_set(err, E_STORE, "%s may not be used by this user: only root and the group of the daemon may",
                       socket);
    if (code == CURLE_COULDNT_CONNECT)
        return err_set(err, E_STORE, "nobody listens at %s: is `sluice serve` running?", socket);
    if (code == CURLE_OPERATION_TIMEDOUT)
        return err_set(err, E_STORE, "the daemon at %s did not answer within %lld seconds", socket,
                       (long long)(timeout_us / 1000000));
    return err_set(err, E_STORE, "the daemon at %s: %s", socket, curl_easy_strerror(code));
}

static int perform(CURL *curl, const char *socket, int64_t timeout_us, int *status, struct err *err)
{
    long number = 0;
    CURLcode code = curl_easy_perform(curl);

    if (code != CURLE_OK)
        return explain(curl, code, socket, timeout_us, err);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &number);
    *status = (int)number;
    return SLUICE_OK;
}

int client_call(const char *socket, const char *method, const char *path, const json_t *body, int64_t timeout_us,
                int *status, json_t **answer, struct err *err)
{
    struct buf url = {0}, received = {.max = ANSWER_MAX};
    struct curl_slist *headers = NULL;
    int rc = late_curl_load(err);

    if (rc)
        return rc;
    CURL *curl = curl_easy_init();
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    buf_printf(&url, "http://localhost%s", path);
    headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (!curl || (body && !text) || url.failed || !headers) {
        rc = err_set(err, E_SYSTEM, "out of memory");
        goto out;
    }
    curl_easy_setopt(curl, CURLOPT_URL, buf_text(&url));
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(timeout_us / 1000));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &received);
    if (text) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, text);
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    }
    rc = perform(curl, socket, timeout_us, status, err);
    if (!rc)
        *answer = json_loadb(buf_text(&received), received.len, JSON_DECODE_ANY, NULL);
out:
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    free(text);
    buf_free(&url);
    buf_free(&received);
    return rc;
}
