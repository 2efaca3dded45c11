/*
 * sample.h - a policy that has some of everything, for the targets that decide of values and calls.
 */
#ifndef PYN_FUZZ_SAMPLE_H
#define PYN_FUZZ_SAMPLE_H

#include "../../policy/policy.h"

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

static const struct pyn_iface *sample_exported(void *ctx, uint64_t id)
{
    return id < 8 ? pyn_policy_iface(ctx, (uint32_t)id) : NULL;
}

static const struct pyn_iface *sample_described(void *ctx, uint32_t number)
{
    return pyn_policy_iface(ctx, number);
}

/* Loaded once, and never given back. NULL: it cannot be. */
static struct pyn_policy *sample_policy(void)
{
    static struct pyn_policy *loaded;
    struct pyn_diag diag;

    if (loaded == NULL) {
        (void)pyn_policy_load(pyn_mem_default(), pyn_view_of(sample), &loaded, &diag);
    }
    return loaded;
}

#endif
