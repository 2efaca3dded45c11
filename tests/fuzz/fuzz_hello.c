/*
 * fuzz_hello.c - what can be said ahead of a hello, or in its place, to a server and to a client?
 *
 * Input: one byte (its lowest bit: which end; the second: a good hello goes ahead of the bytes), one byte for the size of the pieces, then the bytes.
 * Properties: a server says nothing, and tells its host nothing, until a hello has come that it can read; then it tells of one hello and of nothing else until it
 * is answered. A client has no root ahead of a hello. What closes says so once and stays closed. The end and the events are the same however the bytes are cut.
 */
#include <stdlib.h>

#include "../../src/session/session.h"
#include "../../src/wire/message.h"

enum { EVENTS_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    pyn_status st;
    size_t hellos;
    size_t events;
    size_t said;
};

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void put(struct pyn_session *session, struct pyn_view bytes)
{
    while (bytes.len > 0) {
        size_t taken = 0;
        if (pyn_session_put(session, bytes, &taken) != PYN_OK || taken == 0) {
            return; /* it is over, or waits to be answered */
        }
        bytes.data += taken;
        bytes.len -= taken;
    }
}

static void release(struct pyn_session *session, struct pyn_event *event)
{
    if (event->kind == PYN_EV_CALL) {
        pyn_session_call_free(session, event->call);
    } else if (event->kind == PYN_EV_ANSWER) {
        pyn_session_answer_free(session, event->answer);
    }
}

static void look(struct pyn_session *session, bool is_server, struct outcome *out)
{
    struct pyn_event event;

    while (out->events < EVENTS_MAX && (out->st = pyn_session_next(session, 1000, &event)) == PYN_OK) {
        out->events++;
        out->hellos += event.kind == PYN_EV_HELLO;
        if (is_server) {
            require(event.kind == PYN_EV_HELLO || event.kind == PYN_EV_GOODBYE);
            require(event.kind != PYN_EV_HELLO || event.root_name.len <= PYN_NAME_MAX);
        } else {
            require(event.kind != PYN_EV_HELLO);
        }
        release(session, &event);
    }
    require(!is_server || out->hellos <= 1);
    require(!is_server || pyn_session_is_ready(session) == false);
}

static struct outcome play(bool is_server, struct pyn_view ahead, struct pyn_view bytes, size_t step)
{
    struct pyn_quotas quotas = pyn_quotas_default();
    struct pyn_session_config config = {
        .mem = pyn_mem_default(), .role = is_server ? PYN_ROLE_SERVER : PYN_ROLE_CLIENT, .quotas = &quotas, .now = 1000};
    struct pyn_session *session = NULL;
    struct outcome out = {.st = PYN_EWAIT};
    size_t began = 0;
    void *dead = NULL;

    quotas.limits.message_max = 4096;
    require(pyn_session_new(&config, &session) == PYN_OK);
    began = pyn_session_output(session).len;
    require((began == 0) == is_server);
    put(session, ahead);
    look(session, is_server, &out);
    while (bytes.len > 0 && out.st == PYN_EWAIT) {
        struct pyn_view piece = {bytes.data, bytes.len < step ? bytes.len : step};
        put(session, piece);
        look(session, is_server, &out);
        bytes.data += piece.len;
        bytes.len -= piece.len;
    }
    out.said = pyn_session_output(session).len - began;
    if (out.st == PYN_EWAIT) {
        require(!is_server || out.said == 0);
    } else if (out.st != PYN_OK) {
        struct pyn_event event;
        require(pyn_status_class(out.st) == PYN_CLASS_CLOSE || pyn_status_class(out.st) == PYN_CLASS_BROKEN);
        require(pyn_session_next(session, 1000, &event) == out.st);
        require(pyn_session_output(session).len - began == out.said);
    }
    pyn_session_abandon(session);
    while ((dead = pyn_session_reap(session)) != NULL) {
        (void)dead;
    }
    pyn_session_free(session);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pyn_buf buf;
    struct pyn_view ahead = {0};
    struct pyn_view bytes;
    struct outcome whole;
    struct outcome cut;

    if (size < 2) {
        return 0;
    }
    pyn_buf_init(&buf, pyn_mem_default(), 4096);
    if ((data[0] & 2) != 0) {
        struct pyn_quotas quotas = pyn_quotas_default();
        require(pyn_message_hello(&buf, NULL, &quotas.limits, 0) == PYN_OK);
        ahead = pyn_buf_view(&buf);
    }
    bytes = (struct pyn_view){data + 2, size - 2};
    whole = play((data[0] & 1) != 0, ahead, bytes, SIZE_MAX);
    cut = play((data[0] & 1) != 0, ahead, bytes, 1u + data[1]);
    require(whole.st == cut.st && whole.hellos == cut.hellos && whole.events == cut.events && whole.said == cut.said);
    pyn_buf_fini(&buf);
    return 0;
}
