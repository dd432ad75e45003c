/* The payload pool's references, and a queue that carries them.
 *
 * Processes loan, send, lease and acknowledge, pop, send on, and free. Whoever dies is swept twice,
 * in any order and at the same time: in the pool and in the queue. The queue's own steps are coarse
 * here (queue.pml has them all); its commits are single stores, as there. */
#ifndef LOANS
#define LOANS 2
#endif
#ifndef TAKES
#define TAKES 2
#endif
#ifndef CHUNKS
#define CHUNKS 2
#endif
#define SLOTS 2
#define PROCESSES 2
#include "crash.inc"

/* A reference's word: generation, FREE | OWNED(id) | MOVING(id); id 0: nobody need finish it. */
#define FREE 0
#define OWNED 1
#define MOVING 2
#define WORD(kind, id, gen) (((gen) << 4) | ((kind) << 2) | (id))
#define KIND(w) (((w) >> 2) & 3)
#define ID(w) ((w) & 3)
#define GEN(w) ((w) >> 4)

/* A slot's state: position, kind, id. VACANT is the queue's `free`. */
#define VACANT 0
#define FULL 1
#define STAGED 2
#define LEASED 3
#define RETURNED 4
#define STATE(kind, pos, id) (((pos) << 5) | ((kind) << 2) | (id))
#define SLOT_KIND(s) (((s) >> 2) & 7)
#define SLOT_ID(s) ((s) & 3)
#define POS(s) ((s) >> 5)

/* What a message carries. */
#define HANDLE(chunk, gen) (((gen) << 1) | (chunk))
#define CHUNK_OF(h) ((h) & 1)
#define GEN_OF(h) ((h) >> 1)

short word[CHUNKS];
short state[SLOTS];
byte bytes[SLOTS];
byte producers, consumers, pool_lock;
byte tail = SLOTS, head = SLOTS;

#define FREE_OR_DEAD(lock) (lock == 0 || dead[lock])
#define COMMITTED(k) (SLOT_KIND(state[k]) != VACANT && \
                      (SLOT_KIND(state[k]) != STAGED || POS(state[k]) < tail))
#ifdef mutant_junk_is_found
#define LOOKS_COMMITTED(k) (SLOT_KIND(state[k]) != VACANT)
#else
#define LOOKS_COMMITTED(k) COMMITTED(k)
#endif
/* Something a consumer would find, or pass over. */
#define NEXT (state[head % SLOTS])
#define MAY_TAKE (SLOT_KIND(state[0]) == RETURNED || SLOT_KIND(state[1]) == RETURNED || \
                  (POS(NEXT) == head && SLOT_KIND(NEXT) != STAGED) || head < tail)
#define QUEUED(h) ((COMMITTED(0) && bytes[0] == (h)) || (COMMITTED(1) && bytes[1] == (h)))
#define NAMED(chunk) ((COMMITTED(0) && CHUNK_OF(bytes[0]) == (chunk)) || \
                      (COMMITTED(1) && CHUNK_OF(bytes[1]) == (chunk)))
/* A payload whose message is committed and not acknowledged is never freed. */
#define SET_FREE(chunk, gen) \
  assert(KIND(word[chunk]) != FREE && !QUEUED(HANDLE(chunk, gen))); word[chunk] = WORD(FREE, 0, gen)
/* Nobody else changes the word of whom it names. */
#define STILL(kind, id) assert(word[chunk] == WORD(kind, id, gen))

/* Under a lock: FREE -> OWNED(me), a new generation. */
inline loan() {
  atomic {
    loans < LOANS && FREE_OR_DEAD(pool_lock) -> pool_lock = me; loans++; chunk = 0;
    do
    :: chunk < CHUNKS && KIND(word[chunk]) != FREE -> chunk++
    :: else -> break
    od;
    if
    :: chunk < CHUNKS ->
       assert(!NAMED(chunk));
       gen = GEN(word[chunk]) + 1; word[chunk] = WORD(OWNED, me, gen)
    :: else
    fi
  }
  pool_lock = 0
}

/* OWNED(me) -> MOVING(me); push *. Full: OWNED(me) again, and here then freed. */
inline send() {
#ifndef mutant_sent_before_moving
  atomic { STILL(OWNED, me); word[chunk] = WORD(MOVING, me, gen) }
#endif
  atomic {
    FREE_OR_DEAD(producers) -> producers = me; at = tail; end = tail; ok = 0; skipped = 0; k = 0;
    do
    :: k < SLOTS ->
       s = state[at % SLOTS];
       if
       :: POS(s) == at && SLOT_KIND(s) != STAGED ->
          if
          :: !skipped -> end = at + 1
          :: else
          fi
       :: else ->
          if
          :: SLOT_KIND(s) == FULL || (SLOT_KIND(s) == STAGED && POS(s) < tail) -> break
          :: SLOT_KIND(s) == LEASED || SLOT_KIND(s) == RETURNED -> skipped = 1
          :: else -> ok = 1; end = at + 1; break
          fi
       fi;
       at++; k++
    :: else -> break
    od;
    s = 0; k = 0
  }
  if
  :: atomic { ok -> bytes[at % SLOTS] = HANDLE(chunk, gen) }
     atomic { state[at % SLOTS] = STATE((skipped -> STAGED : FULL), at, 0); at = 0; skipped = 0 }
     atomic { tail = end; producers = 0; end = 0 }
#ifdef mutant_sent_before_moving
     atomic { word[chunk] = WORD(MOVING, me, gen) }
#endif
#ifdef mutant_sender_lets_go
     atomic {
       if
       :: word[chunk] == WORD(MOVING, me, gen) -> word[chunk] = WORD(MOVING, 0, gen)
       :: else
       fi
     }
#endif
     atomic { chunk = 0; gen = 0; ok = 0 }
  :: atomic { !ok -> tail = end; producers = 0; at = 0; end = 0; skipped = 0 }
#ifndef mutant_sent_before_moving
     atomic { STILL(MOVING, me); word[chunk] = WORD(OWNED, me, gen) }
#endif
     give_up()
  fi
}

inline give_up() {
  atomic { STILL(OWNED, me); SET_FREE(chunk, gen); chunk = 0; gen = 0 }
}

/* Under the consumers' lock: which slot is next? Returned ones first. Then ok, k, at; s is the
 * slot's state. */
inline find_message() {
  at = head; ok = 0; k = 0;
  do
  :: k < SLOTS && SLOT_KIND(state[k]) != RETURNED -> k++
  :: k < SLOTS && SLOT_KIND(state[k]) == RETURNED -> ok = 1; break
  :: k == SLOTS ->
     s = state[at % SLOTS];
     if
     :: POS(s) == at && (SLOT_KIND(s) == FULL || (SLOT_KIND(s) == STAGED && at < tail)) ->
        k = at % SLOTS; ok = 1; at++; break
     :: (POS(s) == at && SLOT_KIND(s) != STAGED && SLOT_KIND(s) != FULL) || (POS(s) != at && at < tail) -> at++
     :: else -> break
     fi
  od;
  if
  :: ok -> takes++; s = state[k]; chunk = CHUNK_OF(bytes[k]); gen = GEN_OF(bytes[k])
  :: else -> s = 0; k = 0
  fi
}

/* MOVING(anybody) -> MOVING(me): the loop of a compare-exchange as the one step it ends in. */
inline begin_take() {
  atomic {
    assert(GEN(word[chunk]) == gen && KIND(word[chunk]) == MOVING);
    word[chunk] = WORD(MOVING, me, gen)
  }
}

inline leave_vacant() {
  atomic { state[k] = STATE(VACANT, POS(s), 0); s = 0; k = 0 }
}

/* Leased, read in place, acknowledged: MOVING(me); vacant *; FREE. */
inline lease_and_ack() {
  atomic {
    takes < TAKES && MAY_TAKE && FREE_OR_DEAD(consumers) -> consumers = me;
    find_message();
    if
    :: ok -> state[k] = STATE(LEASED, POS(s), me)
    :: else
    fi
  }
  atomic { head = at; consumers = 0; at = 0 }
  if
  :: ok ->
#ifdef mutant_ack_before_moving
     leave_vacant();
     begin_take();
#else
     begin_take();
     leave_vacant();
#endif
     atomic { STILL(MOVING, me); SET_FREE(chunk, gen); chunk = 0; gen = 0; ok = 0 }
  :: atomic { else -> skip }
  fi
}

/* Popped: MOVING(me); vacant *; OWNED(me) with a new generation. Then sent on, or freed. */
inline pop() {
  atomic {
    takes < TAKES && MAY_TAKE && FREE_OR_DEAD(consumers) -> consumers = me;
    find_message()
  }
  if
  :: ok ->
     begin_take();
     leave_vacant();
     atomic { head = at; consumers = 0; at = 0 }
     atomic {
       STILL(MOVING, me);
#ifndef mutant_generation_kept
       gen++;
#endif
       word[chunk] = WORD(OWNED, me, gen); ok = 0
     }
     if
     :: send()
     :: give_up()
     fi
  :: atomic { !ok -> head = at; consumers = 0; at = 0 }
  fi
}

proctype producer(byte me) {
  byte loans, chunk, gen, at, end, k;
  short s;
  bool ok, skipped;
  MORTAL
    do
    :: loan();
       if
       :: atomic { chunk == CHUNKS -> chunk = 0 }
       :: chunk < CHUNKS -> send()
       fi
    :: loans == LOANS -> break
    od;
  UNLESS_KILLED(me)
}

proctype consumer(byte me) {
  byte takes, chunk, gen, at, end, k;
  short s;
  bool ok, skipped;
  MORTAL
    do
    :: lease_and_ack()
    :: pop()
    :: takes == TAKES -> break
    od;
  UNLESS_KILLED(me)
}

/* Notes the words that name the dead, or nobody; reads the queue; what is noted and was met there is
 * MOVING(0), what was not is FREE. A slot that changed while it was looked at is looked at again. */
proctype pool_sweep(byte who) {
  byte chunk, k, h;
  short s, noted[CHUNKS];
  dead[who];
  do
  :: atomic { chunk < CHUNKS ->
       if
       :: KIND(word[chunk]) == OWNED && ID(word[chunk]) == who -> SET_FREE(chunk, GEN(word[chunk]))
#ifdef mutant_sweep_trusts_moving
       :: KIND(word[chunk]) == MOVING && ID(word[chunk]) == who -> SET_FREE(chunk, GEN(word[chunk]))
#else
       :: KIND(word[chunk]) == MOVING && (ID(word[chunk]) == who || ID(word[chunk]) == 0) ->
          noted[chunk] = word[chunk]
#endif
       :: else
       fi;
       chunk++ }
  :: atomic { chunk == CHUNKS -> chunk = 0; break }
  od;
  do
  :: atomic { k < SLOTS && LOOKS_COMMITTED(k) -> s = state[k] }
     h = bytes[k];
     atomic {
       chunk = CHUNK_OF(h);
       if
       :: state[k] != s -> s = 0; h = 0; chunk = 0
       :: else ->
          k++; s = 0;
          if
          :: noted[chunk] != 0 && GEN(noted[chunk]) == GEN_OF(h) -> skip
          :: else -> h = 0; chunk = 0
          fi
       fi
     }
     atomic {
       if
       :: h != 0 && word[chunk] == noted[chunk] -> word[chunk] = WORD(MOVING, 0, GEN_OF(h))
       :: else
       fi;
       if
       :: h != 0 -> noted[chunk] = 0
       :: else
       fi;
       h = 0; chunk = 0
     }
  :: atomic { k < SLOTS && !LOOKS_COMMITTED(k) -> k++ }
  :: atomic { k == SLOTS -> k = 0; break }
  od;
  do
  :: atomic { chunk < CHUNKS ->
       if
       :: noted[chunk] != 0 && word[chunk] == noted[chunk] -> SET_FREE(chunk, GEN(word[chunk]))
       :: else
       fi;
       noted[chunk] = 0; chunk++ }
  :: chunk == CHUNKS -> break
  od
}

/* LEASED(dead) -> RETURNED, and the locks. */
proctype queue_sweep(byte who) {
  byte k;
  dead[who];
  do
  :: atomic { k < SLOTS ->
       if
       :: SLOT_KIND(state[k]) == LEASED && SLOT_ID(state[k]) == who ->
          state[k] = STATE(RETURNED, POS(state[k]), 0)
       :: else
       fi;
       k++ }
  :: k == SLOTS -> break
  od
}

/* Nobody moves any more: a payload is free, or waits in the queue and names none of the dead. */
#define AT_REST(chunk) \
  (KIND(word[chunk]) == FREE || (KIND(word[chunk]) == MOVING && \
                                 (ID(word[chunk]) == 0 || !dead[ID(word[chunk])]) && \
                                 QUEUED(HANDLE(chunk, GEN(word[chunk])))))

init {
  atomic {
#ifdef COLLECT
    /* A message of a dead sender; somebody who wants a chunk collects what nobody takes. */
    word[0] = WORD(MOVING, 0, 1); state[0] = STATE(FULL, 2, 0); bytes[0] = HANDLE(0, 1); tail = 3;
    run pool_sweep(0);
    dead[0] = 1;
#endif
#ifdef SKIPS
    /* A long lease is in the producer's way. */
    word[0] = WORD(MOVING, 2, 1); state[0] = STATE(LEASED, 2, 2); bytes[0] = HANDLE(0, 1);
    tail = 4; head = 4;
#endif
    working[1] = 1; working[2] = 1;
#ifdef TWO_THREADS
    working[1] = 2;
    run consumer(1);
#endif
    run producer(1); run consumer(2);
    run pool_sweep(1); run pool_sweep(2);
    run queue_sweep(1); run queue_sweep(2);
    run killer()
  }
  atomic {
    timeout ->
    assert(AT_REST(0) && AT_REST(CHUNKS - 1));
    assert(!dead[SLOT_ID(state[0])] || SLOT_KIND(state[0]) != LEASED);
    assert(!dead[SLOT_ID(state[1])] || SLOT_KIND(state[1]) != LEASED)
  }
}
