/* test_websocket_upgrade.c - is an upgrade agreed on when all of it is right, and only then? SHA-1 by its published vectors. */
#include "support.h"

#include <stdlib.h>

#include "../../src/websocket/sha1.h"
#include "../../src/websocket/upgrade.h"

/* ---- SHA-1 ---- */

static void assert_sha1(struct pyn_view bytes, const char *hex)
{
    uint8_t digest[PYN_SHA1_LEN];

    pyn_sha1(bytes, digest);
    assert_true(support_is_hex((struct pyn_view){digest, sizeof digest}, hex));
}

static void sha1_is_that_of_fips_180_and_rfc_3174(void **state)
{
    const size_t million = 1000000;
    uint8_t *letters = malloc(million);
    char eighty[81] = "";

    assert_sha1(pyn_view_of("abc"), "a9993e36 4706816a ba3e2571 7850c26c 9cd0d89d");
    assert_sha1(pyn_view_of(""), "da39a3ee 5e6b4b0d 3255bfef 95601890 afd80709");
    assert_sha1(pyn_view_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
                "84983e44 1c3bd26e baae4aa1 f95129e5 e54670f1");
    assert_sha1(
        pyn_view_of("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrs"
                    "mnopqrstnopqrstu"),
        "a49b2446 a02c645b f419f995 b6709125 3a04a259");
    for (int i = 0; i < 10; i++) {
        memcpy(eighty + i * 8, "01234567", 8);
    }
    assert_non_null(letters);
    for (size_t i = 0; i < 640; i += 80) {
        memcpy(letters + i, eighty, 80);
    }
    assert_sha1((struct pyn_view){letters, 640}, "dea356a2 cddd90c7 a7ecedc5 ebb56393 4f460452");
    memset(letters, 'a', million);
    assert_sha1((struct pyn_view){letters, million}, "34aa973c d4c4daa4 f61eeb2b dbad2731 6534016f");
    free(letters);
}

static void sha1_pads_at_every_length_around_a_block(void **state)
{
    /* of so many times the letter x, by another implementation */
    static const struct {
        size_t len;
        const char *hex;
    } cases[] = {
        {54, "31045e7bb077ff8d188a776b196b980388735dbb"}, {55, "cef734ba81a024479e09eb5a75b6ddae62e6abf1"},
        {56, "901305367c259952f4e7af8323f480d59f81335b"}, {63, "0ddc4e0cccd9a12850deb5abb0853a4425559fec"},
        {64, "bb2fa3ee7afb9f54c6dfb5d021f14b1ffe40c163"}, {65, "78c741ddc482e4cdf8c474a0876347a0905b6233"},
    };
    uint8_t text[65];

    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < SUPPORT_COUNT(cases); i++) {
        assert_sha1((struct pyn_view){text, cases[i].len}, cases[i].hex);
    }
}

static void the_accept_key_is_that_of_rfc_6455(void **state)
{
    char accept[PYN_ACCEPT_LEN + 1] = "";

    pyn_upgrade_accept("dGhlIHNhbXBsZSBub25jZQ==", accept);
    assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

/* ---- heads ---- */

static pyn_status find_end(const char *text, size_t *len)
{
    return pyn_http_find_end(pyn_view_of(text), 0, len);
}

static void the_end_of_a_head_is_found_and_no_other_byte_passes(void **state)
{
    static const struct {
        const char *text;
        pyn_status wanted;
        size_t len;
        const char *why;
    } cases[] = {
        {"", PYN_EWAIT, 0, "nothing"},
        {"GET / HTTP/1.1\r\n", PYN_EWAIT, 0, "no empty line yet"},
        {"GET / HTTP/1.1\r\n\r", PYN_EWAIT, 0, "not all of it"},
        {"GET / HTTP/1.1\r\n\r\n", PYN_OK, 18, "whole"},
        {"a: b\r\n\r\nmore\n", PYN_OK, 8, "what stands behind is not looked at"},
        {"\r\n\r\n", PYN_OK, 4, "of empty lines only"},
        {"GET /\n", PYN_EFORMAT, 0, "a bare LF"},
        {"GET /\r \n", PYN_EFORMAT, 0, "a bare CR"},
        {"GET /\r\r\n", PYN_EFORMAT, 0, "two CR"},
        {"\n", PYN_EFORMAT, 0, "a LF at once"},
        {"GET /\x01", PYN_EFORMAT, 0, "a control character"},
        {"GET /\x7f", PYN_EFORMAT, 0, "DEL"},
        {"GET /\xc3\xa9", PYN_EFORMAT, 0, "beyond ASCII"},
        {"a:\tb\r\n\r\n", PYN_OK, 8, "a tab"},
    };

    for (size_t i = 0; i < SUPPORT_COUNT(cases); i++) {
        size_t len = 99;
        pyn_status st = find_end(cases[i].text, &len);
        if (st != cases[i].wanted || len != cases[i].len) {
            fail_msg("%s: %s, %zu", cases[i].why, pyn_status_name(st), len);
        }
    }
}

static void a_head_has_a_greatest_length(void **state)
{
    static char text[PYN_HEAD_MAX + 2];
    size_t len = 0;

    for (size_t size = PYN_HEAD_MAX - 1; size <= PYN_HEAD_MAX + 1; size++) {
        memset(text, 'x', sizeof text);
        memcpy(text + size - 4, "\r\n\r\n", 4);
        assert_int_equal(pyn_http_find_end((struct pyn_view){(const uint8_t *)text, size}, 0, &len),
                         size <= PYN_HEAD_MAX ? PYN_OK : PYN_ESIZE);
    }
}

static void a_head_has_a_greatest_number_of_fields(void **state)
{
    static char text[PYN_HEAD_MAX];
    struct pyn_http_head head;

    for (size_t count = PYN_FIELDS_MAX - 1; count <= PYN_FIELDS_MAX + 1; count++) {
        size_t at = (size_t)snprintf(text, sizeof text, "GET / HTTP/1.1\r\n");
        for (size_t i = 0; i < count; i++) {
            at += (size_t)snprintf(text + at, sizeof text - at, "X-%zu: y\r\n", i);
        }
        (void)snprintf(text + at, sizeof text - at, "\r\n");
        assert_int_equal(pyn_http_parse(pyn_view_of(text), &head), count <= PYN_FIELDS_MAX ? PYN_OK : PYN_ESIZE);
    }
}

static void a_line_that_is_no_field_is_refused(void **state)
{
    static const char *const lines[] = {"no colon", ": no name", "blank : x", " folded: x",
                                        "\tfolded", "n@me: x",   "a b: x"};
    struct pyn_http_head head;
    char text[100];

    for (size_t i = 0; i < SUPPORT_COUNT(lines); i++) {
        (void)snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n", lines[i]);
        assert_int_equal(pyn_http_parse(pyn_view_of(text), &head), PYN_EFORMAT);
    }
    assert_int_equal(pyn_http_parse(pyn_view_of("GET / HTTP/1.1\r\nEmpty:\r\nA:  b c \t\r\n\r\n"), &head), PYN_OK);
    assert_int_equal(head.count, 2);
    assert_int_equal(head.fields[0].value.len, 0);
    assert_true(pyn_view_is_equal(head.fields[1].value, pyn_view_of("b c")));
}

/* ---- what a server takes ---- */

static const char *const hosts[] = {"chat.example"};
static const char *const origins[] = {"https://chat.example"};
static const struct pyn_websocket_config server = {
    .is_server = true, .path = "/chat", .hosts = {hosts, 1}, .origins = {origins, 1}, .message_max = 100};

#define LINE "GET /chat HTTP/1.1\r\n"
#define HOST "Host: 127.0.0.1:7117\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define PROTOCOL "Sec-WebSocket-Protocol: pynto.1\r\n"
#define REST UPGRADE VERSION KEY PROTOCOL

static unsigned check(const char *text, char key[PYN_KEY_LEN])
{
    struct pyn_http_head head;
    size_t len = 0;

    if (find_end(text, &len) != PYN_OK || pyn_http_parse(pyn_view_of(text), &head) != PYN_OK) {
        return 1;
    }
    return pyn_upgrade_check_request(&server, &head, key);
}

static void only_a_request_of_which_all_is_right_is_agreed_to(void **state)
{
    static const struct {
        const char *text;
        unsigned wanted;
        const char *why;
    } cases[] = {
        {LINE HOST REST "\r\n", 0, "as it should be"},
        {LINE "HOST: LOCALHOST\r\n" REST "\r\n", 0, "letters of either case, no port"},
        {LINE "Host: [::1]:7117\r\n" REST "\r\n", 0, "IPv6"},
        {LINE "Host: Chat.Example\r\n" REST "\r\n", 0, "a host of the list"},
        {LINE HOST "Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n" VERSION KEY PROTOCOL "\r\n", 0,
         "as Firefox does it"},
        {LINE HOST REST "Origin: https://chat.example\r\n\r\n", 0, "an origin of the list"},
        {LINE HOST REST "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=8\r\n\r\n", 0,
         "offers are left aside"},
        {LINE HOST REST "X-Forwarded-For: 127.0.0.1\r\n\r\n", 0, "and so is what a proxy says"},

        {LINE REST "\r\n", 400, "no Host"},
        {LINE HOST HOST REST "\r\n", 400, "two Hosts"},
        {LINE "Host: evil.example:7117\r\n" REST "\r\n", 421, "DNS rebinding"},
        {LINE "Host: 127.0.0.1.nip.io\r\n" REST "\r\n", 421, "DNS rebinding by a name that looks like an address"},
        {LINE "Host: localhost.evil.example\r\n" REST "\r\n", 421, "a name that begins like ours"},
        {LINE "Host: 127.0.0.1:7117:80\r\n" REST "\r\n", 421, "two ports"},
        {LINE "Host: 127.0.0.1:\r\n" REST "\r\n", 421, "an empty port"},
        {LINE "Host: 127.0.0.1:123456\r\n" REST "\r\n", 421, "a port too long"},
        {LINE "Host: 127.0.0.1@evil.example\r\n" REST "\r\n", 421, "user info"},
        {LINE "Host: 127.0.0.1, evil.example\r\n" REST "\r\n", 421, "a list"},
        {LINE "Host: localhost.\r\n" REST "\r\n", 421, "a dot at the end"},
        {LINE "Host: [::1\r\n" REST "\r\n", 421, "a bracket left open"},
        {LINE "Host: [::1]x\r\n" REST "\r\n", 421, "something behind the bracket"},
        {LINE "Host: ::1\r\n" REST "\r\n", 421, "IPv6 without brackets"},
        {LINE "Host: 0x7f.1\r\n" REST "\r\n", 421, "loopback in another spelling"},
        {LINE "Host:\r\n" REST "\r\n", 421, "an empty Host"},

        {LINE HOST REST "Origin: null\r\n\r\n", 403, "a sandboxed page or a file"},
        {LINE HOST REST "Origin: https://evil.example\r\n\r\n", 403, "another page"},
        {LINE HOST REST "Origin: http://chat.example\r\n\r\n", 403, "the same without TLS"},
        {LINE HOST REST "Origin: https://chat.example.evil.example\r\n\r\n", 403, "a page whose name begins like ours"},
        {LINE HOST REST "Origin:\r\n\r\n", 403, "an empty origin"},
        {LINE HOST REST "Origin: https://chat.example\r\nOrigin: https://evil.example\r\n\r\n", 403, "two origins"},
        {LINE HOST REST "Origin: http://127.0.0.1:7117\r\n\r\n", 403, "a page of this machine is a page, too"},

        {"GET http://127.0.0.1:7117/chat HTTP/1.1\r\n" HOST REST "\r\n", 400, "the absolute form"},
        {"GET * HTTP/1.1\r\n" HOST REST "\r\n", 400, "the asterisk form"},
        {"GET  /chat HTTP/1.1\r\n" HOST REST "\r\n", 400, "two blanks"},
        {"GET /chat  HTTP/1.1\r\n" HOST REST "\r\n", 400, "two blanks behind"},
        {"GET /chat HTTP/1.0\r\n" HOST REST "\r\n", 400, "HTTP/1.0"},
        {"GET /chat HTTP/2.0\r\n" HOST REST "\r\n", 400, "HTTP/2.0"},
        {"GET /chat\r\n" HOST REST "\r\n", 400, "HTTP/0.9"},
        {"get /chat HTTP/1.1\r\n" HOST REST "\r\n", 405, "methods have a case"},
        {"POST /chat HTTP/1.1\r\n" HOST REST "\r\n", 405, "another method"},
        {"GET /%2e%2e/admin HTTP/1.1\r\n" HOST REST "\r\n", 404, "an escaped path"},
        {"GET /%63hat HTTP/1.1\r\n" HOST REST "\r\n", 404, "our path, escaped"},
        {"GET /chat/ HTTP/1.1\r\n" HOST REST "\r\n", 404, "a slash more"},
        {"GET //chat HTTP/1.1\r\n" HOST REST "\r\n", 404, "two slashes"},
        {"GET /CHAT HTTP/1.1\r\n" HOST REST "\r\n", 404, "another case"},
        {"GET /chat?token=secret HTTP/1.1\r\n" HOST REST "\r\n", 404, "a query"},
        {"GET /chat#x HTTP/1.1\r\n" HOST REST "\r\n", 404, "a fragment"},
        {"\r\n" LINE HOST REST "\r\n", 1, "an empty line ahead"},
        {"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n" LINE HOST REST "\r\n", 1, "a PROXY header"},

        {LINE HOST "Connection: Upgrade\r\n" VERSION KEY PROTOCOL "\r\n", 426, "no Upgrade"},
        {LINE HOST "Upgrade: h2c\r\nConnection: Upgrade\r\n" VERSION KEY PROTOCOL "\r\n", 426, "another upgrade"},
        {LINE HOST "Upgrade: websocket\r\n" VERSION KEY PROTOCOL "\r\n", 426, "no Connection"},
        {LINE HOST "Upgrade: websocket\r\nConnection: close\r\n" VERSION KEY PROTOCOL "\r\n", 426, "another connection"},
        {LINE HOST UPGRADE "Sec-WebSocket-Version: 8\r\n" KEY PROTOCOL "\r\n", 426, "another version"},
        {LINE HOST UPGRADE VERSION VERSION KEY PROTOCOL "\r\n", 426, "the version twice"},
        {LINE HOST UPGRADE VERSION PROTOCOL "\r\n", 400, "no key"},
        {LINE HOST UPGRADE VERSION KEY KEY PROTOCOL "\r\n", 400, "two keys"},
        {LINE HOST UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n" PROTOCOL "\r\n", 400,
         "a key too short"},
        {LINE HOST UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==\r\n" PROTOCOL "\r\n", 400,
         "a key with bits too many"},
        {LINE HOST UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ===\r\n" PROTOCOL "\r\n", 400,
         "a key of 15 bytes"},
        {LINE HOST UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ_==\r\n" PROTOCOL "\r\n", 400,
         "another alphabet"},
        {LINE HOST UPGRADE VERSION KEY "\r\n", 400, "no protocol"},
        {LINE HOST UPGRADE VERSION KEY "Sec-WebSocket-Protocol: chat\r\n\r\n", 400, "another protocol"},
        {LINE HOST UPGRADE VERSION KEY "Sec-WebSocket-Protocol: pynto.1, chat\r\n\r\n", 400, "two protocols"},
        {LINE HOST UPGRADE VERSION KEY PROTOCOL PROTOCOL "\r\n", 400, "the protocol twice"},
        {LINE HOST REST "Content-Length: 5\r\n\r\n", 400, "a body"},
        {LINE HOST REST "Transfer-Encoding: chunked\r\n\r\n", 400, "a body in chunks"},
    };

    for (size_t i = 0; i < SUPPORT_COUNT(cases); i++) {
        char key[PYN_KEY_LEN];
        unsigned status = check(cases[i].text, key);
        if (status != cases[i].wanted) {
            fail_msg("%s: %u, not %u", cases[i].why, status, cases[i].wanted);
        }
        if (status == 0) {
            assert_memory_equal(key, "dGhlIHNhbXBsZSBub25jZQ==", PYN_KEY_LEN);
        }
    }
}

static void an_agreement_says_no_more_than_it_has_to(void **state)
{
    struct pyn_buf out;

    pyn_buf_init(&out, pyn_mem_default(), 1000);
    assert_int_equal(pyn_upgrade_answer("dGhlIHNhbXBsZSBub25jZQ==", &out), PYN_OK);
    assert_true(pyn_view_is_equal(
        pyn_buf_view(&out),
        pyn_view_of("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: pynto.1\r\n\r\n")));
    pyn_buf_fini(&out);
    assert_int_equal(pyn_upgrade_refuse(426, &out), PYN_OK);
    assert_true(
        pyn_view_is_equal(pyn_buf_view(&out),
                          pyn_view_of("HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\n"
                                      "Sec-WebSocket-Version: 13\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")));
    pyn_buf_fini(&out);
}

/* ---- what a client takes ---- */

static void zeros(void *out, size_t len)
{
    memset(out, 0, len);
}

static void a_client_asks_as_the_server_wants_it(void **state)
{
    const struct pyn_websocket_config client = {.path = "/chat", .host = "127.0.0.1:7117", .random = zeros};
    char key[PYN_KEY_LEN];
    char seen[PYN_KEY_LEN];
    struct pyn_http_head head;
    struct pyn_buf out;

    pyn_buf_init(&out, pyn_mem_default(), 1000);
    assert_int_equal(pyn_upgrade_ask(&client, key, &out), PYN_OK);
    assert_memory_equal(key, "AAAAAAAAAAAAAAAAAAAAAA==", PYN_KEY_LEN);
    assert_int_equal(pyn_http_parse(pyn_buf_view(&out), &head), PYN_OK);
    assert_int_equal(pyn_upgrade_check_request(&server, &head, seen), 0);
    assert_memory_equal(seen, key, PYN_KEY_LEN);
    pyn_buf_fini(&out);
}

#define AGREED "HTTP/1.1 101 Switching Protocols\r\n"
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

static void only_an_agreement_to_what_was_asked_is_taken_for_one(void **state)
{
    static const struct {
        const char *text;
        bool is_good;
        unsigned status;
        const char *why;
    } cases[] = {
        {AGREED UPGRADE ACCEPT PROTOCOL "\r\n", true, 101, "as it should be"},
        {"HTTP/1.1 101\r\n" UPGRADE ACCEPT PROTOCOL "\r\n", true, 101, "without a phrase"},
        {"HTTP/1.1 101 \r\nserver: x\r\nUPGRADE: WebSocket\r\nconnection: upgrade\r\n" ACCEPT PROTOCOL "\r\n", true,
         101, "in other letters"},
        {"HTTP/1.1 200 OK\r\n\r\n", false, 200, "a page"},
        {"HTTP/1.1 403 Forbidden\r\n" UPGRADE ACCEPT PROTOCOL "\r\n", false, 403,
         "a refusal that looks like an agreement"},
        {"HTTP/1.0 101 Switching Protocols\r\n" UPGRADE ACCEPT PROTOCOL "\r\n", false, 0, "HTTP/1.0"},
        {"HTTP/1.1 1010 x\r\n" UPGRADE ACCEPT PROTOCOL "\r\n", false, 0, "four digits"},
        {"HTTP/1.1 10\r\n" UPGRADE ACCEPT PROTOCOL "\r\n", false, 0, "two digits"},
        {"ICY 101\r\n" UPGRADE ACCEPT PROTOCOL "\r\n", false, 0, "no HTTP"},
        {AGREED "Connection: Upgrade\r\n" ACCEPT PROTOCOL "\r\n", false, 101, "no Upgrade"},
        {AGREED "Upgrade: websocket\r\n" ACCEPT PROTOCOL "\r\n", false, 101, "no Connection"},
        {AGREED UPGRADE PROTOCOL "\r\n", false, 101, "no key"},
        {AGREED UPGRADE "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" PROTOCOL "\r\n", false, 101,
         "another key"},
        {AGREED UPGRADE ACCEPT ACCEPT PROTOCOL "\r\n", false, 101, "the key twice"},
        {AGREED UPGRADE ACCEPT "\r\n", false, 101, "no protocol"},
        {AGREED UPGRADE ACCEPT "Sec-WebSocket-Protocol: pynto.2\r\n\r\n", false, 101, "another protocol"},
        {AGREED UPGRADE ACCEPT PROTOCOL "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", false, 101,
         "an extension"},
    };

    for (size_t i = 0; i < SUPPORT_COUNT(cases); i++) {
        struct pyn_http_head head;
        unsigned status = 999;
        const char *wrong = NULL;
        assert_int_equal(pyn_http_parse(pyn_view_of(cases[i].text), &head), PYN_OK);
        wrong = pyn_upgrade_check_answer(&head, "dGhlIHNhbXBsZSBub25jZQ==", &status);
        if ((wrong == NULL) != cases[i].is_good || status != cases[i].status) {
            fail_msg("%s: %s, %u", cases[i].why, wrong != NULL ? wrong : "taken", status);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha1_is_that_of_fips_180_and_rfc_3174),
        cmocka_unit_test(sha1_pads_at_every_length_around_a_block),
        cmocka_unit_test(the_accept_key_is_that_of_rfc_6455),
        cmocka_unit_test(the_end_of_a_head_is_found_and_no_other_byte_passes),
        cmocka_unit_test(a_head_has_a_greatest_length),
        cmocka_unit_test(a_head_has_a_greatest_number_of_fields),
        cmocka_unit_test(a_line_that_is_no_field_is_refused),
        cmocka_unit_test(only_a_request_of_which_all_is_right_is_agreed_to),
        cmocka_unit_test(an_agreement_says_no_more_than_it_has_to),
        cmocka_unit_test(a_client_asks_as_the_server_wants_it),
        cmocka_unit_test(only_an_agreement_to_what_was_asked_is_taken_for_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
