/*
 * fuzz_admit.c - calls made of any bytes: never read out of bounds, decided alike each time, and denied alike when they are.
 *
 * The first byte chooses the interface, the second the operation's name, or that the name comes from the input as well.
 */
#include "../../policy/shape.h"

#include "sample.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* A name of the interface, one that the input holds, or a special one. */
static struct pyn_view choose_name(const struct pyn_iface *iface, uint8_t choice, struct pyn_view *rest)
{
    if (choice < iface->op_count) {
        return iface->ops[choice].name;
    }
    if (choice == 255 || choice == 254) {
        return pyn_view_of(choice == 255 ? "__getattr__" : "__setattr__");
    }
    size_t len = choice % 16 < rest->len ? choice % 16 : rest->len;
    struct pyn_view name = {rest->data, len};
    *rest = (struct pyn_view){rest->data + len, rest->len - len};
    return name;
}

static void check_verdict(const struct pyn_iface *iface, pyn_status st, const struct pyn_verdict *verdict)
{
    char text[64];
    memset(text, 0x7f, sizeof text);
    pyn_verdict_text(verdict, text, sizeof text);
    require(strnlen(text, sizeof text) < sizeof text);
    if (st == PYN_OK) {
        require(verdict->op != NULL && verdict->op->iface == iface && verdict->why == PYN_WHY_NONE);
        require((verdict->signature != NULL) == (verdict->op->kind == PYN_OP_METHOD));
    } else if (st == PYN_EARGS) {
        require(verdict->op != NULL && verdict->op->iface == iface && verdict->why != PYN_WHY_NONE);
    } else {
        require(st == PYN_EDENIED || st == PYN_EFORMAT);
        require(verdict->op == NULL && verdict->signature == NULL && verdict->param == NULL);
        require(verdict->why == PYN_WHY_NAME || verdict->why == PYN_WHY_REF);
    }
}

/* A line for the log, whatever the bytes are; and by it the same verdict, where there is one. */
static void check_shape(const struct pyn_iface *iface, struct pyn_view name, struct pyn_view body, pyn_status st)
{
    char text[PYN_SHAPE_TEXT_MAX];
    struct pyn_shape shape;
    bool is_read = pyn_view_is_equal(name, pyn_view_of("__getattr__"));
    bool is_written = pyn_view_is_equal(name, pyn_view_of("__setattr__"));
    memset(text, 0x7f, sizeof text);
    pyn_shape_write(body, 0, text);
    size_t len = strnlen(text, sizeof text);
    require(len < sizeof text && pyn_shape_read((struct pyn_view){(const uint8_t *)text, len}, &shape));
    for (size_t i = 0; i < len; i++) {
        require(text[i] >= 0x20 && text[i] <= 0x7e);
    }
    if (!is_read && !is_written && st != PYN_EFORMAT) {
        enum pyn_judgement found = pyn_judge(iface, PYN_OP_METHOD, name, &shape, (struct pyn_view){0});
        require(found == PYN_JUDGE_MAYBE || (found == PYN_JUDGE_YES) == (st == PYN_OK));
    }
    (void)pyn_shape_read(body, &shape); /* any bytes at all */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    require(sample_policy() != NULL);
    struct pyn_refs refs = {sample_policy(), sample_exported, sample_described, 1024};
    const struct pyn_iface *iface = pyn_policy_iface(sample_policy(), data[0] % pyn_policy_iface_count(sample_policy()));
    struct pyn_view rest = {data + 2, size - 2};
    struct pyn_view name = choose_name(iface, data[1], &rest);
    struct pyn_verdict first;
    struct pyn_verdict second;
    memset(&first, 0xff, sizeof first);
    memset(&second, 0, sizeof second);
    pyn_status st = pyn_admit(iface, name, rest, &refs, &first);
    require(pyn_admit(iface, name, rest, &refs, &second) == st);
    require(first.why == second.why && first.op == second.op && first.signature == second.signature &&
            first.param == second.param);
    check_verdict(iface, st, &first);
    check_shape(iface, name, rest, st);
    return 0;
}
