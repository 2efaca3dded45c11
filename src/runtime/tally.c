/* tally.c - see tally.h. */
#include "tally.h"

#include "server_state.h"

#define US UINT64_C(1000)
#define MS UINT64_C(1000000)
#define S UINT64_C(1000000000)

const uint64_t pyn_bar_bounds[PYN_BARS - 1] = {10 * US, 50 * US,  100 * US, 500 * US, 1 * MS, 5 * MS, 10 * MS,
                                               50 * MS, 100 * MS, 500 * MS, 1 * S,    5 * S,  10 * S};

void pyn_histogram_add(struct pyn_histogram *histogram, uint64_t took_ns)
{
    int bar = 0;

    while (bar < PYN_BARS - 1 && took_ns > pyn_bar_bounds[bar]) {
        bar++;
    }
    histogram->bars[bar]++;
    histogram->sum_ns += took_ns;
}

static void move(uint64_t *total, uint64_t now, uint64_t *before)
{
    *total += now - *before;
    *before = now;
}

void pyn_tally_harvest(struct pyn_server *server, struct pyn_link *link)
{
    const struct pyn_ledger *ledger = pyn_session_ledger(link->session);
    struct pyn_counts *class = &server->tally.classes[link->class];
    struct pyn_counts *taken = &link->harvested;

    pyn_server_lock(server);
    move(&class->calls, ledger->called, &taken->calls);
    move(&class->refused, ledger->refused, &taken->refused);
    move(&class->bytes_in, link->counts.bytes_in, &taken->bytes_in);
    move(&class->bytes_out, link->counts.bytes_out, &taken->bytes_out);
    for (int i = 0; i < PYN_Q_ALL; i++) {
        if (ledger->reached[i] != link->reached[i]) {
            server->tally.reached[i] += (uint32_t)(ledger->reached[i] - link->reached[i]);
            link->reached[i] = ledger->reached[i];
        }
    }
    pyn_server_unlock(server);
}
