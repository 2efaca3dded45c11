/*
 * A client's first line, its Host and its key, whatever stands in them: nothing is read beyond their ends, and what is let through is just what it should
 * be, byte by byte.
 */
#include "../../src/websocket/upgrade.c"
#include "proof.h"

enum { BYTES = 17, HOST = 10 };

static void prove_line(void)
{
    static const char wanted[] = "GET /a HTTP/1.1";
    const struct pyn_websocket_config config = {.path = "/a"};
    uint8_t block[BYTES];
    const size_t len = nondet_size_to(BYTES);
    const uint8_t *line = LAST_BYTES(block, len);
    const size_t any = nondet_size_to(sizeof wanted - 2);
    const unsigned status = check_line(&config, (struct pyn_view){line, len});

    PROVE(status == 0 || status == 400 || status == 404 || status == 405, "a status of its own");
    PROVE(status != 0 || (len == sizeof wanted - 1 && line[any] == (uint8_t)wanted[any]), "one line is right");
}

static void prove_host(void)
{
    uint8_t block[HOST];
    const size_t len = nondet_size_to(HOST);
    const uint8_t *host = LAST_BYTES(block, len);
    const size_t any = nondet_size();
    const struct pyn_view name = host_name((struct pyn_view){host, len});

    if (name.len > 0) {
        PROVE(name.data == host && name.len <= len, "a name is the front of the host");
        PROVE(name.len == len || (host[name.len] == ':' && len - name.len >= 2 && len - name.len <= 6),
              "behind which nothing stands but a port");
        PROVE(any <= name.len || any >= len || (host[any] >= '0' && host[any] <= '9'), "of digits");
        PROVE(host[0] != '[' || host[name.len - 1] == ']', "an address in brackets is whole");
        PROVE(host[0] == '[' || any >= name.len || host[any] != ':', "and any other name has no colon in it");
    }
}

static void prove_key(void)
{
    uint8_t block[PYN_KEY_LEN + 1];
    const size_t len = nondet_size_to(PYN_KEY_LEN + 1);
    const uint8_t *key = LAST_BYTES(block, len);
    const size_t any = nondet_size_to(PYN_KEY_LEN - 1);

    if (is_key((struct pyn_view){key, len})) {
        const uint8_t byte = key[any];
        PROVE(len == PYN_KEY_LEN, "a key is as long as one");
        PROVE(any >= PYN_KEY_LEN - 2 ? byte == '='
                                     : (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                                           (byte >= '0' && byte <= '9') || byte == '+' || byte == '/',
              "of digits of base64, and two signs of equality");
        PROVE(any != PYN_KEY_LEN - 3 || byte == 'A' || byte == 'Q' || byte == 'g' || byte == 'w', "of 16 bytes");
    }
}

int main(void)
{
    switch (nondet_u8() % 3) {
    case 0:
        prove_line();
        break;
    case 1:
        prove_host();
        break;
    default:
        prove_key();
        break;
    }
    return 0;
}
