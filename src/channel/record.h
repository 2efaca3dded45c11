/*
 * record.h - what goes through an open channel: records, each sealed by itself, in place.
 *
 *     length, 2 bytes, most significant first | sealed: data | kind, 1 byte | tag, 16 bytes
 *
 * The length counts what is sealed, tag included: 17 to 65,535. A record that was lost, repeated, moved, or made by anybody else does not open.
 * After every PYN_RECORDS_PER_KEY records of a direction both ends take the next key: there is no message for it that somebody could send.
 *
 * Owns:    nothing; the cipher is the caller's.
 * Units:   bytes.
 * Errors:  PYN_EFORMAT: a length or a kind that cannot be. PYN_EFORGED, PYN_ESPENT: as in cipher.h. All of them are final.
 * Threads: one at a time.
 * Tests:   tests/unit/test_record.c, tests/fuzz/fuzz_records.c
 */
#ifndef PYN_CHANNEL_RECORD_H
#define PYN_CHANNEL_RECORD_H

#include "cipher.h"

enum {
    PYN_RECORD_HEAD_LEN = 2, /* data stands behind it */
    PYN_RECORD_KIND_LEN = 1,
    PYN_RECORD_SEALED_MIN = PYN_RECORD_KIND_LEN + PYN_TAG_LEN,
    PYN_RECORD_SEALED_MAX = 65535,
    PYN_RECORD_EXTRA_LEN = PYN_RECORD_HEAD_LEN + PYN_RECORD_SEALED_MIN, /* how much longer a record is than its data */
    PYN_RECORD_DATA_MAX = PYN_RECORD_SEALED_MAX - PYN_RECORD_SEALED_MIN,
    PYN_RECORD_MAX = PYN_RECORD_HEAD_LEN + PYN_RECORD_SEALED_MAX,
    PYN_RECORDS_PER_KEY = 65536, /* so that no key seals more than 4 GiB */
};

enum pyn_sealed_kind {
    PYN_RECORD_NONE = 0,
    PYN_RECORD_LOGIN = 1,   /* client: what it holds; its first record, and only that */
    PYN_RECORD_DATA = 2,    /* bytes of the stream */
    PYN_RECORD_END = 3,     /* the stream ends here, and was not cut */
    PYN_RECORD_REFUSED = 4, /* server: its first and last record */
    PYN_RECORD_KIND_COUNT,
};

/* data_len bytes stand at record + PYN_RECORD_HEAD_LEN; the record is data_len + PYN_RECORD_EXTRA_LEN long afterwards. */
pyn_status pyn_record_seal(struct pyn_cipher *cipher, enum pyn_sealed_kind kind, uint8_t *record, size_t data_len);

/* How long the whole record is that begins with bytes. PYN_EWAIT: they are fewer than PYN_RECORD_HEAD_LEN. */
pyn_status pyn_record_measure(struct pyn_view bytes, size_t *record_len);

/* Opens a whole record. out: room for record.len - PYN_RECORD_HEAD_LEN - PYN_TAG_LEN bytes; *data_len of them are the data. */
pyn_status pyn_record_open(struct pyn_cipher *cipher, struct pyn_view record, uint8_t *out, enum pyn_sealed_kind *kind,
                           size_t *data_len);

#endif
