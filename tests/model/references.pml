/*
 * references.pml - is a reference good as long as its peer holds it, no longer, and in no other connection?
 *
 * A server with two objects has two connections. At one is a peer that keeps the rules of docs/protocol.md (P35 to P51), at the other one that writes
 * whatever it likes. Messages are in flight both ways, calls run while others come, and either connection may end at any moment. The table is that of
 * src/session/exports.c: an entry has the number of times that it was sent and not given back, and the number of calls that hold it; its object is held
 * until both are zero.
 *
 * $PYN_MODEL_MUTANT takes one rule away. tests/model/run.py has the list, and what has to come of each.
 */

#define HONEST 0
#define HOSTILE 1
#define OBJECTS 2
#define IDS 2           /* that a connection may be given; an id is never given twice, so that more would be refused */
#define HONEST_SENDS 2  /* messages of the one, frees not counted, */
#define HOSTILE_SENDS 3 /* and of the other */
#define LANES 2         /* calls of a connection that may run at once */

/* Messages. */
#define GET 1  /* a call of the root, for the object of this number */
#define CALL 2 /* of the reference with this id; the object that is meant goes along, for the question alone */
#define FREE 3 /* an id, and how many times */
#define BYE 4
#define GIVEN 5 /* an id, and of which object it is */

/* Mutants. */
#define FREE_IS_ALL 1      /* a free takes the entry away, whatever its count */
#define FREE_IS_ONE 2      /* who holds it gives back one, however often it came */
#define NO_PIN 3           /* a call that runs does not hold its object */
#define ID_AGAIN 4         /* an id that was freed is given out again */
#define FREE_TOO_MUCH 5    /* more than is held may be freed */
#define ONE_TABLE 6        /* an id of one connection is looked for in the other as well */
#define END_KEEPS 7        /* what a connection was given outlives it */
#define END_TAKES 8        /* the end takes away even what runs */
#define NEVER_SERVED 9     /* nothing is taken away; asks whether the end is ever reached with a call behind it: it has to be */

byte mutant;

typedef Entry {
    byte object, count, pins;
    bool is_listed;
};
Entry entry[2 * IDS]; /* of connection c and id i: c * IDS + i */
#define AT(c, i) ((c) * IDS + (i))

byte held[OBJECTS]; /* entries that hold the object */
byte next[2];       /* id of each connection */
bool is_over[2];
byte running[4]; /* lane l of connection c, at c * LANES + l: 1 + the place of the entry; 0: none */
byte means[4];   /* and the object that it was called on */
byte meant[2 * IDS]; /* what an id was given for: 1 + the object */
byte served;

chan to_server[2] = [2] of {byte, byte, byte};
chan to_peer[2] = [2] of {byte, byte, byte};

/* What the honest one holds. */
byte got[IDS]; /* how often it came, and was not given back */
byte what[IDS];
byte budget[2]; /* messages that a peer has left to send */

/* ---- the table ---- */

inline let_go(at)
{
    if
    :: entry[at].pins == 0 || mutant == NO_PIN -> held[entry[at].object]--
    :: else
    fi
}

/* The id of an object, once more; IDS: there is none left. */
inline export(c, which, id)
{
    id = IDS;
    if
    :: entry[AT(c, 0)].is_listed && entry[AT(c, 0)].object == which -> id = 0
    :: entry[AT(c, 1)].is_listed && entry[AT(c, 1)].object == which -> id = 1
    :: else ->
        if
        :: next[c] < IDS -> id = next[c]; next[c]++
        :: mutant == ID_AGAIN && next[c] > 0 && !entry[AT(c, 0)].is_listed && entry[AT(c, 0)].pins == 0 -> id = 0
        :: else
        fi;
        if
        :: id < IDS ->
            assert(meant[AT(c, id)] == 0); /* nobody was given this id before */
            meant[AT(c, id)] = 1 + which;
            entry[AT(c, id)].object = which;
            entry[AT(c, id)].is_listed = true;
            held[which]++
        :: else
        fi
    fi;
    if
    :: id < IDS -> entry[AT(c, id)].count++
    :: else
    fi
}

inline end(c)
{
    is_over[c] = true;
    for (i : 0 .. (IDS - 1)) {
        if
        :: entry[AT(c, i)].is_listed && mutant != END_KEEPS ->
            entry[AT(c, i)].is_listed = false;
            entry[AT(c, i)].count = 0;
            if
            :: mutant == END_TAKES -> held[entry[AT(c, i)].object]--
            :: else -> let_go(AT(c, i))
            fi
        :: else
        fi
    }
    i = 0
}

inline take_free(c, id, times)
{
    if
    :: !entry[AT(c, id)].is_listed || (times > entry[AT(c, id)].count && mutant != FREE_TOO_MUCH) ->
        assert(c == HOSTILE); /* who keeps the rules is never at fault */
        end(c)
    :: else ->
        entry[AT(c, id)].count = entry[AT(c, id)].count - times;
        assert(entry[AT(c, id)].count <= 2 * (HONEST_SENDS + HOSTILE_SENDS)); /* no more than were sent */
        if
        :: entry[AT(c, id)].count == 0 || mutant == FREE_IS_ALL ->
            entry[AT(c, id)].is_listed = false;
            entry[AT(c, id)].count = 0;
            let_go(AT(c, id))
        :: else
        fi
    fi
}

/* A call is admitted: its entry is held until it has run. lane: one that is idle. */
inline take_call(c, id, object_meant, lane)
{
    at = AT(c, id);
    if
    :: !entry[at].is_listed && mutant == ONE_TABLE && entry[AT(1 - c, id)].is_listed -> at = AT(1 - c, id)
    :: else
    fi;
    if
    :: !entry[at].is_listed -> assert(c == HOSTILE) /* refused: but what is held and was called ahead of its free is served */
    :: else ->
        assert(at / IDS == c);                        /* nobody uses what another was given */
        assert(c == HOSTILE || entry[at].object == object_meant); /* and an id means what it meant */
        entry[at].pins++;
        running[c * LANES + lane] = 1 + at;
        means[c * LANES + lane] = entry[at].object
    fi;
    at = 0
}

proctype Serves(byte c)
{
    byte kind, id, number, i, at, lane;

    do
    :: atomic { !is_over[c] && len(to_peer[c]) < 2 && (running[c * LANES] == 0 || running[c * LANES + 1] == 0) ->
        to_server[c]?kind, id, number;
        if
        :: kind == GET ->
            export(c, number, id);
            if
            :: id < IDS -> to_peer[c]!GIVEN, id, number
            :: else
            fi
        :: kind == CALL ->
            lane = (running[c * LANES] == 0 -> 0 : 1);
            take_call(c, id, number, lane)
        :: kind == FREE -> take_free(c, id, number)
        :: kind == BYE -> end(c)
        fi;
        kind = 0; id = 0; number = 0; lane = 0 }
    :: atomic { running[c * LANES] != 0 || running[c * LANES + 1] != 0 -> /* one has run to its end */
        if
        :: running[c * LANES] != 0 -> lane = 0
        :: running[c * LANES + 1] != 0 -> lane = 1
        fi;
        at = running[c * LANES + lane] - 1;
        number = means[c * LANES + lane];
        assert(held[number] > 0 && entry[at].object == number); /* it has run on something that was there */
        running[c * LANES + lane] = 0;
        means[c * LANES + lane] = 0;
        entry[at].pins--;
        if
        :: !entry[at].is_listed && entry[at].pins == 0 && mutant != NO_PIN && mutant != END_TAKES -> held[number]--
        :: else
        fi;
        if
        :: !is_over[c] && len(to_peer[c]) < 2 -> /* its result is the object itself */
            export(c, number, id);
            if
            :: id < IDS -> to_peer[c]!GIVEN, id, number
            :: else
            fi
        :: true
        fi;
        served = 1;
        id = 0; at = 0; number = 0; lane = 0 }
    :: atomic { !is_over[c] -> end(c) } /* the connection is cut */
    od
}

/* ---- the peers ---- */

proctype Keeps_the_rules()
{
    byte kind, id, number;

    do
    :: atomic { budget[HONEST] > 0 && !is_over[HONEST] && len(to_server[HONEST]) < 2 ->
        budget[HONEST]--;
        if
        :: number = 0
        :: number = 1
        fi;
        to_server[HONEST]!GET, 0, number;
        number = 0 }
    :: atomic { budget[HONEST] > 0 && !is_over[HONEST] && len(to_server[HONEST]) < 2 && (got[0] > 0 || got[1] > 0) ->
        budget[HONEST]--;
        if
        :: got[0] > 0 -> id = 0
        :: got[1] > 0 -> id = 1
        fi;
        to_server[HONEST]!CALL, id, what[id];
        id = 0 }
    :: atomic { !is_over[HONEST] && len(to_server[HONEST]) < 2 && (got[0] > 0 || got[1] > 0) ->
        if
        :: got[0] > 0 -> id = 0
        :: got[1] > 0 -> id = 1
        fi;
        to_server[HONEST]!FREE, id, (mutant == FREE_IS_ONE -> 1 : got[id]);
        got[id] = 0;
        what[id] = 0;
        id = 0 }
    :: atomic { !is_over[HONEST] && nempty(to_peer[HONEST]) ->
        to_peer[HONEST]?kind, id, number;
        assert(got[id] == 0 || what[id] == number); /* what it holds means one thing */
        got[id]++;
        what[id] = number;
        kind = 0; id = 0; number = 0 }
    od
}

proctype Writes_anything()
{
    byte id, number;

    do
    :: atomic { budget[HOSTILE] > 0 && !is_over[HOSTILE] && len(to_server[HOSTILE]) < 2 ->
        budget[HOSTILE]--;
        if
        :: id = 0
        :: id = 1
        fi;
        if
        :: to_server[HOSTILE]!GET, 0, 0
        :: to_server[HOSTILE]!GET, 0, 1
        :: to_server[HOSTILE]!CALL, id, 0
        :: to_server[HOSTILE]!FREE, id, 1
        :: to_server[HOSTILE]!FREE, id, 2
        :: to_server[HOSTILE]!BYE, 0, 0
        fi;
        id = 0 }
    :: atomic { nempty(to_peer[HOSTILE]) -> to_peer[HOSTILE]?_, _, _ } /* it reads, or does not */
    od
}

/* ---- what is asked ---- */

#define IS_IDLE(c) (running[(c) * LANES] == 0 && running[(c) * LANES + 1] == 0)

/* When everything that was given was given back, or its connection is over, nothing is held. */
proctype Asks()
{
    atomic {
        is_over[0] && is_over[1] && IS_IDLE(0) && IS_IDLE(1) ->
        assert(held[0] == 0 && held[1] == 0);
        assert(mutant != NEVER_SERVED || served == 0)
    }
}

proctype Asks_the_honest_one()
{
    atomic {
        !is_over[HONEST] && IS_IDLE(HONEST) && empty(to_server[HONEST]) && empty(to_peer[HONEST]) &&
        got[0] == 0 && got[1] == 0 ->
        assert(!entry[0].is_listed && !entry[1].is_listed)
    }
}

init {
    atomic {
        c_code { now.mutant = getenv("PYN_MODEL_MUTANT") != NULL ? atoi(getenv("PYN_MODEL_MUTANT")) : 0; };
        budget[HONEST] = HONEST_SENDS;
        budget[HOSTILE] = HOSTILE_SENDS;
        run Serves(HONEST);
        run Serves(HOSTILE);
        run Keeps_the_rules();
        run Writes_anything();
        run Asks();
        run Asks_the_honest_one()
    }
}
