/* The semaphore, as in permit_layout.hpp: rows are the truth, `available` is derived.
 *
 * Every process acquires one permit and releases it; who finds none waits in a line and is called.
 * Newcomers may overtake. Tickets are places in the line; a sweep looks at no lock. */
#ifndef TOTAL
#define TOTAL 1
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif
#define PROCESSES 3
#include "crash.inc"

byte owner; /* of the inner lock */
byte held[PROCESSES + 1];
byte available = TOTAL;
bool busy;
byte swept_seq, swept_done;
byte ticket[PROCESSES + 1]; /* place.tag and place.ticket: 0 is a free place */
byte next_ticket;
bool word[PROCESSES + 1]; /* 1: look again */
bool asleep[PROCESSES + 1];

#define HELD (held[1] + held[2] + held[3])
#define BEFORE(id, other) (ticket[other] != 0 && ticket[other] < ticket[id])
#define WANTED_BEFORE(id) (BEFORE(id, 1) + BEFORE(id, 2) + BEFORE(id, 3))
#define WANTED ((ticket[1] != 0) + (ticket[2] != 0) + (ticket[3] != 0))
#define MAY_GO(id) (ticket[id] != 0 && available >= 1 + WANTED_BEFORE(id))

/* After the lock was taken. */
#ifdef mutant_not_repaired
#define enter busy = 1
#else
#define enter repair = (busy || swept_seq != swept_done); busy = 1
#endif

inline repair_if_needed() {
  if
#ifdef mutant_seq_read_last
  :: atomic { repair -> sum = held[1] }
#else
  :: atomic { repair -> seq = swept_seq }
     atomic { sum = held[1] }
#endif
     atomic { sum = sum + held[2] }
     atomic { sum = sum + held[3] }
#ifdef mutant_seq_read_last
     atomic { seq = swept_seq }
#endif
     atomic { available = TOTAL - sum; sum = 0 }
     atomic { swept_done = seq; seq = 0; repair = 0 }
  :: atomic { !repair -> skip }
  fi
}

inline take() {
#ifdef mutant_busy_cleared_first
  atomic { busy = 0 }
#endif
  atomic { available-- }
  atomic { held[me]++; assert(HELD <= TOTAL) } /* commits */
}

/* Calls who can go now; the wake-ups follow when the lock is free. */
inline call(id) {
  if
  :: MAY_GO(id) -> word[id] = 1; called[id] = 1
  :: else
  fi
}
#ifdef mutant_calls_nobody
#define CALL skip
#else
#define CALL atomic { call(1); call(2); call(3) }
#endif
inline leave() {
  atomic { busy = 0; owner = 0 }
}
inline wake_called() {
#ifndef mutant_wakes_nobody
  atomic {
    if :: called[1] -> asleep[1] = 0 :: else fi;
    if :: called[2] -> asleep[2] = 0 :: else fi;
    if :: called[3] -> asleep[3] = 0 :: else fi;
    called[1] = 0; called[2] = 0; called[3] = 0
  }
#else
  atomic { called[1] = 0; called[2] = 0; called[3] = 0 }
#endif
}
#define LOCK (owner == 0 || dead[owner])

proctype user(byte me) {
  byte seq, sum, rounds;
  bool repair, called[PROCESSES + 1];
  MORTAL
acquire:
    atomic { LOCK -> owner = me; enter }
    repair_if_needed();
    if
    :: atomic { available >= 1 + WANTED -> skip }
       take();
       leave();
       goto acquired
    :: atomic { available >= 1 && available < 1 + WANTED -> skip } /* a newcomer overtakes */
       take();
       CALL;
       leave();
       wake_called();
       goto acquired
    :: atomic { available < 1 + WANTED -> next_ticket++; ticket[me] = next_ticket } /* joins */
    fi;
    leave();
turns:
    atomic { LOCK -> owner = me }
#ifndef mutant_word_cleared_late
    atomic { word[me] = 0 }
#endif
    atomic { enter }
    repair_if_needed();
    if
    :: atomic { MAY_GO(me) -> skip }
       take();
       atomic { ticket[me] = 0 }
#ifndef mutant_leaver_calls_nobody
       CALL;
#endif
       leave();
       wake_called();
       goto acquired
    :: atomic { !MAY_GO(me) -> skip }
    fi;
    CALL;
    leave();
    wake_called();
#ifdef mutant_word_cleared_late
    atomic { word[me] = 0 }
#endif
    atomic { asleep[me] = !word[me] } /* futex_wait */
    atomic { !asleep[me] -> goto turns }
acquired:
    atomic { LOCK -> owner = me; enter }
    repair_if_needed();
    atomic { assert(held[me] == 1); held[me]-- } /* commits */
    atomic { available++ }
    CALL;
    leave();
    wake_called();
    atomic {
      rounds++;
      if
      :: rounds < ROUNDS -> goto acquire
      :: else -> rounds = 0
      fi
    }
  UNLESS_KILLED(me)
}

proctype sweep(byte who) {
  dead[who];
#ifdef mutant_swept_before_row
  atomic { swept_seq++ }
#endif
#ifndef mutant_row_kept
  atomic { held[who] = 0 }
#endif
#ifndef mutant_place_kept
  atomic { ticket[who] = 0 }
#endif
#if !defined(mutant_swept_before_row) && !defined(mutant_not_marked_swept)
  atomic { swept_seq++ }
#endif
  atomic { if :: owner == who -> owner = 0 :: else fi }
#ifndef mutant_sweep_calls_nobody
  atomic { word[1] = 1; word[2] = 1; word[3] = 1 }
  atomic { asleep[1] = 0; asleep[2] = 0; asleep[3] = 0 }
#endif
}

init {
  atomic {
    working[1] = 1; working[2] = 1;
    run user(1); run user(2);
#ifdef THREE
    working[3] = 1;
    run user(3);
#endif
    run sweep(1); run sweep(2); run sweep(3);
    run killer()
  }
  atomic {
    timeout ->
    assert((dead[1] || working[1] == 0) && (dead[2] || working[2] == 0));
    assert(dead[3] || working[3] == 0);
    /* Everything is back, and is found by whoever comes next. */
    assert(HELD == 0 && WANTED == 0);
    assert(busy || swept_seq != swept_done || available == TOTAL)
  }
}
