/* status.c - the class and the name of every status: a table each, in the order of the enum. */
#include "status.h"

#include <stddef.h>

enum pyn_class pyn_status_class(pyn_status st)
{
    switch (st) {
    case PYN_OK:
        return PYN_CLASS_OK;
    case PYN_EWAIT:
        return PYN_CLASS_WAIT;
    case PYN_EDENIED:
    case PYN_EARGS:
    case PYN_EQUOTA:
    case PYN_EMISFIT:
    case PYN_ECANCELLED:
        return PYN_CLASS_REFUSE;
    case PYN_EFORMAT:
    case PYN_ENEWLINE:
    case PYN_EDEPTH:
    case PYN_ESIZE:
    case PYN_EUTF8:
    case PYN_EDUPKEY:
    case PYN_EEXT:
    case PYN_EPROTOCOL:
    case PYN_EVERSION:
    case PYN_EFLOOD:
    case PYN_EGONE:
    case PYN_EFORGED:
    case PYN_ESPENT:
    case PYN_ESHUT:
        return PYN_CLASS_CLOSE;
    case PYN_EINTERNAL:
    case PYN_ENOMEM:
        break;
    }
    return PYN_CLASS_BROKEN;
}

const char *pyn_status_name(pyn_status st)
{
    static const char *const names[] = {
        [PYN_EINTERNAL] = "internal error",
        [PYN_OK] = "ok",
        [PYN_EWAIT] = "more bytes needed",
        [PYN_EDENIED] = "denied",
        [PYN_EARGS] = "arguments do not fit",
        [PYN_EQUOTA] = "over quota",
        [PYN_EMISFIT] = "value does not fit its declared type",
        [PYN_ECANCELLED] = "cancelled",
        [PYN_EFORMAT] = "malformed message",
        [PYN_ENEWLINE] = "no newline behind the message",
        [PYN_EDEPTH] = "nested too deep",
        [PYN_ESIZE] = "too large",
        [PYN_EUTF8] = "text is not utf-8",
        [PYN_EDUPKEY] = "map key stands twice",
        [PYN_EEXT] = "unknown or malformed ext type",
        [PYN_EPROTOCOL] = "message out of turn",
        [PYN_EVERSION] = "another protocol or version",
        [PYN_EFLOOD] = "flooded",
        [PYN_EGONE] = "stream ended",
        [PYN_ENOMEM] = "out of memory",
        [PYN_EFORGED] = "not authentic",
        [PYN_ESPENT] = "the key is used up",
        [PYN_ESHUT] = "not let in",
    };

    if ((size_t)st >= sizeof(names) / sizeof(names[0])) {
        return "unknown status";
    }
    return names[st];
}
