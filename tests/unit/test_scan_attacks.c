/*
 * test_scan_attacks.c - what becomes of each attack of tests/vectors/msgpack_attacks.json in the scanner and the grammar?
 *
 * A vector is a list of parts, each some hex and how often it stands. "close" must end the connection here; "ok", "deny" and "exc" are
 * well formed, and what is above decides; of "any-but-crash" the table below says which it is.
 */
#include "splits.h"

#include <jansson.h>
#include <stdlib.h>

#include "../../src/wire/message.h"

static struct pyn_limits limits;

static const struct {
    const char *id;
    bool is_closed;
    const char *why;
} decided[] = {
    {"H13", false, "a name in an over-long form is that name"},
    {"H13.1", false, "likewise"},
    {"H13.2", false, "likewise"},
    {"H13.3", false, "args in an over-long form"},
    {"H13.4", false, "likewise"},
    {"H13.5", false, "kwargs in an over-long form"},
    {"H13.6", false, "likewise"},
    {"H15", true, "a key that is true"},
    {"H15.1", true, "a key that stands twice"},
    {"H23", true, "more elements than a message may have"},
    {"H23.1", true, "likewise"},
    {"H23.2", true, "likewise"},
    {"H23.3", true, "likewise"},
    {"H23.4", true, "likewise"},
    {"H23.5", true, "likewise"},
};

static bool is_closed(const char *id, const char *verdict)
{
    if (strcmp(verdict, "any-but-crash") != 0) {
        return strcmp(verdict, "close") == 0;
    }
    for (size_t i = 0; i < SUPPORT_COUNT(decided); i++) {
        if (strcmp(decided[i].id, id) == 0) {
            return decided[i].is_closed;
        }
    }
    fail_msg("%s: not decided", id);
    return false;
}

static json_t *load_vectors(void)
{
    static const char path[] = PYN_TEST_VECTORS "/msgpack_attacks.json";
    json_error_t error;
    json_t *vectors = json_load_file(path, 0, &error);

    if (vectors == NULL) {
        fail_msg("%s: %s", path, error.text);
    }
    return vectors;
}

/* The bytes of a vector, with a newline behind them; to be freed. */
static struct pyn_view bytes_of(const json_t *vector)
{
    const json_t *parts = json_object_get(vector, "parts");
    uint8_t *bytes = NULL;
    size_t len = 0;

    for (size_t i = 0; i < json_array_size(parts); i++) {
        const json_t *part = json_array_get(parts, i);
        const char *hex = json_string_value(json_array_get(part, 0));
        size_t count = (size_t)json_integer_value(json_array_get(part, 1));
        size_t size = strlen(hex) / 2;
        bytes = realloc(bytes, len + size * count + 1);
        assert_non_null(bytes);
        for (size_t k = 0; k < count; k++) {
            len += support_hex(hex, bytes + len, size);
        }
    }
    bytes[len] = '\n';
    return (struct pyn_view){bytes, len + 1};
}

static pyn_status verdict_of(struct pyn_view bytes)
{
    struct pyn_message m;
    size_t len = 0;
    pyn_status st = splits_scan(bytes, &limits, NULL, 0, &len);

    return st == PYN_OK ? pyn_message_parse((struct pyn_view){bytes.data, len}, &m) : st;
}

static void every_attack_ends_as_it_must(void **state)
{
    json_t *vectors = load_vectors();
    size_t closed = 0;

    (void)state;
    for (size_t i = 0; i < json_array_size(vectors); i++) {
        const json_t *vector = json_array_get(vectors, i);
        const char *id = json_string_value(json_object_get(vector, "id"));
        enum pyn_class wanted = is_closed(id, json_string_value(json_object_get(vector, "verdict"))) ? PYN_CLASS_CLOSE
                                                                                                     : PYN_CLASS_OK;
        struct pyn_view bytes = bytes_of(vector);
        pyn_status st = verdict_of(bytes);
        if (pyn_status_class(st) != wanted) {
            fail_msg("%s (%s): %s", id, json_string_value(json_object_get(vector, "note")), pyn_status_name(st));
        }
        closed += wanted == PYN_CLASS_CLOSE;
        free((void *)(uintptr_t)bytes.data);
    }
    print_message("%zu vectors, %zu of them closed\n", json_array_size(vectors), closed);
    assert_true(json_array_size(vectors) > 200);
    json_decref(vectors);
}

static void every_attack_ends_the_same_for_every_split(void **state)
{
    json_t *vectors = load_vectors();

    (void)state;
    for (size_t i = 0; i < json_array_size(vectors); i++) {
        const json_t *vector = json_array_get(vectors, i);
        struct pyn_view bytes = bytes_of(vector);
        size_t len = 0;
        pyn_status st = splits_scan(bytes, &limits, NULL, 0, &len);
        splits_check(bytes, &limits, st, json_string_value(json_object_get(vector, "id")));
        free((void *)(uintptr_t)bytes.data);
    }
    json_decref(vectors);
}

/* What announces too much is closed at once, however little of it has come: H01, H03 and H05 without anything behind them. */
static void what_announces_too_much_is_not_waited_for(void **state)
{
    static const char *const announced[] = {
        "ddffffffff",
        "dcffff",
        "9400a46563686f ddffffffff",
        "9400a46563686f 91 dfffffffff",
        "9400a46563686f 91 dbffffffff",
        "9400a46563686f 91 c6ffffffff",
        "9400a46563686f 91 c9ffffffff",
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(announced); i++) {
        struct pyn_view bytes = support_bytes(announced[i]);
        size_t len = 0;
        pyn_status st = splits_scan(bytes, &limits, NULL, 0, &len);
        bool waits_for_code = i == 6; /* the sixth byte of an ext's head */
        assert_int_equal(pyn_status_class(st), waits_for_code ? PYN_CLASS_WAIT : PYN_CLASS_CLOSE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_attack_ends_as_it_must),
        cmocka_unit_test(every_attack_ends_the_same_for_every_split),
        cmocka_unit_test(what_announces_too_much_is_not_waited_for),
    };
    limits = PYN_LIMITS_DEFAULT;
    return cmocka_run_group_tests_name("scan_attacks", tests, NULL, NULL);
}
