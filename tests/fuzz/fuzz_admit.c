/*
 * fuzz_admit.c - calls made of any bytes: never read out of bounds, decided alike each time, and denied alike when they are.
 *
 * The first byte chooses the interface, the second the operation's name, or that the name comes from the input as well.
 */
#include "../../policy/shape.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char sample[] =
    "{\n"
    " \"accepts\": {\n"
    "  \"chat:User\": [\"chat:Admin\"]\n"
    " },\n"
    " \"declared\": {\n"
    "  \"chat:Room\": {\n"
    "   \"post\": \"(self, author: str, text: str) -> None\"\n"
    "  }\n"
    " },\n"
    " \"enums\": {\n"
    "  \"chat:Color\": [\"GREEN\", \"RED\"]\n"
    " },\n"
    " \"errors\": {\n"
    "  \"builtins:KeyError\": \"type\",\n"
    "  \"chat:Full\": \"text\"\n"
    " },\n"
    " \"imports\": {\n"
    "  \"chat:Watcher\": {\n"
    "   \"facet\": true,\n"
    "   \"get\": {\n"
    "    \"mood\": \"enum chat:Color\"\n"
    "   },\n"
    "   \"methods\": {\n"
    "    \"joined\": \"(who: chat:User) -> none\",\n"
    "    \"other\": \"() -> chat:Watcher|none\",\n"
    "    \"tell\": \"(rec chat:Receipt, /) -> data\"\n"
    "   }\n"
    "  }\n"
    " },\n"
    " \"interfaces\": {\n"
    "  \"Sequence[chat:Message]\": {\n"
    "   \"class\": \"collections.abc:Sequence\",\n"
    "   \"methods\": {\n"
    "    \"__getitem__\": [\"(int, /) -> chat:Message\", \"(slice, /) -> Sequence[chat:Message]\"],\n"
    "    \"__len__\": \"() -> int\"\n"
    "   }\n"
    "  },\n"
    "  \"chat:Admin\": {\n"
    "   \"class\": \"chat:Admin\"\n"
    "  },\n"
    "  \"chat:Message\": {\n"
    "   \"class\": \"chat:Message\",\n"
    "   \"get\": {\n"
    "    \"at\": \"datetime\",\n"
    "    \"text\": \"str\"\n"
    "   },\n"
    "   \"methods\": {\n"
    "    \"__enter__\": \"() -> chat:Message\",\n"
    "    \"__exit__\": \"((str, str)|none, /) -> bool|none\"\n"
    "   }\n"
    "  },\n"
    "  \"chat:Reader\": {\n"
    "   \"facet\": true,\n"
    "   \"methods\": {\n"
    "    \"history\": \"() -> Sequence[chat:Message]\"\n"
    "   }\n"
    "  },\n"
    "  \"chat:Room\": {\n"
    "   \"class\": \"chat:Room\",\n"
    "   \"get\": {\n"
    "    \"title\": \"str\"\n"
    "   },\n"
    "   \"methods\": {\n"
    "    \"add\": \"(int, int=?, /, *rest: int, scale: float=?, **options: int) -> int\",\n"
    "    \"ask\": \"(who: chat:User, why: rec chat:Why=?) -> fn(data)->none\",\n"
    "    \"fetch\": \"async (n: int=?) -> (chat:Message*)\",\n"
    "    \"login\": \"(name: str, password: str) -> chat:Admin|chat:User|none\",\n"
    "    \"pick\": [\"(n: int) -> str\", \"(name: str, who: chat:User=?) -> str\", \"(*, key: data) -> none\"],\n"
    "    \"post\": \"(author: str, text: str) -> none\",\n"
    "    \"reader\": \"() -> chat:Reader\",\n"
    "    \"send\": \"(str, /, *, color: enum chat:Color=?, mode: 'later'|'now'=?) -> rec chat:Receipt\",\n"
    "    \"subscribe\": \"(callback: fn(chat:Message)->none) -> fn()->none\",\n"
    "    \"watch\": \"(watcher: chat:Watcher) -> async fn(str=?)->{int|none}\"\n"
    "   },\n"
    "   \"set\": {\n"
    "    \"friend\": \"chat:User|none\",\n"
    "    \"title\": \"str\"\n"
    "   }\n"
    "  },\n"
    "  \"chat:User\": {\n"
    "   \"class\": \"chat:User\",\n"
    "   \"methods\": {\n"
    "    \"name\": \"() -> str\"\n"
    "   }\n"
    "  }\n"
    " },\n"
    " \"platform\": \"linux\",\n"
    " \"pynto-policy\": 1,\n"
    " \"python\": \"3.11\",\n"
    " \"records\": {\n"
    "  \"chat:Receipt\": {\n"
    "   \"at\": \"datetime\",\n"
    "   \"no\": \"int\",\n"
    "   \"tags\": \"frozenset[str]=?\"\n"
    "  },\n"
    "  \"chat:Why\": {\n"
    "   \"more\": \"copy list[rec chat:Why]|none\",\n"
    "   \"text\": \"str\",\n"
    "   \"what\": \"data\"\n"
    "  }\n"
    " },\n"
    " \"roots\": {\n"
    "  \"hook\": \"fn(rec chat:Why)->none\",\n"
    "  \"lobby\": \"chat:Room\"\n"
    " }\n"
    "}\n";

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static struct pyn_policy *policy(void)
{
    static struct pyn_policy *loaded;
    struct pyn_diag diag;
    if (loaded == NULL) {
        require(pyn_policy_load(pyn_mem_default(), pyn_view_of(sample), &loaded, &diag) == PYN_OK);
    }
    return loaded;
}

static const struct pyn_iface *exported(void *ctx, uint64_t id)
{
    return id < 8 ? pyn_policy_iface(ctx, (uint32_t)id) : NULL;
}

static const struct pyn_iface *described(void *ctx, uint32_t number)
{
    return pyn_policy_iface(ctx, number);
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
    struct pyn_refs refs = {policy(), exported, described, 1024};
    const struct pyn_iface *iface = pyn_policy_iface(policy(), data[0] % pyn_policy_iface_count(policy()));
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
