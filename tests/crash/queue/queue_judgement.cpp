// The survivor's part after the kill: is what it finds one of the outcomes that are allowed?

#include "queue_scenario.hpp"

#include <chrono>
#include <thread>

namespace hawser::test {

using namespace std::chrono_literals;
using killpoint::hang_limit;
using killpoint::verdict;
using clock = std::chrono::steady_clock;
using shm::push_status;
using shm::take_status;

template <class T>
template <class Operation>
auto queue_scenario<T>::timed(evidence& e, Operation operation) {
  const auto start = clock::now();
  auto result = operation();
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - start);
  e.found.slowest = std::max(e.found.slowest, took);
  return result;
}

template <class T>
void queue_scenario<T>::await_sweep(evidence& e, bool complete) {
  const auto start = clock::now();
  timed(e, [&] {
    while (raw_->participants() != expected_participants()) {
      const auto waited = clock::now() - start;
      // A victim that died between taking its place and saying so is nobody's business until
      // the next one looks: here, one that attaches. Nothing is in its hands yet.
      if (case_.what == operation::attach && !complete && waited > 20ms) queue{open_only, name_};
      if (waited > hang_limit) throw failed{"the victim was not swept"};
      std::this_thread::yield();
    }
    return true;
  });
}

template <class T>
bool queue_scenario<T>::sleeper_should_wake() {
  switch (case_.other) {
    case sleeping::undertaker: return true;
    case sleeping::pusher:
    case sleeping::space_watcher: return queue_->closed() || raw_->occupied() < case_capacity;
    default: return queue_->size() != 0 || queue_->drained();
  }
}

template <class T>
void queue_scenario<T>::hear_sleeper(evidence& e, killpoint::sleeper_news& sleeper) {
  auto text = sleeper.wait(0ms);
  if (!text && sleeper_should_wake()) {
    text = timed(e, [&] { return sleeper.wait(hang_limit); });
    if (!text) throw failed{"the sleeper was not woken"};
  }
  if (!text) {
    // It had no reason yet. It gets one now.
    if (pushes()) {
      const auto message = timed(e, [&] { return queue_->try_pop(); });
      if (!message) throw failed{"a full queue gave no message"};
      e.got.push_back({maker::id_of(*message), 1});
    } else {
      if (timed(e, [&] { return queue_->try_push(maker::make(of_survivor)); }) != push_status::ok)
        throw failed{"an empty queue took no message"};
      e.pushed_after.push_back(of_survivor);
    }
    text = timed(e, [&] { return sleeper.wait(hang_limit); });
    if (!text) throw failed{"the sleeper was not woken by the next operation"};
  }
  if (*text == "pushed") e.pushed_after.push_back(of_sleeper);
  else if (*text == "closed") {
    if (!queue_->closed()) throw failed{"the sleeper saw the end of a queue that is open"};
  } else if (case_.other == sleeping::undertaker) e.letters.push_back(std::stoull(*text));
  else e.got.push_back({std::stoull(*text), 1});
}

template <class T>
void queue_scenario<T>::drain(evidence& e) {
  const auto start = clock::now();
  // Every eighth time the survivor never sleeps: its own calls have to find the dead.
  const bool tries_only = slices() && points_ % 8 == 0;
  for (;;) {
    const bool swept = raw_->participants() == expected_participants();
    const auto before = clock::now();
    lease next = tries_only || swept ? queue_->try_lease() : queue_->lease_for(2ms);
    // The wait for a sweep is part of the next delivery.
    e.found.slowest =
        std::max(e.found.slowest, std::chrono::duration_cast<std::chrono::microseconds>(
                                      clock::now() - (next ? before : start)));
    if (next) {
      note(e, next);
      e.held.push_back(std::move(next));
      continue;
    }
    if (swept) break;
    if (clock::now() - start > hang_limit) throw failed{"the victim was not swept"};
  }
}

template <class T>
void queue_scenario<T>::read_letters(evidence& e) {
  if (case_.attempts_max == 0) return;
  queue dead{open_only, name_ + ".dead"};
  while (const auto letter = dead.try_pop()) e.letters.push_back(maker::id_of(*letter));
}

template <class T>
std::string queue_scenario<T>::listen(killpoint::sleeper_news& sleeper) {
  if (!sleeper_should_wake() || sleeper.wait(hang_limit)) return {};
  return "the sleeper was not woken by the operation";
}

template <class T>
verdict queue_scenario<T>::check(killpoint::sleeper_news& sleeper, bool complete) {
  evidence e;
  try {
    if (has_sleeper()) {
      await_sweep(e, complete);
      hear_sleeper(e, sleeper);
    } else {
      const auto status = timed(e, [&] { return queue_->try_push(maker::make(of_survivor)); });
      if (status == push_status::ok) e.pushed_after.push_back(of_survivor);
    }
    drain(e);
    read_letters(e);
    const auto allowed = outcomes_of(case_, released_);
    const bool closed = queue_->closed();
    e.found.outcome = find_outcome(allowed, e.got, e.pushed_after, e.letters, closed);
    if (e.found.outcome < 0)
      throw failed{describe(allowed, e.got, e.pushed_after, e.letters, closed)};
    for (lease& message : e.held) message.ack();
    e.held.clear();
    if (in_the_way_) {
      in_the_way_->ack();
      in_the_way_.reset();
    }
    if (queue_->try_lease()) throw failed{"a message came after its ack"};
    if (closed) {
      if (queue_->try_push(maker::make(1)) != push_status::closed)
        throw failed{"a closed queue took a message"};
      if (queue_->lease_for(hang_limit).status() != take_status::closed || !queue_->drained())
        throw failed{"a closed queue has no end"};
    } else {
      use_for_two_laps(e);
    }
    check_counters();
  } catch (const failed& wrong) {
    e.found.failure = wrong.words;
  }
  return e.found;
}

template <class T>
void queue_scenario<T>::use_for_two_laps(evidence& e) {
  const auto push = [&](std::uint64_t id) {
    return timed(e, [&] { return queue_->try_push(maker::make(id)); });
  };
  const auto pop = [&](std::uint64_t id) {
    const auto message = timed(e, [&] { return queue_->try_pop(); });
    if (!message || maker::id_of(*message) != id)
      throw failed{"message " + std::to_string(id) + " of later use is lost"};
  };
  for (std::uint64_t i = 0; i < 2 * case_capacity; ++i) {
    if (push(600 + i) != push_status::ok) throw failed{"an empty queue is full"};
    pop(600 + i);
  }
  for (std::uint64_t i = 0; i < case_capacity; ++i)
    if (push(700 + i) != push_status::ok)
      throw failed{"full after " + std::to_string(i) + " messages"};
  if (push(799) != push_status::full) throw failed{"not full at its capacity"};
  for (std::uint64_t i = 0; i < case_capacity; ++i) pop(700 + i);
  if (queue_->try_pop() || queue_->size() != 0) throw failed{"not empty after its last message"};
}

template <class T>
void queue_scenario<T>::check_counters() {
  const shm::queue_counters c = queue_->counters();
  // Every kill may take the count of one operation along, of three messages at most; a letter
  // never counts as acknowledged.
  const auto slack = static_cast<std::uint64_t>(points_) * 4;
  const auto near = [&](std::uint64_t a, std::uint64_t b) {
    return a <= b + slack && b <= a + slack;
  };
  if (!near(c.pushed, c.acked) || !near(c.delivered, c.pushed + c.redelivered) ||
      c.acked > c.delivered || c.reclaimed > slack)
    throw failed{"the counters are off: pushed " + std::to_string(c.pushed) + ", delivered " +
                 std::to_string(c.delivered) + ", acked " + std::to_string(c.acked) +
                 ", redelivered " + std::to_string(c.redelivered) + ", reclaimed " +
                 std::to_string(c.reclaimed) + " after " + std::to_string(points_) + " kills"};
}

template class queue_scenario<fixed_message>;
template class queue_scenario<std::string>;

}  // namespace hawser::test
