/* party.c - the book that goes with a policy, for whoever owns a link. */
#include "values.h"

static const char CAPSULE[] = "pynto.book";

static void free_capsule(PyObject *capsule)
{
    pyn_book_free(PyCapsule_GetPointer(capsule, CAPSULE));
}

static struct pyn_book *make_book(const struct pyn_party *party, const struct pyn_policy *policy)
{
    struct pyn_forms *forms = pyn_forms_of(policy, party->has_loop, &party->scope);

    return forms != NULL ? pyn_book_new(forms, party->types) : NULL;
}

/* NULL, and *key is NULL: an exception. */
static struct pyn_book *find_book(const struct pyn_party *party, const struct pyn_policy *policy, PyObject **key)
{
    PyObject *capsule = NULL;

    *key = PyLong_FromVoidPtr((void *)(uintptr_t)policy);
    if (*key != NULL && party->books != NULL) {
        capsule = PyDict_GetItemWithError(party->books, *key);
        if (PyErr_Occurred()) {
            Py_CLEAR(*key);
        }
    }
    return capsule != NULL ? PyCapsule_GetPointer(capsule, CAPSULE) : NULL;
}

static struct pyn_book *add_book(struct pyn_party *party, const struct pyn_policy *policy, PyObject *key)
{
    struct pyn_book *book = make_book(party, policy);
    PyObject *capsule = book != NULL ? PyCapsule_New(book, CAPSULE, free_capsule) : NULL;

    if (capsule == NULL) {
        pyn_book_free(book);
        return NULL;
    }
    if (party->books == NULL) {
        party->books = PyDict_New();
    }
    if (party->books == NULL || PyDict_SetItem(party->books, key, capsule) != 0) {
        book = NULL; /* goes with the capsule */
    }
    Py_DECREF(capsule);
    return book;
}

struct pyn_book *pyn_party_book(struct pyn_party *party, const struct pyn_policy *policy)
{
    struct pyn_book *book = party->book;
    PyObject *key = NULL;

    if (book != NULL) {
        return book;
    }
    if (party->first == NULL) {
        book = make_book(party, policy);
        if (party->first == NULL) { /* else a finaliser was here meanwhile */
            return party->first = book;
        }
        pyn_book_free(book);
    }
    if (party->first->policy == policy) {
        return party->first;
    }
    book = find_book(party, policy, &key);
    if (book == NULL && key != NULL) {
        book = add_book(party, policy, key);
    }
    Py_XDECREF(key);
    return book;
}

void pyn_party_fini(struct pyn_party *party)
{
    pyn_book_free(party->first);
    party->first = NULL;
    Py_CLEAR(party->books);
    Py_CLEAR(party->types);
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
