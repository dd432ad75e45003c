/* One direction of the pipe, as in pipe_layout.hpp: records in place, committed by the tail.
 *
 * A record is three words of eight: a header and two words of bytes. So every third record needs a
 * pad. With BATCH two records are committed at once where they fit. The sender closes at its end,
 * the receiver reads to the end of file. */
#ifndef MESSAGES
#define MESSAGES 4
#endif
#define WORDS 8
#define SIZE 3
#define PROCESSES 2
#define EVENTS 2
#define data 0
#define space 1
#include "crash.inc"
#include "sleep.inc"

#define RECORD 100
#define PAD 101

byte ring[WORDS];
byte tail, head;            /* positions do not wrap here */
bool gone[PROCESSES + 1];   /* ends[id] */
byte committed, received;   /* messages 1, 2, ..., as the model knows */

#define AT(position) ring[(position) % WORDS]
#define FITS(position) ((position) % WORDS + SIZE <= WORDS)
#define NEXT_LAP(position) (((position) / WORDS + 1) * WORDS)
/* I2 */
#ifdef mutant_room_for_one_too_many
#define ROOM(end, head) ((end) - (head) <= WORDS + SIZE)
#else
#define ROOM(end, head) ((end) - (head) <= WORDS)
#endif

inline write_record(position, message) {
  atomic { AT(position) = RECORD }
  atomic { AT(position + 1) = message }
  atomic { AT(position + 2) = message }
}

proctype sender(byte me) {
  byte t, first, end, n, head_seen, key;
  MORTAL
send:
    atomic {
      first = (FITS(t) -> t : NEXT_LAP(t)); end = first + SIZE; n = 1;
#ifdef BATCH
      if
      :: first == t && committed + 2 <= MESSAGES && FITS(end) && ROOM(end + SIZE, head_seen) ->
         end = end + SIZE; n = 2
      :: else
      fi;
#endif
      if
      :: ROOM(end, head_seen) -> key = 0; goto write
      :: else
      fi
    }
    /* The cached head does not do: look. */
    atomic {
      head_seen = head;
      if
      :: ROOM(end, head_seen) -> goto send
      :: else
      fi
    }
    if
    :: atomic { gone[2] -> goto through }
    :: atomic { !gone[2] && key == 0 -> event[space] = event[space] | 1; key = event[space]; goto send }
    :: !gone[2] && key != 0 -> futex_wait(space, me, key)
    fi;
    goto send;
write:
    if
    :: atomic { first != t -> AT(t) = PAD }
    :: atomic { first == t -> skip }
    fi;
#ifdef mutant_commits_before_bytes
    atomic { tail = end; committed = committed + n }
    write_record(first, committed + 1 - n);
#else
    write_record(first, committed + 1);
#endif
#ifdef mutant_batch_in_the_open
    atomic { tail = first + SIZE }
#endif
    if
    :: n == 2 -> write_record(first + SIZE, committed + 2)
    :: n == 1
    fi;
#ifndef mutant_commits_before_bytes
    atomic { tail = end; committed = committed + n }
#endif
    atomic { t = end; first = 0; end = 0; n = 0 }
#ifndef mutant_send_wakes_nobody
    notify(data);
#endif
    if
    :: atomic { committed < MESSAGES && !gone[2] -> goto send }
    :: atomic { committed == MESSAGES || gone[2] -> skip }
    fi;
through:
    /* close */
    atomic { gone[1] = 1; key = 0; t = 0; head_seen = 0; first = 0; end = 0; n = 0 }
#ifndef mutant_close_wakes_nobody
    wake(data);
    wake(space);
#endif
  UNLESS_KILLED(me)
}

proctype receiver(byte me) {
  byte h, key;
  bool over;
  MORTAL
receive:
    if
    :: atomic { tail != h && AT(h) == PAD -> h = NEXT_LAP(h); key = 0; goto receive }
    :: atomic { tail != h && AT(h) != PAD ->
         key = 0; over = 0; assert(AT(h) == RECORD && received < committed) }
#ifdef mutant_head_moves_first
       atomic { head = h + SIZE }
#endif
       atomic { assert(AT(h + 1) == received + 1) }
       atomic { assert(AT(h + 2) == received + 1) }
       atomic { h = h + SIZE; head = h; received++ }
#ifndef mutant_receive_wakes_nobody
       notify(space);
#endif
       goto receive
    :: atomic { tail == h ->
         /* The end was seen, and then the tail once more (E3). */
         if
         :: over -> goto through
         :: else
         fi }
    fi;
    if
#ifdef mutant_end_without_another_look
    :: atomic { gone[1] -> goto through }
#else
    :: atomic { gone[1] -> over = 1; goto receive }
#endif
    :: atomic { !gone[1] && key == 0 -> event[data] = event[data] | 1; key = event[data]; goto receive }
    :: !gone[1] && key != 0 -> futex_wait(data, me, key)
    fi;
    goto receive;
through:
    atomic { h = 0; key = 0 }
    atomic { gone[2] = 1 }
    wake(data);
    wake(space);
    assert(received == committed);
  UNLESS_KILLED(me)
}

proctype sweep(byte who) {
  dead[who];
#ifndef mutant_sweep_ends_nothing
  atomic { gone[who] = 1 }
#endif
#ifndef mutant_sweep_wakes_nobody
  wake(data);
  wake(space)
#endif
}

init {
  atomic {
    working[1] = 1; working[2] = 1;
    run sender(1); run receiver(2);
    run sweep(1); run sweep(2);
    run killer()
  }
  atomic {
    timeout ->
    /* Each end comes to its end, whatever became of the other. */
    assert(dead[1] || working[1] == 0);
    assert(dead[2] || (working[2] == 0 && received == committed));
    assert(dead[1] || dead[2] || received == MESSAGES)
  }
}
