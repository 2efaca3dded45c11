/* session_peer.c - the peer of fuzz_session.c: raw bytes, and messages made of a few numbers. */
#include "session_world.h"

void peer_raw(struct world *w)
{
    size_t len = take(w);

    len = len < w->left ? len : w->left;
    struct pyn_view bytes = {w->program, len};
    w->program += len;
    w->left -= len;
    host_feed(w, bytes);
}

void peer_pack_body(struct world *w, struct pyn_buf *buf, uint8_t choice)
{
    static const char *const names[] = {"add", "add", "add", "child", "watch", "take", "sub", "add"};
    uint8_t a = take(w);

    (void)pyn_pack_str(buf, names[choice % 8], strlen(names[choice % 8]));
    switch (choice % 8) {
    case 3:
        (void)pyn_pack_array(buf, 0);
        break;
    case 4:
        (void)pyn_pack_array(buf, 1);
        (void)pyn_pack_mine(buf, a % 16, 0);
        break;
    case 5:
        (void)pyn_pack_array(buf, 1);
        (void)pyn_pack_yours(buf, a % 16);
        break;
    case 6:
        (void)pyn_pack_array(buf, 2);
        (void)pyn_pack_mine(buf, a % 16, 0);
        (void)pyn_pack_mine(buf, a % 4, 0);
        break;
    default:
        (void)pyn_pack_array(buf, choice == 7 ? 1 : 2);
        (void)pyn_pack_uint(buf, a);
        if (choice != 7) {
            (void)pyn_pack_uint(buf, 0);
        }
        break;
    }
    (void)pyn_pack_map(buf, 0);
}

/* Some name a step ahead of them, and now and then themselves. */
static void pack_step(struct world *w, struct pyn_buf *buf, uint32_t index)
{
    uint8_t choice = take(w);
    bool is_bad = choice == 0xff;
    uint32_t named = is_bad ? index : choice / 16 % (index > 0 ? index : 1);
    bool may_name = index > 0 || is_bad;
    bool is_take = choice & 4;

    (void)pyn_pack_array(buf, 4);
    if (may_name && choice & 1) {
        (void)pyn_pack_promise(buf, named);
    } else {
        (void)pyn_pack_uint(buf, 0);
    }
    if (!may_name || choice & 2) {
        peer_pack_body(w, buf, choice / 4 % 8);
        return;
    }
    (void)pyn_pack_str(buf, is_take ? "take" : "add", is_take ? 4 : 3);
    (void)pyn_pack_array(buf, is_take ? 1 : 2);
    (void)pyn_pack_promise(buf, named);
    if (!is_take) {
        (void)pyn_pack_uint(buf, take(w));
    }
    (void)pyn_pack_map(buf, 0);
}

static void pack_batch(struct world *w, struct pyn_buf *buf)
{
    uint32_t count = 1u + take(w) % 8;

    (void)pyn_pack_array(buf, 3);
    (void)pyn_pack_int(buf, PYN_M_BATCH);
    (void)pyn_pack_array(buf, count);
    for (uint32_t i = 0; i < count; i++) {
        pack_step(w, buf, i);
    }
    (void)pyn_pack_map(buf, 0);
    (void)pyn_pack_newline(buf);
}

static void pack_return(struct world *w, struct pyn_buf *buf)
{
    uint8_t choice = take(w);

    (void)pyn_pack_array(buf, 2);
    (void)pyn_pack_int(buf, PYN_M_RETURN);
    if (choice < 128) {
        (void)pyn_pack_uint(buf, choice);
    } else {
        (void)pyn_pack_mine(buf, choice % 8, choice % 64 / 8);
    }
}

/* With details or without, such as fit and such as do not. */
static void pack_error(struct pyn_buf *buf, unsigned choice)
{
    static const char *const keys[] = {"value", "fields", "causes", "errors", "yours", "beyond", "other"};
    const char *key = keys[choice / 2 % 6];

    (void)pyn_pack_array(buf, 2 + choice % 2);
    (void)pyn_pack_int(buf, PYN_M_ERROR);
    (void)pyn_pack_array(buf, 4);
    (void)pyn_pack_str(buf, choice % 3 == 0 ? "StopIteration" : "E", choice % 3 == 0 ? 13 : 1);
    (void)pyn_pack_str(buf, "e", 1);
    (void)pyn_pack_nil(buf);
    (void)pyn_pack_nil(buf);
    if (choice % 2 != 0) {
        (void)pyn_pack_map(buf, 1);
        (void)pyn_pack_str(buf, key, strlen(key));
        if (choice / 2 % 6 == 1) {
            (void)pyn_pack_map(buf, 1);
            (void)pyn_pack_str(buf, "f", 1);
        }
        (void)(choice % 5 == 0 ? pyn_pack_mine(buf, choice % 8, choice % 3) : pyn_pack_uint(buf, choice));
    }
    (void)pyn_pack_newline(buf);
}

static void pack_items(struct world *w, struct pyn_buf *buf)
{
    uint8_t choice = take(w);

    (void)pyn_pack_array(buf, 2);
    (void)pyn_pack_int(buf, PYN_M_ITEMS);
    (void)pyn_pack_array(buf, choice % 4);
    for (int i = 0; i < choice % 4; i++) {
        (void)(choice < 240 ? pyn_pack_uint(buf, choice) : pyn_pack_mine(buf, choice % 8, choice % 3));
    }
    (void)pyn_pack_newline(buf);
}

/* A call that is not answered. */
static void pack_oneway(struct world *w, struct pyn_buf *buf, uint8_t choice)
{
    (void)pyn_pack_array(buf, 6);
    (void)pyn_pack_int(buf, PYN_M_ASK);
    (void)pyn_pack_uint(buf, choice / 64);
    peer_pack_body(w, buf, take(w) % 8);
    (void)pyn_pack_map(buf, 1);
    (void)pyn_pack_str(buf, "oneway", 6);
    (void)pyn_pack_bool(buf, true);
    (void)pyn_pack_newline(buf);
}

static void pack_message(struct world *w, struct pyn_buf *buf)
{
    uint8_t choice = take(w);

    switch (choice % 8) {
    case 0:
    case 1:
    case 2:
        (void)pyn_pack_array(buf, 4);
        (void)pyn_pack_uint(buf, choice / 8 % 8);
        peer_pack_body(w, buf, choice / 64 + choice % 8 * 2);
        (void)pyn_pack_newline(buf);
        break;
    case 3:
        (void)pyn_message_lane(buf, choice / 8 % 8);
        break;
    case 4:
        (void)pyn_message_free(buf, choice / 8 % 16, choice / 128 + 1);
        break;
    case 5:
        (void)pyn_message_cancel(buf);
        break;
    case 6:
        pack_return(w, buf);
        (void)pyn_pack_newline(buf);
        break;
    default:
        if (choice & 8) {
            pack_batch(w, buf);
        } else if (choice & 16) {
            pack_items(w, buf);
        } else if (choice & 32) {
            pack_oneway(w, buf, choice);
        } else if (choice & 64) {
            (void)pyn_message_look(buf, choice / 128 + 1, pyn_view_of("m:Child"));
        } else {
            pack_error(buf, choice / 32);
        }
        break;
    }
}

void peer_message(struct world *w)
{
    struct pyn_buf buf;

    pyn_buf_init(&buf, pyn_mem_default(), SIZE_MAX);
    pack_message(w, &buf);
    host_feed(w, pyn_buf_view(&buf));
    pyn_buf_fini(&buf);
}

/* Some bytes of the second stream. */
void peer_part(struct world *w)
{
    uint8_t choice = take(w);
    struct pyn_view next;
    struct pyn_buf buf;

    if (choice & 1 || pyn_buf_len(&w->pending) == 0) {
        pack_message(w, &w->pending);
    }
    next = pyn_buf_view(&w->pending);
    next.len = next.len < choice / 2 ? next.len : choice / 2;
    pyn_buf_init(&buf, pyn_mem_default(), SIZE_MAX);
    (void)pyn_pack_array(&buf, 2);
    (void)pyn_pack_int(&buf, PYN_M_PART);
    (void)pyn_pack_bin_head(&buf, next.len);
    if (next.len > 0) {
        (void)pyn_buf_append(&buf, next.data, next.len);
    }
    (void)pyn_pack_newline(&buf);
    host_feed(w, pyn_buf_view(&buf));
    pyn_buf_consume(&w->pending, next.len);
    pyn_buf_fini(&buf);
}

void peer_hello(struct world *w)
{
    struct pyn_buf buf;

    pyn_buf_init(&buf, pyn_mem_default(), SIZE_MAX);
    (void)pyn_message_hello(&buf, NULL, NULL, 0);
    if (w->role == PYN_ROLE_CLIENT) {
        const struct pyn_iface *ifaces[] = {root_iface, child_iface};
        for (size_t i = 0; i < 2; i++) {
            (void)pyn_pack_array(&buf, 3);
            (void)pyn_pack_int(&buf, PYN_M_DESCRIBE);
            (void)pyn_pack_uint(&buf, ifaces[i]->index + 1);
            (void)pyn_buf_append(&buf, ifaces[i]->fragment.data, ifaces[i]->fragment.len);
            (void)pyn_pack_newline(&buf);
        }
        (void)pyn_pack_array(&buf, 2);
        (void)pyn_pack_int(&buf, PYN_M_RETURN);
        (void)pyn_pack_mine(&buf, 0, root_iface->index + 1);
        (void)pyn_pack_newline(&buf);
    }
    host_feed(w, pyn_buf_view(&buf));
    pyn_buf_fini(&buf);
}
