/*
 * bench_admit.c - what admission costs: nanoseconds a call, the best of several rounds.
 *
 *     bench_admit [calls a round]
 */
#define _POSIX_C_SOURCE 199309L /* clock_gettime */

#include "../policy/policy.h"
#include "../src/wire/pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 100, CALLS = 20000 };

static const char json[] =
    "{\"interfaces\":{\"chat:Room\":{\"class\":\"chat:Room\",\"get\":{\"title\":\"str\"},\"methods\":{"
    "\"draw\":\"(x: int, y: int, color: 'blue'|'red'|str) -> none\",\"fetch\":\"(n: int=?) -> (str*)\","
    "\"history\":\"() -> (str*)\",\"login\":\"(name: str, password: str) -> bool\",\"members\":\"() -> (str*)\","
    "\"post\":\"(author: str, text: str) -> none\",\"rename\":\"(title: str) -> none\",\"tell\":\"(data, /) -> "
    "none\"}}},"
    "\"platform\":\"linux\",\"pynto-policy\":1,\"python\":\"3.11\",\"roots\":{\"lobby\":\"chat:Room\"}}";

static const struct pyn_iface *none_exported(void *ctx, uint64_t id)
{
    (void)ctx;
    (void)id;
    return NULL;
}

static const struct pyn_iface *none_described(void *ctx, uint32_t number)
{
    (void)ctx;
    (void)number;
    return NULL;
}

static double now_ns(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec * 1e9 + (double)at.tv_nsec;
}

static void measure(const struct pyn_iface *iface, const char *what, const char *name, const void *body, size_t len,
                    long calls)
{
    struct pyn_refs refs = {NULL, none_exported, none_described, 1024};
    struct pyn_view view = {body, len};
    struct pyn_view op = pyn_view_of(name);
    double best = 1e18;
    pyn_status st = PYN_EINTERNAL;
    for (int round = 0; round < ROUNDS; round++) {
        struct pyn_verdict verdict;
        double start = now_ns();
        for (long i = 0; i < calls; i++) {
            st = pyn_admit(iface, op, view, &refs, &verdict);
        }
        double took = (now_ns() - start) / (double)calls;
        best = took < best ? took : best;
    }
    printf("%-44s %6.1f ns  %s\n", what, best, pyn_status_name(st));
}

#define MEASURE(what, name, body) measure(room, what, name, body, sizeof(body) - 1, calls)

int main(int argc, char **argv)
{
    struct pyn_policy *policy = NULL;
    struct pyn_diag diag;
    long calls = argc > 1 ? strtol(argv[1], NULL, 10) : CALLS;
    if (calls <= 0 || pyn_policy_load(pyn_mem_default(), pyn_view_of(json), &policy, &diag) != PYN_OK) {
        fprintf(stderr, "bench_admit: %s\n", calls <= 0 ? "a number of calls is wanted" : diag.text);
        return EXIT_FAILURE;
    }
    const struct pyn_iface *room = pyn_policy_find(policy, pyn_view_of("chat:Room"));
    MEASURE("history()", "history", "\x90\x80");
    MEASURE("post(\"ada\", \"hello\")", "post",
            "\x92\xa3"
            "ada\xa5hello\x80");
    MEASURE("draw(1, 2, \"green\")", "draw", "\x93\x01\x02\xa5green\x80");
    MEASURE("post(author=\"ada\", text=\"hello\")", "post",
            "\x90\x82\xa6"
            "author\xa3"
            "ada\xa4text\xa5hello");
    MEASURE("room.title", "__getattr__", "\x91\xa5title\x80");
    MEASURE("tell(((1, 2), {\"a\": \"b\"}))", "tell",
            "\x91\x92\x92\x01\x02\x81\xa1"
            "a\xa1"
            "b\x80");
    MEASURE("an unknown name", "wipe_all", "\x90\x80");
    MEASURE("post(1, 2)", "post", "\x92\x01\x02\x80");
    pyn_policy_unref(policy);
    return EXIT_SUCCESS;
}
