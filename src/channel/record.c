/* record.c - sealing records in place, and opening them. */
#include "record.h"

#include <assert.h>

static const struct pyn_view nothing;

/* Both ends count alike: what was sealed with the old key cannot be opened with the new one. */
static void turn_key(struct pyn_cipher *cipher)
{
    if (cipher->nonce > 0 && cipher->nonce % PYN_RECORDS_PER_KEY == 0) {
        pyn_cipher_rekey(cipher);
    }
}

pyn_status pyn_record_seal(struct pyn_cipher *cipher, enum pyn_sealed_kind kind, uint8_t *record, size_t data_len)
{
    const size_t sealed_len = data_len + PYN_RECORD_SEALED_MIN;
    uint8_t *text = record + PYN_RECORD_HEAD_LEN;

    assert(data_len <= PYN_RECORD_DATA_MAX);
    record[0] = (uint8_t)(sealed_len >> 8);
    record[1] = (uint8_t)sealed_len;
    text[data_len] = (uint8_t)kind;
    turn_key(cipher);
    return pyn_cipher_seal(cipher, nothing, (struct pyn_view){text, data_len + PYN_RECORD_KIND_LEN}, text);
}

pyn_status pyn_record_measure(struct pyn_view bytes, size_t *record_len)
{
    size_t sealed_len = 0;

    *record_len = 0;
    if (bytes.len < PYN_RECORD_HEAD_LEN) {
        return PYN_EWAIT;
    }
    sealed_len = (size_t)bytes.data[0] << 8 | bytes.data[1];
    if (sealed_len < PYN_RECORD_SEALED_MIN) {
        return PYN_EFORMAT;
    }
    *record_len = PYN_RECORD_HEAD_LEN + sealed_len;
    return PYN_OK;
}

pyn_status pyn_record_open(struct pyn_cipher *cipher, struct pyn_view record, uint8_t *out, enum pyn_sealed_kind *kind,
                           size_t *data_len)
{
    struct pyn_view sealed = {record.data + PYN_RECORD_HEAD_LEN, record.len - PYN_RECORD_HEAD_LEN};
    pyn_status st = PYN_EINTERNAL;
    uint8_t last = PYN_RECORD_NONE;

    *kind = PYN_RECORD_NONE;
    *data_len = 0;
    assert(record.len >= PYN_RECORD_EXTRA_LEN);
    turn_key(cipher);
    st = pyn_cipher_open(cipher, nothing, sealed, out);
    if (st != PYN_OK) {
        return st;
    }
    last = out[sealed.len - PYN_RECORD_SEALED_MIN];
    if (last == PYN_RECORD_NONE || last >= PYN_RECORD_KIND_COUNT) {
        return PYN_EFORMAT;
    }
    *kind = (enum pyn_sealed_kind)last;
    *data_len = sealed.len - PYN_RECORD_SEALED_MIN;
    return PYN_OK;
}
