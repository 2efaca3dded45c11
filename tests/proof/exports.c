/* One object, sent, freed, pinned and let go, two of these in any order, by any counts: no id twice, no free of more than was sent, and the ledger is even. */
#include "../../src/session/exports.h"
#include "proof.h"

enum { CALLS = 2 };

int main(void)
{
    static int object;
    struct pyn_quotas quotas;
    struct pyn_ledger ledger;
    struct pyn_exports exports;
    struct pyn_export *pinned = NULL;
    uint64_t last_id = 0; /* that was given out */
    uint64_t sent = 0;    /* and not freed */

    ledger.quotas = &quotas;
    ledger.used[PYN_Q_REFERENCES] = 0;
    pyn_exports_init(&exports, pyn_mem_default(), &ledger);
    for (int i = 0; i < CALLS; i++) {
        uint64_t id = 0;
        uint64_t count = nondet_u64();
        bool is_new = false;

        switch (nondet_u8() % 4) {
        case 0:
            if (pyn_exports_add(&exports, &object, NULL, &id, &is_new) == PYN_OK) {
                PROVE(is_new == (sent == 0), "a reference is new when the peer holds none");
                PROVE(is_new ? id > last_id : id == last_id, "and its id was never used");
                last_id = id;
                sent++;
            }
            break;
        case 1:
            id = nondet_u64();
            if (pyn_exports_free(&exports, id, count) == PYN_OK) {
                PROVE(id == last_id && sent > 0 && count <= sent, "only what was sent is freed, and only so often");
                sent -= count;
            } else {
                PROVE(id != last_id || sent == 0 || count > sent, "and what was, is");
            }
            break;
        case 2:
            if (pinned == NULL && sent > 0) {
                pinned = pyn_exports_find(&exports, last_id);
                pyn_exports_pin(pinned);
            }
            break;
        default:
            if (pinned != NULL) {
                PROVE(pyn_export_object(pinned) == &object, "what is pinned is there");
                pyn_exports_unpin(&exports, pinned);
                pinned = NULL;
            }
            break;
        }
        PROVE(ledger.used[PYN_Q_REFERENCES] == (sent > 0), "one is charged as long as the peer holds it");
        PROVE((pyn_exports_find(&exports, last_id) != NULL) == (sent > 0), "and found as long");
        (void)pyn_exports_reap(&exports);
    }
    return 0;
}
