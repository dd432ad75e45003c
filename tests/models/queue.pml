/* The queue: queue_layout.hpp step by step, with two slots.
 *
 * Process 1 pushes messages and closes; 2 (and 3) lease and acknowledge, give back, or pop, until
 * the queue is closed and drained. Full and empty, they sleep. A sweep follows every death; the
 * sweeper may be killed, too, and is followed by another. */
#ifndef MESSAGES
#define MESSAGES 2
#endif
#ifndef BATCH
#define BATCH 1
#endif
#ifndef NACKS
#define NACKS 0
#endif
#define SLOTS 2
#define PROCESSES 3
#define EVENTS 2
#define items 0
#define space 1
#include "crash.inc"
#include "sleep.inc"

#define FREE 0
#define FULL 1
#define STAGED 2
#define LEASED 3
#define RETURNED 4
/* position | attempts (0, 1: more than none) | id | kind */
#define STATE(kind, pos, seen, id) (((pos) << 6) | ((seen) << 5) | ((id) << 3) | (kind))
#define KIND(s) ((s) & 7)
#define ID(s) (((s) >> 3) & 3)
#define SEEN(s) (((s) >> 5) & 1)
#define POS(s) ((s) >> 6)

short state[SLOTS];
byte bytes[SLOTS];
byte producers, consumers; /* the robust locks' owners */
byte tail = SLOTS, head = SLOTS;
byte skipped_until;
byte returned_seq, returned_done;
bool closed;
bool swept[PROCESSES + 1];
byte nacks = NACKS;

/* What the model knows: the message committed at a position; DONE when it was acknowledged. */
#define POSITIONS 12
#define DONE 255
byte content[POSITIONS];
byte last_first;

#define FREE_OR_DEAD(lock) (lock == 0 || dead[lock])

/* What is handed out was committed and not acknowledged; first deliveries are in order. */
inline check_delivery(k, s) {
  assert(POS(s) < POSITIONS && content[POS(s)] != 0 && content[POS(s)] != DONE);
  assert(bytes[k] == content[POS(s)]);
  if
  :: !SEEN(s) -> assert(POS(s) > last_first); last_first = POS(s)
  :: else
  fi
}

/* try_push of `want` messages, up to the one step that moves tail, unlocks and goes on. */
inline try_push() {
  atomic {
    FREE_OR_DEAD(producers) -> producers = me; want = (message + BATCH - 1 <= MESSAGES -> BATCH : 1);
    at = tail; end = tail; count = 0; looked = 0; skipped = 0; ok = 0
  }
  do
  :: atomic { !ok && count < want && looked < SLOTS -> s = state[at % SLOTS]; looked++;
       if
#ifndef mutant_tail_not_repaired
       :: POS(s) == at && KIND(s) != STAGED ->
          if
          :: !skipped -> end = at + 1
          :: else
          fi;
          at++
#endif
       :: else ->
          if
          :: KIND(s) == FULL || (KIND(s) == STAGED && POS(s) < tail) -> looked = SLOTS
#ifndef mutant_leased_slot_overwritten
          :: KIND(s) == LEASED || KIND(s) == RETURNED -> skipped = 1; at++
#endif
          :: else -> ok = 1
          fi
       fi;
       s = 0 }
  :: atomic { ok ->
#ifdef mutant_commit_before_bytes
       state[at % SLOTS] = STATE(FULL, at, 0, 0); content[at] = message }
     atomic {
#endif
       bytes[at % SLOTS] = message }
     atomic {
       if
       :: want == 1 && !skipped -> state[at % SLOTS] = STATE(FULL, at, 0, 0); content[at] = message
       :: else -> state[at % SLOTS] = STATE(STAGED, at, 0, 0)
       fi;
       message++; count++; at++; end = at; ok = 0
     }
#ifdef mutant_skip_not_told
  :: !ok && (count == want || looked == SLOTS) -> break
#else
  :: atomic { !ok && (count == want || looked == SLOTS) && skipped && count > 0 ->
       skipped_until = end; skipped = 0 }
  :: atomic { !ok && (count == want || looked == SLOTS) && !(skipped && count > 0) ->
       at = 0; looked = 0; break }
#endif
  od
}

/* tail commits what is staged before it. */
inline move_tail() {
  do
  :: tail < end ->
     s = state[tail % SLOTS];
     if
     :: KIND(s) == STAGED && POS(s) == tail -> content[tail] = bytes[tail % SLOTS]
     :: else
     fi;
     tail++
  :: else -> break
  od;
  s = 0; end = 0; skipped = 0; producers = 0
}

proctype producer(byte me) {
  byte message = 1, want, count, looked, at, end, key;
  short s;
  bool ok, skipped;
  MORTAL
#if MESSAGES == 0
    goto pushed;
#endif
push:
    try_push();
    atomic {
      move_tail();
      if
      :: count > 0 -> key = 0; count = 0; goto pushed
      :: count == 0 && key == 0 -> goto announce_me
      :: else
      fi
    }
    futex_wait(space, me, key);
    goto push;
announce_me:
    announce(space, key);
    goto push;
pushed:
#ifndef mutant_push_wakes_nobody
    notify(items);
#endif
    if
    :: atomic { message <= MESSAGES -> goto push }
    :: atomic { message > MESSAGES && FREE_OR_DEAD(producers) -> producers = me; message = 0; want = 0 }
    fi;
#ifdef NO_CLOSE
    atomic { producers = 0; goto through }
#endif
    atomic { closed = 1; producers = 0 }
#ifndef mutant_close_wakes_nobody
    wake(items);
    wake(space);
#endif
through:
    skip;
  UNLESS_KILLED(me)
}

#define TAKEABLE(s, at) (POS(s) == at && (KIND(s) == FULL || (KIND(s) == STAGED && at < tail)))
#ifdef mutant_junk_delivered
#define JUNK(s, at) 0
#else
#define JUNK(s, at) (KIND(s) == STAGED && at >= tail)
#endif
#define AGAIN 1   /* look at the slot */
#define SKIPPED 2 /* it holds an earlier position: at or behind skipped_until? (I6) */
#define BEHIND 3  /* at or behind tail? */
#define REREAD 4  /* filled between the loads? */

/* try_take, up to the one step that moves head, unlocks and goes on: ok, k and s. */
inline try_take() {
  atomic { over = closed }
  atomic {
    FREE_OR_DEAD(consumers) -> consumers = me; seq = returned_seq; at = head;
    if
    :: seq == returned_done -> seq = 0; look = AGAIN
    :: else -> look = 0
    fi
  }
  if
  :: atomic { look == 0 -> s = (KIND(state[0]) == RETURNED -> state[0] : 0) }
     /* Set aside: the oldest of the returned ones. */
     atomic {
       if
       :: KIND(state[1]) == RETURNED && (s == 0 || POS(state[1]) < POS(s)) -> k = 1; ok = 1
       :: else -> k = 0; ok = (s != 0)
       fi;
       s = 0
     }
  :: atomic { look != 0 -> skip }
  fi;
  do
  :: atomic { look == 0 && !ok && seq != 0 -> returned_done = seq; seq = 0; look = AGAIN }
  :: atomic { look == AGAIN -> s = state[at % SLOTS];
       if
       :: TAKEABLE(s, at) -> ok = 1; k = at % SLOTS; at++; look = 0
       :: POS(s) == at && !TAKEABLE(s, at) ->
          if
          :: JUNK(s, at) -> look = 0
#ifdef mutant_junk_delivered
          :: KIND(s) == STAGED -> ok = 1; k = at % SLOTS; at++; look = 0
#endif
#ifdef mutant_head_not_repaired
          :: else -> look = 0
#else
          :: else -> at++
#endif
          fi
       :: POS(s) != at -> look = (POS(s) < at -> SKIPPED : BEHIND)
       fi;
       s = 0 }
  :: atomic { look == SKIPPED -> look = (at >= skipped_until -> 0 : BEHIND) }
  :: atomic { look == BEHIND -> look = (at >= tail -> 0 : REREAD) }
  :: atomic { look == REREAD ->
       if
#ifndef mutant_skip_not_looked_at_again
       :: POS(state[at % SLOTS]) == at
#endif
       :: else -> at++
       fi;
       look = AGAIN }
  :: atomic { look == 0 && ok ->
       s = state[k]; check_delivery(k, s);
#ifdef mutant_head_before_lease
       head = at }
     atomic {
#endif
#ifdef POPS
       /* The bytes are copied; the commit is the end of the message, too. */
       content[POS(s)] = DONE; state[k] = STATE(FREE, POS(s), 0, 0); break }
#else
       state[k] = STATE(LEASED, POS(s), 1, me); break }
#endif
  :: atomic { look == 0 && !ok && seq == 0 -> k = 0; break }
  od
}

inline tell_space() {
#ifndef mutant_ack_wakes_nobody
  notify(space);
#endif
#ifndef mutant_last_ack_wakes_nobody
  if
  :: atomic { closed -> skip }
     notify(items)
  :: atomic { !closed -> skip }
  fi;
#endif
  goto take
}

proctype consumer(byte me) {
  byte k, at, seq, key, look;
  short s;
  bool ok, over;
  MORTAL
take:
    try_take();
    atomic {
      head = at; at = 0; seq = 0; consumers = 0;
      if
      :: ok -> ok = 0; key = 0; over = 0; goto finish
      :: !ok && !over -> goto wait
      :: else
      fi
    }
    /* Closed, and no slot holds a message: each looked at by itself. */
    do
    :: atomic { k < SLOTS ->
         if
         :: KIND(state[k]) == FREE || (KIND(state[k]) == STAGED && POS(state[k]) >= tail) -> k++
#ifdef mutant_closed_while_leased
         :: KIND(state[k]) == LEASED -> k++
#endif
         :: else -> k = 0; over = 0; goto wait
         fi }
    :: atomic { k == SLOTS -> k = 0; over = 0; key = 0; goto through }
    od;
wait:
    if
    :: atomic { key == 0 -> event[items] = event[items] | 1; key = event[items]; goto take }
    :: key != 0 -> futex_wait(items, me, key)
    fi;
    goto take;
finish:
    /* Acknowledged, or given back. */
#ifdef POPS
    atomic { s = 0; k = 0 }
    tell_space();
#else
    if
    :: atomic { content[POS(s)] = DONE; state[k] = STATE(FREE, POS(s), 0, 0); s = 0; k = 0 }
       tell_space()
    :: atomic { nacks > 0 -> nacks--; state[k] = STATE(RETURNED, POS(s), 1, 0); s = 0; k = 0 }
#ifndef mutant_nack_not_announced
       atomic { returned_seq++ }
#endif
       notify(items);
       goto take
    fi;
#endif
through:
    skip;
  UNLESS_KILLED(me)
}

inline sweep_of(who) {
  do
  :: atomic { k < SLOTS ->
       if
#ifndef mutant_sweep_keeps_leases
       :: KIND(state[k]) == LEASED && ID(state[k]) == who ->
          state[k] = STATE(RETURNED, POS(state[k]), 1, 0)
#endif
       :: else
       fi;
       k++ }
  :: atomic { k == SLOTS -> k = 0; break }
  od;
#ifndef mutant_sweep_not_announced
  atomic { returned_seq++ }
#endif
  atomic { if :: producers == who -> producers = 0 :: else fi }
  atomic { if :: consumers == who -> consumers = 0 :: else fi }
#ifndef mutant_sweep_wakes_nobody
  wake(items);
  wake(space);
#endif
  atomic { swept[who] = 1 }
}

#ifdef SWEEPER_DIES
/* Process 3 sweeps, and is followed by somebody who lives. */
#define DIED_SWEEPING dead[3]
proctype first_sweep(byte who) {
  byte k;
  dead[who];
  MORTAL
    sweep_of(who);
  UNLESS_KILLED(3)
}
#else
#define DIED_SWEEPING 1
#endif
proctype sweep(byte who) {
  byte k;
  dead[who] && DIED_SWEEPING && !swept[who];
  sweep_of(who)
}

#ifdef LEASE_ENDS
/* Took the first message long ago, and acknowledges it some day. */
proctype lessee(byte me) {
  MORTAL
    atomic { content[2] = DONE; state[0] = STATE(FREE, 2, 0, 0) }
    notify(space);
    if
    :: atomic { closed -> skip }
       notify(items)
    :: atomic { !closed -> skip }
    fi;
  UNLESS_KILLED(me)
}
#endif

#define IS_MESSAGE(k) (KIND(state[k]) == FULL || KIND(state[k]) == RETURNED || \
                       (KIND(state[k]) == STAGED && POS(state[k]) < tail))
#define IS_LEASED(k) (KIND(state[k]) == LEASED && !dead[ID(state[k])])
#define NOTHING_TO_TAKE \
  (!IS_MESSAGE(0) && !IS_MESSAGE(1) && (!closed || IS_LEASED(0) || IS_LEASED(1)))
#define USABLE(pos) (KIND(state[(pos) % SLOTS]) == FREE)
#define IN_THE_WAY(pos) (KIND(state[(pos) % SLOTS]) == LEASED || KIND(state[(pos) % SLOTS]) == RETURNED)
#define THROUGH(id) (working[id] == 0 || asleep[id] != 0 || dead[id])

init {
  byte at;
  atomic {
#ifdef FILLED
    state[0] = STATE(FULL, 2, 0, 0); bytes[0] = 100; content[2] = 100; tail = 3;
#endif
#ifdef LONG_LEASE
    state[0] = STATE(LEASED, 2, 1, 3); bytes[0] = 100; content[2] = 100; last_first = 2;
    tail = 4; head = 4;
#ifdef LEASE_ENDS
    working[3] = 1;
    run lessee(3); run sweep(3);
#endif
#endif
#ifdef TWO_CONSUMERS
    working[3] = 1;
    run consumer(3); run sweep(3);
#endif
#ifdef SWEEPER_DIES
    working[3] = 2;
    run first_sweep(1); run first_sweep(2);
#endif
    working[1] = 1; working[2] = 1;
    run producer(1); run consumer(2);
    run sweep(1); run sweep(2);
    run killer()
  }
  atomic {
    timeout ->
    assert(THROUGH(1) && THROUGH(2));
#ifndef SWEEPER_DIES
    assert(THROUGH(3));
#endif
    assert((!dead[1] || swept[1]) && (!dead[2] || swept[2]));
    /* Nobody sleeps who could go on. */
    assert(dead[2] || asleep[2] == 0 || NOTHING_TO_TAKE);
    assert(dead[3] || asleep[3] == 0 || NOTHING_TO_TAKE);
    assert(dead[1] || asleep[1] == 0 || !(USABLE(tail) || (IN_THE_WAY(tail) && USABLE(tail + 1))));
    /* What was committed was acknowledged, or is there. */
    do
    :: at < POSITIONS ->
       assert(content[at] == 0 || content[at] == DONE ||
              (POS(state[at % SLOTS]) == at && (IS_MESSAGE(at % SLOTS) || IS_LEASED(at % SLOTS)) &&
               bytes[at % SLOTS] == content[at]));
       at++
    :: else -> break
    od
  }
}
