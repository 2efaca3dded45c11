/* party.c - the book that goes with a policy, for whoever owns a link. */
#include "values.h"

static const char CAPSULE[] = "pynto.book";

static void free_capsule(PyObject *capsule)
{
    pyn_book_free(PyCapsule_GetPointer(capsule, CAPSULE));
}

static struct pyn_book *make_book(struct pyn_party *party, const struct pyn_policy *policy, PyObject *key)
{
    struct pyn_book *book = pyn_book_new(pyn_policy_ref((struct pyn_policy *)(uintptr_t)policy), false, party->types);
    PyObject *capsule = book != NULL ? PyCapsule_New(book, CAPSULE, free_capsule) : NULL;

    if (capsule == NULL) {
        pyn_book_free(book);
        return NULL;
    }
    book->may_await = party->has_loop;
    if (PyDict_SetItem(party->books, key, capsule) != 0) {
        book = NULL; /* goes with the capsule */
    }
    Py_DECREF(capsule);
    return book;
}

struct pyn_book *pyn_party_book(struct pyn_party *party, const struct pyn_policy *policy)
{
    PyObject *key = NULL;
    PyObject *capsule = NULL;
    struct pyn_book *book = NULL;

    if (party->book != NULL) {
        return party->book;
    }
    key = PyLong_FromVoidPtr((void *)(uintptr_t)policy);
    if (key != NULL) {
        capsule = PyDict_GetItemWithError(party->books, key);
        if (capsule != NULL) {
            book = PyCapsule_GetPointer(capsule, CAPSULE);
        } else if (!PyErr_Occurred()) {
            book = make_book(party, policy, key);
        }
        Py_DECREF(key);
    }
    return book;
}

bool pyn_party_is_root(const struct pyn_party *party, const PyObject *object)
{
    for (Py_ssize_t i = 0; party->roots != NULL && i < PyTuple_GET_SIZE(party->roots); i++) {
        if (PyTuple_GET_ITEM(party->roots, i) == object) {
            return true;
        }
    }
    return false;
}
