/*
 * keyfile.h - a secret key in a file that is its owner's alone.
 *
 * The file holds the key as 43 characters of base64url, and nothing else: no newline, no comment.
 *
 * Owns:    nothing; what was read is the caller's to wipe.
 * Errors:  false, with one line for a person in *fault: which file, and what is wrong with it. Nothing of what it holds is ever in it.
 * Threads: any.
 * Tests:   tests/attack/test_key_files.py
 */
#ifndef PYN_KEYFILE_H
#define PYN_KEYFILE_H

#include "transport.h"

enum { PYN_SECRET_LEN = 32, PYN_SECRET_TEXT_LEN = 43 };

/*
 * Refused: a symbolic link, anything but a regular file, another owner than who runs this, a mode that lets anybody else in, any other length, and
 * a file in a folder that everybody may write to.
 */
bool pyn_keyfile_read(const char *path, uint8_t secret[PYN_SECRET_LEN], struct pyn_fault *fault);

/* A new file, mode 0600 from its first moment; one that is there is left alone, and is a fault. */
bool pyn_keyfile_make(const char *path, const uint8_t secret[PYN_SECRET_LEN], struct pyn_fault *fault);

#endif
