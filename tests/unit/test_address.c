/* test_address.c - which texts are addresses, what they mean, and how they are spelled. */
#include "support.h"

#include "../../src/transport/transport.h"

static const char *spell(const struct pyn_address *address)
{
    static char text[PYN_ADDRESS_MAX + 32];

    pyn_address_text(address, text, sizeof(text));
    return text;
}

static bool parse(const char *text, struct pyn_address *out, struct pyn_fault *fault)
{
    return pyn_address_parse(pyn_view_of(text), out, fault);
}

static void what_is_an_address_is_spelled_canonically(void **state)
{
    static const struct {
        const char *text;
        const char *canonical;
    } good[] = {
        {"tcp://127.0.0.1:7117", "tcp://127.0.0.1:7117"},
        {"tcp://127.0.0.1:0", "tcp://127.0.0.1:0"},
        {"tcp://0.0.0.0:65535", "tcp://0.0.0.0:65535"},
        {"tcp://localhost:1", "tcp://localhost:1"},
        {"tcp://LocalHost:1", "tcp://localhost:1"},
        {"tcp://a-b.c_d.example.:80", "tcp://a-b.c_d.example.:80"},
        {"tcp://3f2a.example:80", "tcp://3f2a.example:80"},
        {"tcp://3f2a:80", "tcp://3f2a:80"},
        {"tcp://[::1]:80", "tcp://[::1]:80"},
        {"tcp://[0:0:0:0:0:0:0:1]:80", "tcp://[::1]:80"},
        {"tcp://[::]:80", "tcp://[::]:80"},
        {"tcp://[2001:DB8::A]:80", "tcp://[2001:db8::a]:80"},
        {"tcp://[::ffff:127.0.0.1]:80", "tcp://127.0.0.1:80"},
        {"tcp://[::FFFF:7f00:1]:80", "tcp://127.0.0.1:80"},
        {"ws://127.0.0.1:80", "ws://127.0.0.1:80/"},
        {"ws://127.0.0.1:80/", "ws://127.0.0.1:80/"},
        {"ws://LocalHost:80/A/b-c_d.e~f", "ws://localhost:80/A/b-c_d.e~f"},
        {"ws://[::1]:80/...x", "ws://[::1]:80/...x"},
        {"pynto+ws://[::1]:80", "pynto+ws://[::1]:80/"},
        {"pynto+ws://AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8@Host.example:80/"
         "Chat#AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
         "pynto+ws://AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8@host.example:80/Chat"},
        {"unix:///a", "unix:///a"},
        {"unix:///run/my server/~x%20/../y.sock", "unix:///run/my server/~x%20/../y.sock"},
        {"unix:///tmp/caf\xc3\xa9", "unix:///tmp/caf\xc3\xa9"},
        {"fd://0", "fd://0"},
        {"fd://2147483647", "fd://2147483647"},
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(good); i++) {
        struct pyn_address address;
        struct pyn_address again;
        struct pyn_fault fault = {""};

        if (!parse(good[i].text, &address, &fault)) {
            fail_msg("%s: %s", good[i].text, fault.text);
        }
        assert_string_equal(spell(&address), good[i].canonical);
        assert_true(parse(spell(&address), &again, &fault));
        assert_int_equal(again.scheme, address.scheme);
        assert_string_equal(spell(&again), good[i].canonical);
    }
}

static void an_address_of_the_channel_has_a_key_and_a_capability_which_is_never_spelled(void **state)
{
    static const char text[] = "pynto://AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8@Host.example:7117/"
                               "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
    struct pyn_address address;
    struct pyn_fault fault = {""};

    assert_true(parse(text, &address, &fault));
    assert_true(address.scheme == PYN_SCHEME_PYNTO && address.has_key && address.port == 7117);
    assert_true(address.key[1] == 1 && address.key[31] == 31);
    assert_true(address.capability_len == 32 && address.capability[0] == 1 && address.capability[31] == 1);
    assert_string_equal(spell(&address), "pynto://AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8@host.example:7117");
    assert_true(parse("pynto://[::1]:0", &address, &fault));
    assert_true(!address.has_key && address.capability_len == 0);
    assert_string_equal(spell(&address), "pynto://[::1]:0");
}

static void what_is_not_an_address_is_refused(void **state)
{
    static const struct {
        const char *text;
        const char *why; /* a part of the fault */
    } bad[] = {
        {"", "begins neither"},
        {"tcp", "begins neither"},
        {"tcp:/127.0.0.1:1", "begins neither"},
        {"TCP://127.0.0.1:1", "begins neither"},
        {" tcp://127.0.0.1:1", "begins neither"},
        {"udp://127.0.0.1:1", "begins neither"},
        {"pynto://key@127.0.0.1:1/secret", "not the key of a server"},
        {"pynto://@127.0.0.1:1", "not the key of a server"},
        {"pynto+ws://key@127.0.0.1:1/#AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "not the key of a server"},
        {"pynto+ws://AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8@127.0.0.1:1/chat#",
         "behind # in pynto+ws://key@host:port/path#capability is not a capability"},
        {"pynto+ws://AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8@127.0.0.1:1/chat#c2VjcmV0", "not a capability"},
        {"pynto+ws://AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8@127.0.0.1:1/"
         "chat#AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8#",
         "not a capability"},
        {"pynto+ws://AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8@127.0.0.1:1/"
         "chat?x#AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
         "a query in ws://"},
        {"pynto+ws://127.0.0.1:1/a@b", "not the key of a server"},
        {"pynto://AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8A@127.0.0.1:1", "not the key of a server"},
        {"pynto://AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9@127.0.0.1:1", "not the key of a server"},
        {"pynto://AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=@127.0.0.1:1", "not the key of a server"},
        {"pynto://AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg@127.0.0.1:1", "not the key of a server"},
        {"pynto://AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8@127.0.0.1:1/", "not a capability"},
        {"pynto://AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8@127.0.0.1:1/c2VjcmV0", "not a capability"},
        {"pynto://AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8@127.0.0.1:1/a/b", "not a capability"},
        {"pynto://AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8@127.0.0.1:1?x", "port"},
        {"pynto://AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8@127.0.0.1", "no port"},
        {"pynto://AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8@a@127.0.0.1:1", "user info"},
        {"/run/x", "begins neither"},
        {"127.0.0.1:1", "begins neither"},
        {"tcp://", "no port"},
        {"tcp://127.0.0.1", "no port"},
        {"tcp://[::1]", "no ']'"},
        {"tcp://[::1:80", "no ']'"},
        {"tcp://[::1]x:80", "no ']'"},
        {"tcp://[]:80", "no host"},
        {"tcp://:80", "no host"},
        {"tcp://127.0.0.1:", "port"},
        {"tcp://127.0.0.1:65536", "port"},
        {"tcp://127.0.0.1:4294967297", "port"},
        {"tcp://127.0.0.1:18446744073709551617", "port"},
        {"tcp://127.0.0.1:-1", "port"},
        {"tcp://127.0.0.1:+1", "port"},
        {"tcp://127.0.0.1: 1", "port"},
        {"tcp://127.0.0.1:1 ", "port"},
        {"tcp://127.0.0.1:01", "port"},
        {"tcp://127.0.0.1:0x1", "port"},
        {"tcp://127.0.0.1:http", "port"},
        {"tcp://127.0.0.1:1/", "port"},
        {"tcp://127.0.0.1:1/path", "port"},
        {"tcp://127.0.0.1:1?x=1", "port"},
        {"tcp://127.0.0.1:1#x", "port"},
        {"tcp://user@127.0.0.1:1", "user info"},
        {"tcp://user:secret@127.0.0.1:1", "user info"},
        {"tcp://127.0.0.1:1@10.0.0.1:1", "user info"},
        {"ws://127.0.0.1", "no port"},
        {"ws://127.0.0.1/x:80", "path"},
        {"ws://127.0.0.1:80/a//b", "path"},
        {"ws://127.0.0.1:80//", "path"},
        {"ws://127.0.0.1:80/a/", "path"},
        {"ws://127.0.0.1:80/./a", "path"},
        {"ws://127.0.0.1:80/a/..", "path"},
        {"ws://127.0.0.1:80/%61", "path"},
        {"ws://127.0.0.1:80/a b", "path"},
        {"ws://127.0.0.1:80/a#b", "path"},
        {"ws://127.0.0.1:80/a?b", "query"},
        {"ws://user:secret@127.0.0.1:80/a", "user info"},
        {"tcp://::1:80", "neither a name"},
        {"tcp://127.1:80", "neither a name"},
        {"tcp://0x7f.0.0.1:80", "neither a name"},
        {"tcp://0x7f000001:80", "neither a name"},
        {"tcp://2130706433:80", "neither a name"},
        {"tcp://0177.0.0.1:80", "neither a name"},
        {"tcp://127.0.0.01:80", "neither a name"},
        {"tcp://127.0.0.1.:80", "neither a name"},
        {"tcp://256.0.0.1:80", "neither a name"},
        {"tcp://.:80", "neither a name"},
        {"tcp://a..b:80", "neither a name"},
        {"tcp://.a:80", "neither a name"},
        {"tcp://-a:80", "neither a name"},
        {"tcp://a b:80", "neither a name"},
        {"tcp://a%2e:80", "neither a name"},
        {"tcp://*:80", "neither a name"},
        {"tcp://caf\xc3\xa9:80", "neither a name"},
        {"tcp://[127.0.0.1]:80", "not an IPv6"},
        {"tcp://[::1%lo]:80", "not an IPv6"},
        {"tcp://[::g]:80", "not an IPv6"},
        {"tcp://[localhost]:80", "not an IPv6"},
        {"unix://", "not absolute"},
        {"unix://run/x", "not absolute"},
        {"unix://./x", "not absolute"},
        {"unix://@abstract", "not absolute"},
        {"unix://localhost/run/x", "not absolute"},
        {"unix://~/x", "not absolute"},
        {"unix:///", "directory"},
        {"unix:///run/", "directory"},
        {"unix:///run/x?mode=0777", "'?'"},
        {"unix:///run/x#y", "'?' or '#'"},
        {"unix:///run/x\n", "control"},
        {"unix:///run/\x1b[2J", "control"},
        {"unix:///run/\x7f", "control"},
        {"tcp://127.0.0.1\t:1", "control"},
        {"fd://", "number"},
        {"fd://-1", "number"},
        {"fd://01", "number"},
        {"fd://3/", "number"},
        {"fd://x", "number"},
        {"fd://2147483648", "number"},
        {"fd://4294967299", "number"},
        {"fd://99999999999", "number"},
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(bad); i++) {
        struct pyn_address address = {.scheme = PYN_SCHEME_TCP};
        struct pyn_fault fault = {""};

        if (parse(bad[i].text, &address, &fault)) {
            fail_msg("%s was taken for %s", bad[i].text, spell(&address));
        }
        assert_int_equal(address.scheme, PYN_SCHEME_NONE);
        if (strstr(fault.text, bad[i].why) == NULL) {
            fail_msg("%s: \"%s\" does not say \"%s\"", bad[i].text, fault.text, bad[i].why);
        }
        assert_false(parse(bad[i].text, &address, NULL));
    }
}

static void a_fault_never_repeats_the_text(void **state)
{
    struct pyn_address address;
    struct pyn_fault fault = {""};

    (void)state;
    assert_false(parse("tcp://user:hunter2@127.0.0.1:1", &address, &fault));
    assert_null(strstr(fault.text, "hunter2"));
    assert_false(parse("pynto://key@127.0.0.1:1/hunter2", &address, &fault));
    assert_null(strstr(fault.text, "hunter2"));
}

static void a_nul_is_a_control_character_wherever_it_stands(void **state)
{
    static const char *const texts[] = {
        "\0unix:///a", "unix://\0abstract",    "unix:///a\0b",
        "unix:///a\0", "tcp://localhost\0:80", "tcp://localhost:80\0",
    };
    static const size_t lens[] = {11, 16, 12, 11, 19, 19};

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(texts); i++) {
        struct pyn_address address;
        struct pyn_fault fault = {""};
        struct pyn_view text = {(const uint8_t *)texts[i], lens[i]};

        assert_false(pyn_address_parse(text, &address, &fault));
        assert_non_null(strstr(fault.text, "control"));
    }
}

/* A text of exactly the length that is asked for, in memory of exactly that size, so that a sanitizer sees a step beyond it. */
static bool parses_at(const char *head, char fill, const char *tail, size_t len, struct pyn_address *address)
{
    struct pyn_fault fault = {""};
    char *text = test_malloc(len);
    size_t head_len = strlen(head);
    size_t tail_len = strlen(tail);

    memcpy(text, head, head_len);
    memset(text + head_len, fill, len - head_len - tail_len);
    memcpy(text + len - tail_len, tail, tail_len);
    bool is_good = pyn_address_parse((struct pyn_view){(const uint8_t *)text, len}, address, &fault);
    test_free(text);
    return is_good;
}

static void a_unix_path_may_have_107_bytes(void **state)
{
    struct pyn_address address;
    size_t scheme = strlen("unix://");

    (void)state;
    assert_true(parses_at("unix:///", 'a', "", scheme + 106, &address));
    assert_int_equal(strlen(address.path), 106);
    assert_true(parses_at("unix:///", 'a', "", scheme + 107, &address));
    assert_int_equal(strlen(address.path), 107);
    assert_false(parses_at("unix:///", 'a', "", scheme + 108, &address));
    assert_false(parses_at("unix:///", 'a', "", scheme + 109, &address));
}

static void a_host_may_have_255_bytes_and_a_label_63(void **state)
{
    struct pyn_address address;
    char text[300] = "tcp://";

    (void)state;
    assert_true(parses_at("tcp://", 'a', ":1", 6 + 63 + 2, &address));
    assert_false(parses_at("tcp://", 'a', ":1", 6 + 64 + 2, &address));
    for (size_t i = 0; i < 255; i++) {
        text[6 + i] = i % 32 == 31 ? '.' : 'a';
    }
    memcpy(text + 6 + 255, ":1", 3);
    assert_true(parse(text, &address, NULL));
    assert_int_equal(strlen(address.host), 255);
    memcpy(text + 6 + 255, "a:1", 4);
    assert_false(parse(text, &address, NULL));
}

static void an_address_may_have_512_bytes(void **state)
{
    struct pyn_address address;
    struct pyn_fault fault = {""};
    uint8_t text[513];

    (void)state;
    memset(text, 'a', sizeof(text));
    assert_false(pyn_address_parse((struct pyn_view){text, 512}, &address, &fault));
    assert_null(strstr(fault.text, "512"));
    assert_false(pyn_address_parse((struct pyn_view){text, 513}, &address, &fault));
    assert_non_null(strstr(fault.text, "512"));
}

static void a_short_room_cuts_the_text_and_terminates_it(void **state)
{
    struct pyn_address address;
    char text[8] = "xxxxxxx";

    (void)state;
    assert_true(parse("tcp://localhost:80", &address, NULL));
    pyn_address_text(&address, text, 7);
    assert_string_equal(text, "tcp://");
    pyn_address_text(&address, text, 1);
    assert_string_equal(text, "");
    text[0] = 'x';
    pyn_address_text(&address, text, 0);
    assert_int_equal(text[0], 'x');
    address = (struct pyn_address){0};
    pyn_address_text(&address, text, sizeof(text));
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_an_address_is_spelled_canonically),
        cmocka_unit_test(an_address_of_the_channel_has_a_key_and_a_capability_which_is_never_spelled),
        cmocka_unit_test(what_is_not_an_address_is_refused),
        cmocka_unit_test(a_fault_never_repeats_the_text),
        cmocka_unit_test(a_nul_is_a_control_character_wherever_it_stands),
        cmocka_unit_test(a_unix_path_may_have_107_bytes),
        cmocka_unit_test(a_host_may_have_255_bytes_and_a_label_63),
        cmocka_unit_test(an_address_may_have_512_bytes),
        cmocka_unit_test(a_short_room_cuts_the_text_and_terminates_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
