/* support.c - see support.h. */
#include "support.h"

#include <stdlib.h>

static void *counted_realloc(void *ctx, void *block, size_t size)
{
    struct support_mem *m = ctx;
    void *grown = NULL;

    if (size == 0) {
        m->live -= block != NULL;
        free(block);
        return NULL;
    }
    m->calls++;
    m->bytes = size;
    if (m->calls == m->fail_at || (m->fail_bigger_than != 0 && size > m->fail_bigger_than)) {
        return NULL;
    }
    grown = realloc(block, size);
    m->live += block == NULL && grown != NULL;
    return grown;
}

void support_mem_init(struct support_mem *m, size_t fail_at)
{
    *m = (struct support_mem){.mem = {counted_realloc, m}, .fail_at = fail_at};
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

size_t support_hex(const char *hex, uint8_t *out, size_t max)
{
    size_t len = 0;

    while (*hex != '\0') {
        if (*hex == ' ') {
            hex++;
            continue;
        }
        int high = hex_digit(hex[0]);
        int low = high < 0 ? -1 : hex_digit(hex[1]);
        if (low < 0 || len == max) {
            fail_msg("bad or too long hex at \"%.16s\"", hex);
        }
        out[len++] = (uint8_t)(high * 16 + low);
        hex += 2;
    }
    return len;
}

struct pyn_view support_bytes(const char *hex)
{
    static uint8_t rooms[4][4096];
    static size_t turn;
    uint8_t *room = rooms[turn++ % SUPPORT_COUNT(rooms)];

    return (struct pyn_view){room, support_hex(hex, room, sizeof(rooms[0]))};
}

static void print_view(const char *label, struct pyn_view view)
{
    print_error("%s", label);
    for (size_t i = 0; i < view.len; i++) {
        print_error("%02x", view.data[i]);
    }
    print_error("\n");
}

bool support_is_hex(struct pyn_view view, const char *hex)
{
    struct pyn_view wanted = support_bytes(hex);

    if (pyn_view_is_equal(view, wanted)) {
        return true;
    }
    print_view("got    ", view);
    print_view("wanted ", wanted);
    return false;
}

uint64_t support_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(0x2545F4914F6CDD1D);
}

size_t support_below(uint64_t *state, size_t below)
{
    return (size_t)((support_random(state) >> 11) % below);
}
