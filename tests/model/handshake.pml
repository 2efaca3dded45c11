/*
 * handshake.pml - does the channel's handshake keep what docs/channel.md promises, against somebody who is the network?
 *
 * Two sessions of a client A, two of a server B, and an attacker who hears, drops, repeats, reorders and makes up whatever its knowledge permits,
 * who has a key E of its own, a capability of its own at B, and a server at which A is a customer as well. Terms are symbolic (Dolev and Yao): a key
 * is a number, the secret that two keys share is known to whoever knows one of the two secret halves, and what is sealed opens under the same keys and
 * the same transcript or not at all. So a message is received like this: the attacker chooses the public values in it, and then the guard asks
 * whether some honest end has sealed exactly this, or the attacker knows every secret that was mixed into the key.
 *
 * Left out: patterns with a preshared secret and narrowed capabilities, which only add to what has to be known; points of small order, which end a
 * handshake before their secret is used; more sessions than these; and whatever breaks the primitives themselves.
 *
 * $PYN_MODEL_MUTANT takes one rule of the protocol away, $PYN_MODEL_CASE says what the attacker is given at the start, and what is asked.
 * tests/model/run.py has the list of both, and what has to come of each.
 */

/* Keys. Bit k of `secret` and of `public`: the attacker knows that half of key k. */
#define A 1 /* A's static one */
#define B 2 /* B's */
#define E 3 /* the attacker's, for every purpose */
#define EPHEMERAL_A(c) (4 + (c))
#define EPHEMERAL_B(s) (6 + (s))

/* Patterns: NK shows a capability, IK and XX a key. */
#define NK 1
#define IK 2
#define XX 3

/* Version and transport: a client's are new ones; both ends know others. */
#define NEW 2
#define OTHER 1

/* Principals. */
#define NOBODY 0
#define CAPABILITY_A 1 /* A's at B */
#define CAPABILITY_E 2 /* the attacker's at B */
#define KEY_A 3
#define KEY_E 4

/* Cases. In the first three whoever has recorded everything steals secret keys afterwards. */
#define PLAIN 0    /* everything is asked; A's and B's keys are stolen later */
#define HIDING 1   /* A talks to B alone, by XX: nobody learns A's key; B's is stolen later */
#define RECORDED 2 /* the same by IK, of which it is not promised: it has to be found */
#define KCI_A 3    /* A's key was stolen before: is B still B for A? */
#define KCI_B 4    /* B's was: is A still A for B? */
#define STREAM 5   /* one session of each, and then what is said in it */

/* Mutants: what is taken away. */
#define NO_PROLOGUE 1    /* version, transport and server are not in the transcript */
#define NO_PIN 2         /* the key that a server shows is not compared with the address */
#define LOGIN_AT_ONCE 3  /* the login is the payload of the first message */
#define NO_ES 4          /* the server's key is not mixed in */
#define NO_EE 5          /* nor the two ephemeral ones */
#define NO_SE 6          /* nor the client's key with the server's ephemeral one */
#define SAME_EPHEMERAL 7 /* the server has one ephemeral key for all */
#define ONE_DIRECTION 8  /* both directions have the same key */
#define NO_COUNT 9       /* a record opens wherever it comes */
#define NO_END 10        /* the end of the stream is taken for the end of what was said */
#define NEVER_DONE 11    /* nothing is taken away; asks whether everything is ever said and heard: it has to be */

#define RECORDS_A 2 /* of data that a client sends, ahead of its end */
#define RECORDS_B 1

byte mutant, asked;
byte secret = 1 << E;
byte public = (1 << E) | (1 << B);
bool is_frozen; /* what comes later only listens to what was recorded */

/* A's sessions. state: 1 when the first message was sent, 2 when the login was, 3 when the server has shown another key than the one that is wanted.
 * ephemeral, shown: the server's keys, as they came. */
typedef Client {
    byte state, pattern, terms, wanted, ephemeral, shown, sent, got;
    bool has_ended, hears_end;
};
Client client[2];

/* B's. state: 1 when the second message was sent, 2 when somebody is in. ephemeral, key: the client's, as they came. */
typedef Server {
    byte state, pattern, terms, ephemeral, key, who, sent, got;
    bool has_ended, hears_end;
};
Server server[2];

#define OWN_B(s) (mutant == SAME_EPHEMERAL -> EPHEMERAL_B(0) : EPHEMERAL_B(s))
#define KEY_OF(pattern) (pattern == NK -> 0 : A)

/* Is the secret known that the two keys share? */
#define KNOWS(x, y) ((secret & ((1 << (x)) | (1 << (y)))) != 0)

/* Those of a handshake: i, r are its ephemeral keys, ki, kr the static ones. */
#define KNOWS_ES(i, kr) (mutant == NO_ES || KNOWS(i, kr))
#define KNOWS_EE(i, r) (mutant == NO_EE || KNOWS(i, r))
#define KNOWS_SE(pattern, ki, r) (pattern == NK || mutant == NO_SE || KNOWS(ki, r))
#define KNOWS_SS(pattern, ki, kr) (pattern != IK || KNOWS(ki, kr))
#define KNOWS_ALL(pattern, i, ki, r, kr) \
    (KNOWS_ES(i, kr) && KNOWS_EE(i, r) && KNOWS_SE(pattern, ki, r) && KNOWS_SS(pattern, ki, kr))

/* Have client c and server s the same transcript after the first message, and after the last? This is what the seals compare. */
#define SAME_BEGINNING(c, s) \
    (client[c].pattern == server[s].pattern && server[s].ephemeral == EPHEMERAL_A(c) && \
     (client[c].wanted == B || (mutant == NO_PROLOGUE && client[c].pattern == XX)) && \
     (mutant == NO_PROLOGUE || client[c].terms == server[s].terms))
#define SAME_SESSION(c, s) \
    (client[c].state == 2 && SAME_BEGINNING(c, s) && client[c].ephemeral == OWN_B(s) && client[c].shown == B && \
     server[s].key == KEY_OF(client[c].pattern))

/* Do they mean the same? This is what is asked. */
#define AGREE(c, s) \
    (client[c].pattern == server[s].pattern && client[c].terms == server[s].terms && client[c].wanted == B && \
     server[s].ephemeral == EPHEMERAL_A(c))
#define AGREE_FULLY(c, s) (AGREE(c, s) && client[c].ephemeral == OWN_B(s))

/* ---- what the attacker learns ---- */

#define LEARNS_KEY_IN_IK(c) \
    (client[c].pattern == IK && client[c].state >= 1 && KNOWS_ES(EPHEMERAL_A(c), client[c].wanted))
#define LEARNS_KEY_IN_XX(c) \
    (client[c].pattern == XX && client[c].state == 2 && KNOWS_EE(EPHEMERAL_A(c), client[c].ephemeral) && \
     KNOWS_ES(EPHEMERAL_A(c), client[c].shown))
#define LEARNS_LOGIN(c) \
    (client[c].state == 2 && KNOWS_ALL(client[c].pattern, EPHEMERAL_A(c), KEY_OF(client[c].pattern), \
                                       client[c].ephemeral, client[c].shown))
#define LEARNS_EARLY_LOGIN(c) \
    (mutant == LOGIN_AT_ONCE && client[c].state >= 1 && KNOWS_ES(EPHEMERAL_A(c), client[c].wanted))

/* Looks at all that session c has sealed so far. Nobody but B learns what is good at B. */
inline listen(c)
{
    if
    :: LEARNS_KEY_IN_IK(c) || LEARNS_KEY_IN_XX(c) -> public = public | (1 << A)
    :: else
    fi;
    assert(asked == KCI_B || client[c].wanted != B || client[c].pattern != NK ||
           !(LEARNS_LOGIN(c) || LEARNS_EARLY_LOGIN(c)));
    assert(!(asked == HIDING || asked == RECORDED) || (public & (1 << A)) == 0)
}

/* A public key that the attacker knows. */
#define IS_PUBLIC(k) ((public & (1 << (k))) != 0)
inline choose(key)
{
    if
    :: IS_PUBLIC(1) -> key = 1
    :: key = 2
    :: key = 3
    :: IS_PUBLIC(4) -> key = 4
    :: IS_PUBLIC(5) -> key = 5
    :: IS_PUBLIC(6) -> key = 6
    :: IS_PUBLIC(7) -> key = 7
    fi
}

/* ---- the client ---- */

#define IS_SEALED_SECOND(c, s, key, showing) \
    (server[s].state >= 1 && server[s].state <= 2 && key == OWN_B(s) && showing == B && SAME_BEGINNING(c, s) && \
     server[s].key == (client[c].pattern == IK -> A : 0))
#define IS_FORGED_SECOND(c, key, showing) \
    (KNOWS_EE(EPHEMERAL_A(c), key) && KNOWS_ES(EPHEMERAL_A(c), showing) && \
     (client[c].pattern != IK || (KNOWS_SE(IK, A, key) && KNOWS_SS(IK, A, showing))))

/* What A wants, and its first message: nothing is gained by waiting with it. */
inline begin(c)
{
    if
    :: asked != HIDING && asked != RECORDED -> client[c].pattern = NK
    :: asked != HIDING -> client[c].pattern = IK
    :: asked != RECORDED -> client[c].pattern = XX
    fi;
    if
    :: client[c].wanted = B
    :: asked != HIDING && asked != RECORDED -> client[c].wanted = E
    fi;
    if
    :: client[c].terms = NEW
    :: c == 1 -> client[c].terms = OTHER
    fi;
    client[c].state = 1;
    public = public | (1 << EPHEMERAL_A(c));
    listen(c)
}

proctype Asks(byte c)
{
    byte key, showing, from;

    atomic {
        !is_frozen -> /* the second */
        choose(key);
        if
        :: client[c].pattern == XX -> showing = B
        :: client[c].pattern == XX -> showing = E
        :: client[c].pattern != XX -> showing = client[c].wanted
        fi;
        if
        :: IS_SEALED_SECOND(c, 0, key, showing) -> from = 0
        :: IS_SEALED_SECOND(c, 1, key, showing) -> from = 1
        :: IS_FORGED_SECOND(c, key, showing) -> from = 2
        :: else -> key = 0; showing = 0; goto over
        fi;
        if
        :: showing != client[c].wanted && mutant != NO_PIN -> client[c].state = 3
        :: else ->
            /* Who has proved to be B is B, and means the same. */
            assert(client[c].wanted != B || asked == KCI_B || (from < 2 && AGREE(c, from)));
            client[c].ephemeral = key;
            client[c].shown = showing;
            client[c].state = 2; /* the rest of the handshake, and the login */
            listen(c)
        fi;
        key = 0; showing = 0
    }
    do
    :: atomic { asked == STREAM && client[c].state == 2 && !client[c].has_ended ->
        if
        :: client[c].sent < RECORDS_A -> client[c].sent++
        :: client[c].has_ended = true
        fi }
    :: atomic { asked == STREAM && client[c].state == 2 && !client[c].hears_end && from < 2 ->
        if
        :: mutant != NO_COUNT && client[c].got < server[from].sent && SAME_SESSION(c, from) -> client[c].got++
        :: mutant == NO_COUNT && client[c].got < RECORDS_B && server[from].sent > 0 && SAME_SESSION(c, from) -> client[c].got++
        :: mutant == ONE_DIRECTION && client[c].got < client[c].sent && client[c].got < RECORDS_B -> client[c].got++
        :: (mutant == NO_END || (server[from].has_ended && client[c].got == server[from].sent)) && SAME_SESSION(c, from) ->
            client[c].hears_end = true
        :: else
        fi;
        /* What was heard was said, once, and the end was one. */
        assert(asked == KCI_B || client[c].got <= server[from].sent);
        assert(asked == KCI_B || !client[c].hears_end || (server[from].has_ended && client[c].got == server[from].sent)) }
    :: asked != STREAM -> break
    od;
over:
    from = 0
}

/* ---- the server ---- */

inline let_in(s, principal, from)
{
    server[s].who = principal;
    server[s].state = 2;
    /* Who is in as A is A, in a session that both mean; and no session of A's is let in twice. */
    assert(principal != CAPABILITY_A || asked == KCI_B || (from < 2 && AGREE(from, s)));
    assert(principal != KEY_A || asked == KCI_A || (from < 2 && AGREE(from, s)));
    assert(!(principal == CAPABILITY_A || principal == KEY_A) || asked == KCI_A || asked == KCI_B || mutant == LOGIN_AT_ONCE ||
           AGREE_FULLY(from, s));
    assert(!(principal == CAPABILITY_A || principal == KEY_A) || asked == KCI_A || asked == KCI_B || server[1 - s].state != 2 ||
           server[1 - s].ephemeral != server[s].ephemeral)
}

/* It is over, and nothing that it was matters any more. */
inline forget(s)
{
    server[s].state = 3;
    server[s].pattern = 0; server[s].terms = 0; server[s].ephemeral = 0; server[s].key = 0
}

proctype Serves(byte s)
{
    byte key, from;

    atomic {
        !is_frozen && (s == 0 || server[0].state != 0) -> /* the first message. Its opening says version and pattern, the listener has its transport */
        if
        :: server[s].terms = NEW
        :: server[s].terms = OTHER
        fi;
        if
        :: server[s].pattern = NK
        :: server[s].pattern = IK
        :: server[s].pattern = XX
        fi;
        choose(key);
        server[s].ephemeral = key;
        if
        :: server[s].pattern == XX -> from = 2 /* nothing is sealed in it */
        :: server[s].pattern != XX && client[0].state >= 1 && SAME_BEGINNING(0, s) -> from = 0; server[s].key = KEY_OF(server[s].pattern)
        :: server[s].pattern != XX && client[1].state >= 1 && SAME_BEGINNING(1, s) -> from = 1; server[s].key = KEY_OF(server[s].pattern)
        :: server[s].pattern == NK && KNOWS_ES(key, B) -> from = 2
        :: server[s].pattern == IK && KNOWS_ES(key, B) -> from = 2; server[s].key = E
        :: server[s].pattern == IK && KNOWS_ES(key, B) && IS_PUBLIC(A) && KNOWS(A, B) -> from = 2; server[s].key = A
        :: else -> key = 0; forget(s); goto over
        fi;
        key = 0;
        server[s].state = 1;
        public = public | (1 << OWN_B(s)); /* the second message */
        if
        :: mutant == LOGIN_AT_ONCE && server[s].pattern == NK && from < 2 -> let_in(s, CAPABILITY_A, from)
        :: mutant == LOGIN_AT_ONCE && server[s].pattern == IK && from < 2 -> let_in(s, KEY_A, from)
        :: else
        fi
    }
    if
    :: atomic { !is_frozen && server[s].state == 1 -> /* the third message of XX, and the login */
        if
        :: server[s].pattern == XX && (IS_PUBLIC(A) || client[0].state == 2 || client[1].state == 2) -> server[s].key = A
        :: server[s].pattern == XX -> server[s].key = E
        :: server[s].pattern != XX
        fi;
        if
        :: SAME_SESSION(0, s) -> from = 0; let_in(s, (client[0].pattern == NK -> CAPABILITY_A : KEY_A), 0)
        :: SAME_SESSION(1, s) -> from = 1; let_in(s, (client[1].pattern == NK -> CAPABILITY_A : KEY_A), 1)
        :: KNOWS_ALL(server[s].pattern, server[s].ephemeral, server[s].key, OWN_B(s), B) ->
            from = 2;
            let_in(s, (server[s].pattern == NK -> CAPABILITY_E : (server[s].key == E -> KEY_E : KEY_A)), 2)
        :: else -> forget(s); goto over
        fi }
    :: server[s].state == 2
    fi;
    do
    :: atomic { asked == STREAM && !server[s].has_ended && from < 2 ->
        if
        :: server[s].sent < RECORDS_B -> server[s].sent++
        :: server[s].has_ended = true
        fi }
    :: atomic { asked == STREAM && !server[s].hears_end && from < 2 ->
        if
        :: mutant != NO_COUNT && server[s].got < client[from].sent && SAME_SESSION(from, s) -> server[s].got++
        :: mutant == NO_COUNT && server[s].got < RECORDS_A && client[from].sent > 0 && SAME_SESSION(from, s) -> server[s].got++
        :: mutant == ONE_DIRECTION && server[s].got < server[s].sent -> server[s].got++
        :: (mutant == NO_END || (client[from].has_ended && server[s].got == client[from].sent)) && SAME_SESSION(from, s) ->
            server[s].hears_end = true
        :: else
        fi;
        assert(server[s].got <= client[from].sent);
        assert(mutant != NEVER_DONE || !(server[s].hears_end && server[s].got == RECORDS_A && client[from].got == RECORDS_B));
        assert(!server[s].hears_end || (client[from].has_ended && server[s].got == client[from].sent)) }
    :: asked != STREAM -> break
    od;
over:
    from = 0
}

/* ---- later ---- */

proctype Steals()
{
    atomic {
        asked <= RECORDED ->
        is_frozen = true;
        secret = secret | (1 << B) | (asked == PLAIN -> (1 << A) : 0);
        listen(0);
        listen(1)
    }
}

init {
    atomic {
        c_code {
            now.mutant = getenv("PYN_MODEL_MUTANT") != NULL ? atoi(getenv("PYN_MODEL_MUTANT")) : 0;
            now.asked = getenv("PYN_MODEL_CASE") != NULL ? atoi(getenv("PYN_MODEL_CASE")) : 0;
        };
        if
        :: asked == KCI_A -> secret = secret | (1 << A); public = public | (1 << A)
        :: asked == KCI_B -> secret = secret | (1 << B); public = public | (1 << A)
        :: else
        fi;
        begin(0);
        run Asks(0);
        run Serves(0);
        if
        :: asked != STREAM ->
            begin(1);
            client[0].pattern <= client[1].pattern; /* which of them is which makes no difference */
            run Asks(1);
            run Steals();
            if
            :: asked <= RECORDED -> run Serves(1)
            :: else
            fi
        :: else
        fi
    }
}
