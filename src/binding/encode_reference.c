/* encode_reference.c - an object leaves as a reference; see encode.h. */
#include "../wire/pack.h"
#include "encode.h"
#include "pipeline.h"

static int export_value(struct pyn_encoder *encoder, PyObject *value, const struct pyn_iface *iface)
{
    uint64_t id = 0;
    uint32_t number = 0;
    bool is_new = false;
    pyn_status st = PYN_EINTERNAL;

    pyn_link_lock(encoder->link);
    st = encoder->link->over;
    if (st == PYN_OK) {
        st = pyn_session_export(encoder->link->session, value, iface, &id, &number, &is_new);
        if (st == PYN_OK && is_new && !pyn_party_is_root(encoder->party, value)) {
            Py_INCREF(value);
        }
    }
    pyn_link_unlock(encoder->link);
    if (st != PYN_OK) {
        (void)(st == PYN_EQUOTA ? pyn_raise_quota(encoder->link, PYN_Q_REFERENCES)
                                : pyn_raise(st, encoder->link->reason));
        return -1;
    }
    if (pyn_encoder_remember_id(encoder, id) != 0 || pyn_link_need_background(encoder->link) != 0) {
        return -1;
    }
    return pyn_packed(encoder, pyn_pack_mine(&encoder->buf, id, number));
}

/* Which interface our own objects leave under: a server's in interfaces, a client's in imports. */
static const struct pyn_iface *leaving_iface(const struct pyn_encoder *encoder, const struct pyn_type *type)
{
    return encoder->party->is_server ? type->iface : type->import;
}

static int fits(struct pyn_encoder *encoder, PyObject *value, const struct pyn_type *type)
{
    const struct pyn_iface *iface = leaving_iface(encoder, type);

    if (pyn_netref_is_of(value, encoder->link)) {
        return !encoder->party->is_server || pyn_netref_iface(value) == type->import;
    }
    return iface != NULL && !iface->is_external ? pyn_book_fits(encoder->book, iface, value) : 0;
}

int pyn_encode_reference(struct pyn_encoder *encoder, PyObject *value, const struct pyn_type *type)
{
    int does = fits(encoder, value, type);

    if (does <= 0) {
        return does < 0 ? -1 : PYN_MISFIT;
    }
    if (pyn_netref_is_of(value, encoder->link)) { /* it goes home */
        if (pyn_netref_check(value) != 0 || (encoder->draft != NULL && pyn_draft_hold(encoder->draft, value) != 0)) {
            return -1;
        }
        return pyn_packed(encoder, pyn_pack_yours(&encoder->buf, pyn_netref_id(value)));
    }
    return export_value(encoder, value, leaving_iface(encoder, type));
}

static bool is_more_derived(const struct pyn_encoder *encoder, const struct pyn_type *a, const struct pyn_type *b)
{
    const struct pyn_iface *one = leaving_iface(encoder, a);
    const struct pyn_iface *other = leaving_iface(encoder, b);
    PyObject *sub = one != NULL ? pyn_book_type(encoder->book, one) : NULL;
    PyObject *super = other != NULL ? pyn_book_type(encoder->book, other) : NULL;

    return sub != NULL && (super == NULL || PyType_IsSubtype((PyTypeObject *)sub, (PyTypeObject *)super));
}

int pyn_encode_best_reference(struct pyn_encoder *encoder, PyObject *value, const struct pyn_type *type)
{
    const struct pyn_type *best = NULL;

    for (uint32_t i = 0; i < type->count; i++) {
        if (type->items[i]->kind == PYN_T_IFACE && fits(encoder, value, type->items[i]) > 0 &&
            (best == NULL || is_more_derived(encoder, type->items[i], best))) {
            best = type->items[i];
        }
    }
    return best != NULL ? pyn_encode_reference(encoder, value, best) : PYN_MISFIT;
}
