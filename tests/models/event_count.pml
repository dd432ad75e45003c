/* event_count.hpp with store buffers: one publishes, two wait. No slices: who is not woken sleeps
 * for ever. */
#ifndef PUBLISHED
#define PUBLISHED 2
#endif
#define PROCESSES 3
#define EVENTS 1
#define news 0
#include "crash.inc"
#include "sleep.inc"

byte published, seen_by[PROCESSES + 1];
#define PUBLISH 1
inline APPLY(what) {
  assert(what == PUBLISH);
  published++
}
#include "store_buffer.inc"

proctype notifier(byte me) {
  byte n, stored;
  MORTAL
publish:
    atomic { buffer[me]!PUBLISH; n++ }
    LIGHT_FENCE;
#ifndef mutant_wakes_nobody
    if
    :: atomic { WANTED(news) -> skip }
#ifdef mutant_word_not_advanced
       atomic { apply_all(me) }
#else
       atomic { apply_all(me); event[news] = ((event[news] >> 1) + 1) << 1 }
#endif
       futex_wake(news)
    :: atomic { !WANTED(news) -> skip }
    fi;
#endif
    if
    :: n < PUBLISHED -> goto publish
    :: else
    fi;
  UNLESS_KILLED(me)
}

/* Wants to see everything that is published. */
proctype waiter(byte me) {
  byte key, stored;
  MORTAL
look:
    if
    :: atomic { published > seen_by[me] -> seen_by[me] = published; key = 0;
         if
         :: seen_by[me] == PUBLISHED -> goto through
         :: else -> goto look
         fi }
    :: atomic { published == seen_by[me] && key == 0 -> skip }
    :: atomic { published == seen_by[me] && key != 0 -> goto sleep }
    fi;
#ifdef mutant_announced_too_late
    atomic { key = event[news] | 1 }
    HEAVY_FENCE;
    if
    :: atomic { published > seen_by[me] -> key = 0; goto look }
    :: atomic { published == seen_by[me] -> skip }
    fi;
    atomic { event[news] = event[news] | 1 }
    goto sleep;
#else
    announce(news, key);
    HEAVY_FENCE;
    goto look;
#endif
sleep:
#ifdef mutant_sleeps_unconditionally
    atomic { asleep[me] = news + 1; key = 0 }
    atomic { asleep[me] == 0 -> skip }
#else
    futex_wait(news, me, key);
#endif
    goto look;
through:
    skip;
  UNLESS_KILLED(me)
}

proctype sweep(byte who) {
  SEEN_DEAD(who);
#ifndef mutant_sweep_wakes_nobody
  wake(news)
#endif
}

init {
  atomic {
    working[1] = 1; working[2] = 1; working[3] = 1;
    run notifier(1); run waiter(2); run waiter(3);
    run drain(1);
    run sweep(1); run sweep(2); run sweep(3);
    run killer()
  }
  atomic {
    timeout ->
    assert(dead[1] || working[1] == 0);
    /* Nobody sleeps who has not seen everything, and to see something means to be awake. */
    assert(dead[1] || dead[2] || working[2] == 0);
    assert(dead[1] || dead[3] || working[3] == 0);
    assert(dead[2] || working[2] == 0 || seen_by[2] == published);
    assert(dead[3] || working[3] == 0 || seen_by[3] == published)
  }
}
