/* names.c - see names.h. */
#include "names.h"

#include "../src/wire/limits.h"

/* Sorted: all tables are searched by halves. */
static const char *const standard_names[] = {
    "AsyncContextManager",
    "AsyncGenerator",
    "AsyncIterable",
    "AsyncIterator",
    "Awaitable",
    "Collection",
    "ContextManager",
    "Generator",
    "ItemsView",
    "Iterable",
    "Iterator",
    "KeysView",
    "Mapping",
    "MutableMapping",
    "MutableSequence",
    "MutableSet",
    "Sequence",
    "Set",
    "ValuesView",
    "deque",
    "dict",
    "list",
    "set",
};

static const char *const special_methods[] = {
    "__abs__",  "__add__",     "__aenter__",   "__aexit__",   "__aiter__",   "__and__",    "__anext__", "__await__",
    "__bool__", "__call__",    "__contains__", "__delitem__", "__enter__",   "__eq__",     "__exit__",  "__floordiv__",
    "__ge__",   "__getitem__", "__gt__",       "__iadd__",    "__iand__",    "__invert__", "__ior__",   "__isub__",
    "__iter__", "__ixor__",    "__le__",       "__len__",     "__lt__",      "__matmul__", "__mod__",   "__mul__",
    "__ne__",   "__neg__",     "__next__",     "__or__",      "__pos__",     "__pow__",    "__radd__",  "__reversed__",
    "__rmul__", "__rsub__",    "__setitem__",  "__sub__",     "__truediv__", "__xor__",
};

static const char *const binary_operators[] = {
    "__add__",  "__and__",  "__eq__",   "__floordiv__", "__ge__",     "__gt__",      "__iadd__", "__iand__", "__ior__",
    "__isub__", "__ixor__", "__le__",   "__lt__",       "__matmul__", "__mod__",     "__mul__",  "__ne__",   "__or__",
    "__pow__",  "__radd__", "__rmul__", "__rsub__",     "__sub__",    "__truediv__", "__xor__",
};

static bool is_listed(const char *const *list, size_t count, struct pyn_view name)
{
    size_t low = 0;
    while (low < count) {
        size_t middle = low + (count - low) / 2;
        int order = pyn_view_compare(name, pyn_view_of(list[middle]));
        if (order == 0) {
            return true;
        }
        if (order < 0) {
            count = middle;
        } else {
            low = middle + 1;
        }
    }
    return false;
}

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

size_t pyn_name_span(struct pyn_view text, size_t at)
{
    size_t end = at;
    while (end < text.len && (is_letter(text.data[end]) || (end > at && text.data[end] >= '0' && text.data[end] <= '9'))) {
        end++;
    }
    return end - at;
}

bool pyn_name_is_identifier(struct pyn_view name)
{
    return name.len != 0 && name.len <= PYN_NAME_MAX && pyn_name_span(name, 0) == name.len;
}

/* identifier *("." identifier); how long it is, 0 when there is none. */
static size_t dotted_span(struct pyn_view text, size_t at)
{
    size_t end = at;
    for (;;) {
        size_t len = pyn_name_span(text, end);
        if (len == 0 || len > PYN_NAME_MAX) {
            return 0;
        }
        end += len;
        if (end == text.len || text.data[end] != '.') {
            return end - at;
        }
        end++;
    }
}

bool pyn_name_is_class(struct pyn_view name)
{
    size_t module = dotted_span(name, 0);
    if (module == 0 || module == name.len || name.data[module] != ':') {
        return false;
    }
    size_t qualified = dotted_span(name, module + 1);
    return qualified != 0 && module + 1 + qualified == name.len;
}

bool pyn_name_is_standard(struct pyn_view name)
{
    return is_listed(standard_names, sizeof standard_names / sizeof *standard_names, name);
}

bool pyn_name_is_member(struct pyn_view name)
{
    return pyn_name_is_identifier(name) && name.data[0] != '_';
}

bool pyn_name_is_method(struct pyn_view name)
{
    return pyn_name_is_member(name) || is_listed(special_methods, sizeof special_methods / sizeof *special_methods, name);
}

bool pyn_name_is_binary(struct pyn_view name)
{
    return is_listed(binary_operators, sizeof binary_operators / sizeof *binary_operators, name);
}

bool pyn_name_is_facet_class(struct pyn_view name)
{
    static const char *const modules[] = {"collections.abc:", "contextlib:", "typing:"};
    for (size_t i = 0; i < sizeof modules / sizeof *modules; i++) {
        struct pyn_view module = pyn_view_of(modules[i]);
        if (name.len > module.len && memcmp(name.data, module.data, module.len) == 0) {
            return true;
        }
    }
    return false;
}
