/*
 * interrupt.h - how the watchdog reaches Python code, and what becomes of a call that was ended.
 *
 * In the thread in which Python looks for signals, a signal with a handler of ours raises: that reaches sleeps, locks, regular expressions and large
 * integers. In another thread an exception is left for the interpreter's loop to find: that reaches Python code only.
 *
 * Threads: the interpreter's lock.
 * Tests:   tests/python/test_watchdog.py
 */
#ifndef PYN_INTERRUPT_H
#define PYN_INTERRUPT_H

#include "../runtime/watch.h"
#include "call.h"

/* This thread, the one in which Python looks for signals, runs calls from here on. *before: for the end; NULL: the signal is somebody else's. 0 or -1. */
int pyn_interrupt_begin(PyObject **before);
/* Takes what pyn_interrupt_begin() gave. */
void pyn_interrupt_end(PyObject *before);

/* Other threads run calls, too: somebody has to be there to interrupt them. 0 or -1. */
int pyn_interrupt_others(void);

/* What was left for this thread and was not found yet is taken back. */
void pyn_interrupt_forget(void);

/* The innermost call of this thread waits for a peer: nothing interrupts it meanwhile. */
void pyn_interrupt_pause(void);

/* This thread's call takes too much memory: it is interrupted. at_once: in this moment, with the interpreter's lock. It allocates nothing. */
void pyn_interrupt_press(enum pyn_overrun why, bool at_once);

/* Is it to end? Then why, as an exception: -1. */
int pyn_interrupt_check(const struct pyn_link *link);

/* That, as an exception. */
void pyn_interrupt_raise(enum pyn_overrun why, const struct pyn_link *link);

/* What its caller is told, whatever has come out of it. 0 or -1 with an exception. */
int pyn_interrupt_tell(enum pyn_overrun why, const struct pyn_link *link, struct pyn_failure *failure);

/* Its connection has used up its CPU time: -1 with an exception. */
int pyn_interrupt_afford(struct pyn_link *link);

/* Of the module: what the signal's handler is, and what the thread runs that interrupts others. */
PyObject *pyn_interrupt_signalled(PyObject *module, PyObject *args);
PyObject *pyn_interrupt_threads(PyObject *module, PyObject *ignored);
int pyn_interrupt_init(PyObject *module);

#endif
