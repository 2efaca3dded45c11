/* test_trail.c - what is put down comes out as lines, what does not fit is counted, and nobody waits for anybody. */
#include "policy_support.h"

#include "../../src/runtime/trail.h"

static const struct pyn_trail_peer peer = {7, "unix uid 0", "uid 0"};

static void put_name(struct pyn_trail *trail, struct pyn_view name)
{
    const struct pyn_verdict verdict = {.why = PYN_WHY_NAME};
    const struct pyn_decided decided = {
        .st = PYN_EDENIED, .name = name, .body = support_bytes("90 80"), .verdict = &verdict};
    pyn_trail_put(trail, &peer, &decided);
}

static struct pyn_buf lines_of(struct pyn_trail *trail, uint64_t *dropped)
{
    struct pyn_buf lines;
    uint64_t some = 0;
    pyn_buf_init(&lines, pyn_mem_default(), SIZE_MAX);
    *dropped = 0;
    pyn_trail_close(trail); /* it does not wait then */
    while (pyn_trail_take(trail, &lines, &some)) {
        *dropped += some;
    }
    return lines;
}

static size_t count_of(const struct pyn_buf *lines, uint8_t byte)
{
    struct pyn_view text = pyn_buf_view(lines);
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        count += text.data[i] == byte;
    }
    return count;
}

static void as_many_wait_as_there_is_room_for_and_the_rest_is_counted(void **state)
{
    for (uint32_t more = 0; more < 3; more++) {
        struct pyn_trail *trail = pyn_trail_new();
        uint64_t dropped = 0;
        for (uint32_t i = 0; i < PYN_TRAIL_ENTRIES - 1 + more; i++) {
            put_name(trail, pyn_view_of("gone"));
        }
        struct pyn_buf lines = lines_of(trail, &dropped);
        assert_int_equal(count_of(&lines, '\n'), more == 0 ? PYN_TRAIL_ENTRIES - 1 : PYN_TRAIL_ENTRIES);
        assert_int_equal(dropped, more == 2);
        pyn_buf_fini(&lines);
        pyn_trail_free(trail);
    }
}

static void what_is_taken_makes_room(void **state)
{
    struct pyn_trail *trail = pyn_trail_new();
    struct pyn_buf lines;
    uint64_t dropped = 0;
    pyn_buf_init(&lines, pyn_mem_default(), SIZE_MAX);
    for (uint32_t i = 0; i < PYN_TRAIL_ENTRIES; i++) {
        put_name(trail, pyn_view_of("gone"));
    }
    assert_true(pyn_trail_take(trail, &lines, &dropped));
    size_t taken = count_of(&lines, '\n');
    assert_true(taken > 0 && taken < PYN_TRAIL_ENTRIES);
    put_name(trail, pyn_view_of("gone"));
    pyn_buf_fini(&lines);
    lines = lines_of(trail, &dropped);
    assert_int_equal(count_of(&lines, '\n'), PYN_TRAIL_ENTRIES - taken + 1);
    assert_int_equal(dropped, 0);
    put_name(trail, pyn_view_of("late")); /* behind the end */
    pyn_buf_fini(&lines);
    pyn_trail_free(trail);
    pyn_trail_free(NULL);
}

static void a_line_is_whole_and_printable_whatever_is_in_it(void **state)
{
    char name[256];
    memset(name, '"', sizeof name);
    struct pyn_trail *trail = pyn_trail_new();
    uint64_t dropped = 0;
    put_name(trail, (struct pyn_view){(const uint8_t *)name, sizeof name});
    for (int byte = 0; byte < 256; byte++) {
        name[byte] = (char)byte;
    }
    put_name(trail, (struct pyn_view){(const uint8_t *)name, sizeof name});
    put_name(trail, (struct pyn_view){0});
    struct pyn_buf lines = lines_of(trail, &dropped);
    struct pyn_view text = pyn_buf_view(&lines);
    size_t ends = 0;
    for (size_t i = 0; i < text.len; i++) {
        ends += text.data[i] == '\n';
        assert_true(text.data[i] == '\n' || (text.data[i] >= 0x20 && text.data[i] <= 0x7e));
        assert_true(text.data[i] != '\n' || text.data[i - 1] == '}');
    }
    assert_int_equal(ends, 3);
    pyn_buf_fini(&lines);
    pyn_trail_free(trail);
}

/* An interface whose name is as long as a name may be shown, and longer; every quote in it takes two bytes. */
static void a_line_of_long_names_is_whole(void **state)
{
    static uint8_t long_name[4 * PYN_TRAIL_TEXT_MAX];
    memset(long_name, '"', sizeof long_name);
    const struct pyn_iface iface = {.name = {long_name, sizeof long_name}};
    const struct pyn_type type = {.kind = PYN_T_STR, .spelling = {long_name, sizeof long_name}};
    const struct pyn_op op = {.kind = PYN_OP_GET, .name = {long_name, 255}, .type = &type, .iface = &iface};
    const struct pyn_verdict verdict = {.op = &op};
    const struct pyn_decided decided = {.st = PYN_OK,
                                        .iface = &iface,
                                        .name = pyn_view_of("__getattr__"),
                                        .body = support_bytes("91 a1 61 80"),
                                        .verdict = &verdict};
    struct pyn_trail *trail = pyn_trail_new();
    uint64_t dropped = 0;
    pyn_trail_put(trail, &peer, &decided);
    struct pyn_buf lines = lines_of(trail, &dropped);
    struct pyn_view text = pyn_buf_view(&lines);
    assert_true(text.len < PYN_TRAIL_LINE_MAX && text.len > 4 * PYN_TRAIL_TEXT_MAX);
    assert_memory_equal(text.data + text.len - 3, "\"}\n", 3);
    pyn_buf_fini(&lines);
    pyn_trail_free(trail);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_wait_as_there_is_room_for_and_the_rest_is_counted),
        cmocka_unit_test(what_is_taken_makes_room),
        cmocka_unit_test(a_line_is_whole_and_printable_whatever_is_in_it),
        cmocka_unit_test(a_line_of_long_names_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
