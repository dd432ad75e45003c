/* Payloads through one direction of a pipe, as in pool_layout.hpp: the references' words, the ring
 * that carries their handles, and who frees what when an end closes or dies.
 *
 * Process 1 loans and sends, process 2 receives and releases; process 3, who never dies, sweeps the
 * pool. A dead end is swept from the pipe by the other end's process. The pipe's own steps are
 * coarse here (pipe.pml has them); its commit and its take are single stores, as there. With STAYS
 * the sender never closes; with CLOSER a second thread of process 2 closes while it receives. */
#ifndef MESSAGES
#define MESSAGES 2
#endif
#ifndef CHUNKS
#define CHUNKS 2
#endif
#define PROCESSES 2
#include "crash.inc"

#define FREE 0
#define OWNED 1
#define MOVING 2
#define WORD(kind, id, gen) (((gen) << 4) | ((kind) << 2) | (id))
#define KIND(w) (((w) >> 2) & 3)
#define ID(w) ((w) & 3)
#define GEN(w) ((w) >> 4)
#define HANDLE(chunk, gen) (((gen) << 1) | (chunk))
#define CHUNK_OF(h) ((h) & 1)
#define GEN_OF(h) ((h) >> 1)

short word[CHUNKS];
byte ring[MESSAGES];
byte tail, head;
bool gone[PROCESSES + 1];     /* ends[id] */
bool sweeping[PROCESSES + 1]; /* its place in the pipe is locked by who sweeps it */
byte has[CHUNKS];             /* who believes that it may touch the chunk, as the model knows */

/* To whoever looks at the lock of its place: a sweeper's looks the same. */
#define LOOKS_GONE(id) (gone[id] || (dead[id] && !(sweeping[id] && !dead[3 - id])))
#define NOBODYS(c) (has[c] == 0 || dead[has[c]])

/* A sweep of participant d of the pool; 0: collect. */
inline look(d) {
  i = 0;
  do
  :: atomic { i < CHUNKS ->
       noted[i] = 0;
       if
       :: KIND(word[i]) == OWNED && ID(word[i]) == d && d != 0 ->
          assert(NOBODYS(i)); word[i] = WORD(FREE, 0, GEN(word[i]))
       :: KIND(word[i]) == MOVING && (ID(word[i]) == d || ID(word[i]) == 0) -> noted[i] = word[i]
       :: else
       fi;
       i++ }
  :: atomic { i == CHUNKS -> break }
  od;
  atomic { no_receiver = LOOKS_GONE(2) }
  atomic { at = head }
  do
  :: atomic { at < tail -> k = CHUNK_OF(ring[at]);
       if
#ifndef mutant_lying_payloads_kept
       :: no_receiver && KIND(word[k]) == MOVING && GEN(word[k]) == GEN_OF(ring[at]) ->
          assert(NOBODYS(k)); word[k] = WORD(FREE, 0, GEN(word[k])); noted[k] = 0
#endif
#ifndef mutant_ring_not_read
       :: !no_receiver && noted[k] != 0 && GEN(noted[k]) == GEN_OF(ring[at]) ->
          if
          :: word[k] == noted[k] -> word[k] = WORD(MOVING, 0, GEN(word[k]))
          :: else
          fi;
          noted[k] = 0
#endif
       :: else
       fi;
       at++ }
  :: atomic { at >= tail -> break }
  od;
  i = 0;
  do
  :: atomic { i < CHUNKS ->
       if
       :: noted[i] != 0 && word[i] == noted[i] ->
          assert(NOBODYS(i)); word[i] = WORD(FREE, 0, GEN(word[i]))
       :: else
       fi;
       noted[i] = 0; i++ }
  :: atomic { i == CHUNKS -> i = 0; at = 0; k = 0; no_receiver = 0; break }
  od
}

#define LOOKER short noted[CHUNKS]; byte i, at, k; bool no_receiver

proctype sender(byte me) {
  LOOKER;
  byte c, n;
  MORTAL
  do
  :: atomic { n < MESSAGES && KIND(word[0]) == FREE -> c = 0; goto loan }
#if CHUNKS > 1
  :: atomic { n < MESSAGES && KIND(word[1]) == FREE -> c = 1; goto loan }
#endif
  :: atomic { n == MESSAGES || gone[2] -> c = 0; n = 0; break }
  od;
  goto through;
loan:
  atomic { assert(NOBODYS(c)); has[c] = me; word[c] = WORD(OWNED, me, GEN(word[c]) + 1) }
  atomic { word[c] = WORD(MOVING, me, GEN(word[c])) }
  if
  :: atomic { gone[2] -> word[c] = WORD(OWNED, me, GEN(word[c])) }
     atomic { has[c] = 0; word[c] = WORD(FREE, 0, GEN(word[c])); c = 0; n = 0 }
     goto through
  :: atomic { !gone[2] }
  fi;
  /* The commit. */
  atomic { assert(word[c] == WORD(MOVING, me, GEN(word[c])));
           ring[tail] = HANDLE(c, GEN(word[c])); tail++; has[c] = 0; n++ }
#ifndef mutant_sender_looks_not_back
  if
  :: atomic { gone[2] } look(0)
  :: atomic { !gone[2] }
  fi;
#endif
  if
  :: atomic { n < MESSAGES && KIND(word[0]) == FREE -> c = 0; goto loan }
#if CHUNKS > 1
  :: atomic { n < MESSAGES && KIND(word[1]) == FREE -> c = 1; goto loan }
#endif
  :: atomic { n == MESSAGES || gone[2] -> c = 0; n = 0 }
  fi;
through:
#ifndef STAYS
  /* Who leaves waits for its thread that sweeps. */
  atomic { !sweeping[2] -> gone[1] = 1 }
  do
  :: atomic { c < CHUNKS ->
       if
       :: KIND(word[c]) == MOVING && ID(word[c]) == me ->
          word[c] = WORD(MOVING, 0, GEN(word[c]))
       :: else
       fi;
       c++ }
  :: atomic { c == CHUNKS -> c = 0; break }
  od;
  look(0)
#endif
  UNLESS_KILLED(me)
}

proctype receiver(byte me) {
  LOOKER;
  byte h, c;
  bool mine, over;
  MORTAL
receive:
  if
  :: atomic { head < tail && !gone[me] -> h = ring[head]; c = CHUNK_OF(h); over = 0 }
#ifdef mutant_pipe_lets_go_first
     atomic { head++ }
#endif
     atomic {
       if
       :: KIND(word[c]) == MOVING && GEN(word[c]) == GEN_OF(h) ->
          assert(NOBODYS(c)); has[c] = me; word[c] = WORD(OWNED, me, GEN(word[c]) + 1); mine = 1
       :: else -> assert(gone[me] == 1); mine = 0 /* stale: only after a close of our own */
       fi }
#ifndef mutant_pipe_lets_go_first
     atomic { head++ }
#endif
     if
     :: atomic { mine -> has[c] = 0; word[c] = WORD(FREE, 0, GEN(word[c])); mine = 0; h = 0; c = 0 }
     :: atomic { !mine -> h = 0; c = 0 }
     fi;
     goto receive
  /* Everything was received, and the end seen before. */
  :: atomic { head == tail && over }
  :: atomic { head == tail && !over && gone[1] -> over = 1; goto receive }
  :: atomic { head == MESSAGES }
  :: atomic { gone[me] }
#ifdef CLOSES
  :: atomic { skip }
#endif
  fi;
  atomic { !sweeping[1] -> gone[me] = 1; over = 0 }
#ifndef mutant_close_keeps_payloads
  look(0)
#endif
  UNLESS_KILLED(me)
}

proctype closer(byte me) {
  LOOKER;
  MORTAL
  atomic { gone[me] = 1 }
  look(0)
  UNLESS_KILLED(me)
}

/* The other end's process sweeps a dead end from the pipe, unless it has left. */
proctype pipe_sweep(byte who, me) {
  LOOKER;
  MORTAL
  if
  :: atomic { dead[who] && !gone[me] -> sweeping[who] = 1 }
     atomic { gone[who] = 1 }
#ifndef mutant_pipe_sweep_collects_nothing
     look(0);
#endif
     atomic { sweeping[who] = 0 }
  :: atomic { gone[me] || (working[who] == 0 && !dead[who]) }
  fi
  UNLESS_KILLED(me)
}

proctype pool_sweep(byte who) {
  LOOKER;
  dead[who];
  look(who)
}

init {
  atomic {
    working[1] = 2; working[2] = 2;
    run sender(1); run receiver(2);
    run pipe_sweep(2, 1); run pipe_sweep(1, 2);
#ifdef CLOSER
    working[2] = 3;
    run closer(2);
#endif
    run pool_sweep(1); run pool_sweep(2);
    run killer()
  }
  atomic {
    timeout ->
    /* Nobody waits for ever, and nothing is lost. */
    assert(dead[1] || working[1] == 0);
    assert(dead[2] || working[2] == 0);
    assert(KIND(word[0]) == FREE);
#if CHUNKS > 1
    assert(KIND(word[1]) == FREE)
#endif
  }
}
