/*
 * deadline.h - the instant until which this context may wait: pynto.deadline() sets it, and calls carry along what is left of it.
 *
 * Owns:    a token is owed until pyn_deadline_leave().
 * Units:   nanoseconds of the monotonic clock; 0: none.
 * Threads: the interpreter's lock. The instant belongs to a context, as context variables do: a thread, a task.
 * Tests:   tests/python/test_deadlines.py
 */
#ifndef PYN_DEADLINE_H
#define PYN_DEADLINE_H

#include "core.h"

/* 0: none. */
uint64_t pyn_deadline_get(void);

/* That of this context in *at. -1 with an exception: it is over already. */
int pyn_deadline_check(uint64_t *at);

/* What is left of it, as the option `within`: a key and a value of a map. */
pyn_status pyn_deadline_pack(struct pyn_buf *buf, uint64_t at);

/* From here on nothing may wait for longer than this. *token: strong; NULL: nothing has changed, such as for 0. 0 or -1. */
int pyn_deadline_enter(uint64_t at, PyObject **token);
/* Takes the token, which may be NULL. The exception that is set stays. */
void pyn_deadline_leave(PyObject *token);

/*
 * A context variable gets a value, and is put back to what it was before its token. When there is no memory for it, the interpreter may have set it all the
 * same, and has used the token up: then it is tried once more.
 *
 * pyn_context_set: a token, strong; NULL with an exception: it is as it was, or, when *is_stuck, as it should have been.
 * pyn_context_reset: -1, without an exception: it stands as it was; the exception that is set stays. A call may have left its context to
 * somebody else: then nothing is done, and that is no failure.
 */
PyObject *pyn_context_set(PyObject *var, PyObject *value, bool *is_stuck);
int pyn_context_reset(PyObject *var, PyObject *token);

/* Raises DeadlineExceeded. where: "waiting", "running", "peer" or "beyond"; text: "<limit>: ..." as an error has it. Returns NULL. */
PyObject *pyn_raise_deadline(const char *where, PyObject *text);
PyObject *pyn_raise_deadline_text(const char *where, const char *text);

/* One that was made from such a text: sets its where and its limit. 0 or -1. */
int pyn_deadline_describe(PyObject *error, const char *where, PyObject *text);

/* Was somebody else too slow, seen from whom this exception is told to? */
bool pyn_deadline_is_beyond(PyObject *error);

#endif
