/*
 * policy_support.h - what the tests of policy/ share: a policy that uses everything, and small ones made of one piece.
 */
#ifndef PYN_TESTS_POLICY_SUPPORT_H
#define PYN_TESTS_POLICY_SUPPORT_H

#include "support.h"

#include "../../policy/policy.h"
#include "../../src/wire/pack.h"

#include <stdlib.h>

static const char policy_sample[] =
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

/* Loads what must load. */
static inline struct pyn_policy *policy_load(const char *json)
{
    struct pyn_policy *policy = NULL;
    struct pyn_diag diag = {{0}};
    pyn_status st = pyn_policy_load(pyn_mem_default(), pyn_view_of(json), &policy, &diag);
    if (st != PYN_OK) {
        print_message("%s\n", diag.text);
    }
    assert_int_equal(st, PYN_OK);
    assert_non_null(policy);
    return policy;
}

/*
 * A policy of one interface x:X with the operation m, the records x:P (hashable), x:T (a TypedDict), x:N (names itself), the enum x:E, the
 * import x:I, and the interfaces x:A, x:B (which conforms to x:A) and list[int]. member is "methods", "get" or "set".
 */
static inline void policy_of(char *json, size_t room, const char *member, const char *value)
{
    int len = snprintf(json, room,
                       "{\"accepts\":{\"x:A\":[\"x:B\"]},\"enums\":{\"x:E\":[\"GREEN\",\"RED\"]},"
                       "\"imports\":{\"x:I\":{\"facet\":true}},"
                       "\"interfaces\":{\"list[int]\":{\"class\":\"builtins:list\"},\"x:A\":{\"class\":\"x:A\"},"
                       "\"x:B\":{\"class\":\"x:B\"},\"x:C\":{\"class\":\"x:C\"},"
                       "\"x:X\":{\"class\":\"x:X\",\"%s\":{\"m\":%s}}},"
                       "\"platform\":\"linux\",\"pynto-policy\":1,\"python\":\"3.11\","
                       "\"records\":{\"x:N\":{\"next\":\"none|rec x:N\"},\"x:P\":{\"x\":\"int\",\"y\":\"int\"},"
                       "\"x:T\":{\"a\":\"int=?\",\"b\":\"str\"}},"
                       "\"roots\":{\"r\":\"x:X\"}}",
                       member, value);
    assert_true(len > 0 && (size_t)len < room);
}

static inline const struct pyn_op *policy_op(const struct pyn_policy *policy, const char *iface, enum pyn_op_kind kind,
                                             const char *name)
{
    const struct pyn_iface *found = pyn_policy_find(policy, pyn_view_of(iface));
    assert_non_null(found);
    const struct pyn_op *op = pyn_iface_op(found, kind, pyn_view_of(name));
    assert_non_null(op);
    return op;
}

static inline struct pyn_view policy_view(const char *text, size_t len)
{
    return (struct pyn_view){(const uint8_t *)text, len};
}

#endif
