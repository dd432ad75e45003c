/* One direction of the pipe, as in pipe_layout.hpp: records in place, committed by their headers,
 * with a tail that follows.
 *
 * A record is a header and two words of bytes, or one, in turn; behind the last one stands a 0. In a
 * ring of nine words some need a pad. With BATCH two records are committed at once where they fit. The
 * memory begins as an earlier lap may leave it. The sender closes at its end, the receiver reads to
 * the end of file; it looks at the header or at the tail, as it likes. */
#ifndef MESSAGES
#define MESSAGES 4
#endif
#ifndef WORDS
#define WORDS 9
#endif
#define SIZE(message) (2 + (message) % 2)
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
#define FITS(position, message) ((position) % WORDS + SIZE(message) <= WORDS)
#define NEXT_LAP(position) (((position) / WORDS + 1) * WORDS)
/* I2: `end` is behind the last record, where the 0 goes to. */
#ifdef mutant_room_for_one_too_many
#define ROOM(end, head) ((end) + 1 - (head) <= WORDS + 3)
#else
#ifdef mutant_no_room_for_the_mark
#define ROOM(end, head) ((end) - (head) <= WORDS)
#else
#define ROOM(end, head) ((end) + 1 - (head) <= WORDS)
#endif
#endif

#ifdef mutant_commits_before_bytes
#define BEFORE (committed - n)
#else
#define BEFORE committed
#endif

inline write_bytes(position, message) {
  atomic { AT(position + 1) = message }
  if
  :: atomic { SIZE(message) == 3 -> AT(position + 2) = message }
  :: atomic { SIZE(message) != 3 -> skip }
  fi
}

/* t: where the header stands that commits, of a pad or of a record. */
inline commit() {
  atomic { AT(t) = (first == t -> RECORD : PAD); committed = committed + n }
}

proctype sender(byte me) {
  byte t, first, end, n, head_seen, key;
  MORTAL
send:
    atomic {
      first = (FITS(t, committed + 1) -> t : NEXT_LAP(t));
      end = first + SIZE(committed + 1); n = 1;
#ifdef BATCH
      if
      :: committed + 2 <= MESSAGES && FITS(end, committed + 2) &&
         ROOM(end + SIZE(committed + 2), head_seen) ->
         end = end + SIZE(committed + 2); n = 2
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
#ifdef mutant_commits_before_bytes
    commit();
#endif
    if
    :: atomic { first != t -> AT(first) = RECORD }
    :: atomic { first == t -> skip }
    fi;
    write_bytes(first, BEFORE + 1);
#ifdef mutant_batch_in_the_open
    atomic { AT(t) = (first == t -> RECORD : PAD) }
#endif
    if
    :: atomic { n == 2 -> AT(first + SIZE(BEFORE + 1)) = RECORD }
       write_bytes(first + SIZE(BEFORE + 1), BEFORE + 2)
    :: atomic { n == 1 -> skip }
    fi;
#ifndef mutant_end_unmarked
    atomic { AT(end) = 0 }
#endif
#ifdef mutant_tail_first
    atomic { tail = end }
#endif
#ifndef mutant_commits_before_bytes
    commit();
#endif
    atomic { tail = end; t = end; first = 0; end = 0; n = 0 }
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
  byte h, seen, key;
  bool over;
  MORTAL
receive:
    if
    :: atomic { seen > h -> goto take }
    :: atomic { seen <= h && tail > h -> seen = tail; goto take }
    :: atomic { seen <= h && AT(h) != 0 -> goto take }
    /* The end was seen, and then the header once more (E3). */
    :: atomic { seen <= h && AT(h) == 0 && over -> goto through }
    :: atomic { seen <= h && AT(h) == 0 && !over -> skip }
#ifdef mutant_end_by_tail
    :: atomic { seen <= h && tail <= h && over -> goto through }
#endif
    :: atomic { seen <= h && tail <= h && !over -> skip }
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
take:
    if
    :: atomic { AT(h) == PAD -> h = NEXT_LAP(h); key = 0; goto receive }
    :: atomic { AT(h) != PAD ->
         key = 0; over = 0; assert(AT(h) == RECORD && received < committed) }
    fi;
#ifdef mutant_head_moves_first
    atomic { head = h + SIZE(received + 1) }
#endif
    atomic { assert(AT(h + 1) == received + 1) }
    atomic { assert(SIZE(received + 1) != 3 || AT(h + 2) == received + 1) }
    atomic { h = h + SIZE(received + 1); head = h; received++ }
#ifndef mutant_receive_wakes_nobody
    notify(space);
#endif
    goto receive;
through:
    atomic { h = 0; seen = 0; key = 0 }
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
    ring[1] = RECORD; ring[2] = RECORD; ring[3] = RECORD; ring[4] = RECORD;
    ring[5] = RECORD; ring[6] = RECORD; ring[7] = RECORD; AT(8) = RECORD; ring[0] = 0;
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
