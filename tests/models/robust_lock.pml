/* robust_lock.hpp with store buffers: two or three processes lock and unlock, and die anywhere. */
#ifndef ROUNDS
#define ROUNDS 1
#endif
#define PROCESSES 3
#include "crash.inc"

byte owner;
bool sleepers;
bool asleep[PROCESSES + 1];
byte inside;       /* who is in the critical section, as the model knows */

#define UNOWN 1
#define UNSLEEP 2
inline APPLY(what) {
  if
  :: what == UNOWN -> owner = 0
  :: what == UNSLEEP -> sleepers = 0
  fi
}
#include "store_buffer.inc"

/* A system call: the buffer is empty when it begins. */
inline futex_wake(id) {
  atomic { apply_all(id); asleep[1] = 0; asleep[2] = 0; asleep[3] = 0 }
}

proctype contender(byte me) {
  byte rounds, holder, stored;
  MORTAL
enter:
    if
    :: atomic { EMPTY(me) && owner == 0 -> owner = me; goto taken }
    :: atomic { EMPTY(me) && owner != 0 -> holder = owner }
    fi;
    /* Spinning has not helped: is the holder dead? */
    if
#ifndef mutant_dead_locks_stay
    :: atomic { SEEN_DEAD(holder) && owner == holder -> owner = me; goto taken }
#endif
    :: atomic { !SEEN_DEAD(holder) || owner != holder -> holder = 0 }
    fi;
    atomic { sleepers = 1 }
    HEAVY_FENCE;
#ifndef mutant_owner_not_looked_at_again
    if
    :: atomic { owner == 0 -> goto enter }
    :: atomic { owner != 0 -> skip }
    fi;
#endif
    /* futex_wait: only while the flag is set. */
    atomic {
#ifdef mutant_sleeps_unconditionally
      asleep[me] = 1
#else
      asleep[me] = sleepers
#endif
    }
    atomic { !asleep[me] -> goto enter }
taken:
    atomic { assert(inside == 0 || dead[inside]); inside = me; holder = 0 }
    atomic { assert(inside == me); inside = 0; buffer[me]!UNOWN }
    LIGHT_FENCE;
#ifdef mutant_unlock_wakes_nobody
    skip;
#else
    if
    :: atomic { sleepers -> buffer[me]!UNSLEEP }
       futex_wake(me)
    :: atomic { !sleepers -> skip }
    fi;
#endif
    atomic {
      rounds++;
      if
      :: rounds < ROUNDS -> goto enter
      :: else -> rounds = 0
      fi
    }
  UNLESS_KILLED(me)
}

/* release_dead, by somebody whose own stores are not in question. */
proctype sweep(byte who) {
  SEEN_DEAD(who);
#ifndef mutant_dead_locks_stay
  atomic { if :: owner == who -> owner = 0 :: else fi }
#endif
#ifndef mutant_sweep_wakes_nobody
  atomic { sleepers = 0 }
  atomic { asleep[1] = 0; asleep[2] = 0; asleep[3] = 0 }
#endif
}

init {
  atomic {
    working[1] = 1; working[2] = 1;
    run contender(1); run contender(2);
#ifdef THREE
    working[3] = 1;
    run contender(3);
#endif
    run drain(1); run drain(2); run drain(3);
    run sweep(1); run sweep(2); run sweep(3);
    run killer()
  }
  atomic {
    timeout ->
    assert(dead[1] || working[1] == 0);
    assert(dead[2] || working[2] == 0);
    assert(dead[3] || working[3] == 0)
  }
}
