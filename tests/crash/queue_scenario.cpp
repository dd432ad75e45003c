// The processes' parts before and during the operation, and the survivor's judgement.

#include "queue_scenario.hpp"

#include <hawser/shm/detail/attachment.hpp>
#include <hawser/shm/detail/message_io.hpp>

#include <chrono>
#include <filesystem>
#include <future>
#include <thread>

namespace hawser::test {

using namespace std::chrono_literals;
using killpoint::hang_limit;
using killpoint::verdict;
using clock = std::chrono::steady_clock;
using shm::push_status;
using shm::take_status;

template <class T>
queue_scenario<T>::queue_scenario(queue_case c, std::string unique)
    : case_(std::move(c)), unique_(std::move(unique)) {}

template <class T>
void queue_scenario<T>::arrange(int object) {
  shm::detail::set_wait_slices(slices());
  if (object != object_) {
    in_the_way_.reset();
    raw_.reset();
    queue_.reset();
    name_ = name_of(object);
    queue_.emplace(create_only, name_,
                   shm::queue_options{.capacity = case_capacity,
                                      .message_bytes_max = 64,
                                      .attempts_max = case_.attempts_max});
    raw_.emplace(name_);
    object_ = object;
    points_ = 0;
  }
  ++points_;
  released_ = false;

  const auto push = [&](std::uint64_t id) {
    if (queue_->try_push(maker::make(id)) != push_status::ok)
      throw std::runtime_error("cannot push while arranging");
  };
  if (case_.way == obstacle::lease) {
    // One lap, all taken but the first: the next push finds its slot leased.
    for (std::uint64_t i = 0; i < case_capacity; ++i) push(i + 1);
    in_the_way_.emplace(queue_->try_lease());
    for (std::uint64_t i = 1; i < case_capacity; ++i)
      if (!queue_->try_pop()) throw std::runtime_error("cannot pop while arranging");
  }
  for (std::uint64_t id = 1; id <= case_.before; ++id) push(id);
  if (case_.way == obstacle::returned) queue_->try_lease().nack();
}

template <class T>
void queue_scenario<T>::occupy(int object) {
  namespace d = shm::detail;
  own_.emplace(open_only, name_of(object));
  if (case_.corpse == leftover::lease) {
    own_lease_.emplace(own_->try_lease());
    return;
  }
  const raw_segment raw(name_of(object));
  const std::uint32_t tag = raw.own_tag();
  d::queue_layout& q = raw.queue();
  const auto set = [&](d::slot_kind kind, std::uint64_t position) {
    raw.slot_state(position).store(d::slot_state::make(kind, position, 1, d::id_of(tag)).bits);
  };
  const auto write = [&](std::uint64_t id, std::uint64_t position) {
    const T message = maker::make(id);
    d::message_io<T>::write(d::message_io<T>::prepare(message), raw.payload(position));
  };
  const std::uint64_t tail = q.tail.load(), head = q.head.load();
  const bool producers = case_.corpse != leftover::leased && case_.corpse != leftover::popped;
  const bool consumers = !producers || case_.corpse == leftover::both_locks;
  if (producers) q.producers.owner.store(tag);
  if (consumers) q.consumers.owner.store(tag);
  switch (case_.corpse) {
    case leftover::pushed:
      write(of_corpse, tail);
      raw.slot_state(tail).store(d::slot_state::make(d::slot_kind::full, tail).bits);
      break;
    case leftover::staged:
      for (const std::uint64_t at : {tail, tail + 1}) {
        write(of_corpse + 1, at);
        raw.slot_state(at).store(d::slot_state::make(d::slot_kind::staged, at).bits);
      }
      break;
    case leftover::leased:
      raw.mark_holder(tag);
      set(d::slot_kind::leased, head);
      break;
    case leftover::popped:
      raw.slot_state(head).store(d::slot_state::make(d::slot_kind::free, head).bits);
      break;
    case leftover::none:
    case leftover::lease:
    case leftover::both_locks: break;
  }
}

template <class T>
void queue_scenario<T>::enter(int object) {
  shm::detail::set_wait_slices(slices());
  name_ = name_of(object);
  one_ = maker::make(of_victim);
  for (std::uint64_t i = 0; i < 3; ++i) three_.push_back(maker::make(of_victim + i));
  if (case_.what == operation::sweep) {
    shm::detail::queue_request request;
    request.name = name_;
    request.message_bytes = shm::detail::message_io<T>::fixed ? sizeof(T) : 64;
    request.message_alignment = shm::detail::message_io<T>::alignment;
    request.variable = !shm::detail::message_io<T>::fixed;
    request.type_fingerprint = shm::detail::type_fingerprint<T>();
    request.type_name = typeid(T).name();
    own_core_ = std::make_unique<shm::detail::queue_core>(request);
    return;
  }
  if (case_.what == operation::attach) return;
  own_.emplace(open_only, name_);
  if (case_.what == operation::ack || case_.what == operation::nack)
    own_lease_.emplace(own_->try_lease());
  if (case_.closed) own_->close();
  // The first wait of a process starts a thread, and the first ones spin for longer: neither
  // belongs to the operation.
  for (int i = 0; blocks() && i < 16; ++i) {
    if (case_.what == operation::push_wait) (void)own_->push_for(*one_, 10us);
    else (void)own_->pop_for(10us);
  }
}

template <class T>
void queue_scenario<T>::operate() {
  switch (case_.what) {
    case operation::push: (void)own_->try_push(*one_); break;
    case operation::push_wait: (void)own_->push(*one_); break;
    case operation::push_batch: own_->try_push_batch(three_); break;
    case operation::pop: (void)own_->try_pop(); break;
    case operation::pop_wait: (void)own_->pop(); break;
    case operation::lease: own_lease_.emplace(own_->try_lease()); break;
    case operation::lease_wait: own_lease_.emplace(own_->lease()); break;
    case operation::lease_batch: own_leases_ = own_->try_lease_batch(3); break;
    case operation::ack: own_lease_->ack(); break;
    case operation::nack: own_lease_->nack(); break;
    case operation::close: own_->close(); break;
    case operation::attach: own_.emplace(open_only, name_); break;
    case operation::detach: own_.reset(); break;
    case operation::sweep: own_core_->channel().look_for_dead(true); break;
  }
}

template <class T>
std::string queue_scenario<T>::doze(int object) {
  shm::detail::set_wait_slices(false);
  if (object != object_) {
    queue_.reset();
    queue_.emplace(open_only,
                   name_of(object) + (case_.other == sleeping::undertaker ? ".dead" : ""));
    object_ = object;
  }
  switch (case_.other) {
    case sleeping::nobody: break;
    case sleeping::space_watcher:
      for (;;) {
        await_callback(shm::ready::writable);
        const push_status status = queue_->try_push(maker::make(of_sleeper));
        if (status != push_status::full) return status == push_status::ok ? "pushed" : "closed";
      }
    case sleeping::watcher:
      for (;;) {
        await_callback(shm::ready::readable);
        if (const auto message = queue_->try_pop()) return std::to_string(maker::id_of(*message));
        if (queue_->drained()) return "closed";
      }
    case sleeping::pusher:
      return queue_->push(maker::make(of_sleeper)) == push_status::ok ? "pushed" : "closed";
    case sleeping::popper:
    case sleeping::undertaker: {
      const auto message = queue_->pop();
      return message ? std::to_string(maker::id_of(*message)) : "closed";
    }
    case sleeping::leaser: {
      auto message = queue_->lease();
      if (!message) return "closed";
      const std::uint64_t id = maker::id_of(*message);
      message.ack();
      return std::to_string(id);
    }
  }
  return {};
}

template <class T>
void queue_scenario<T>::await_callback(shm::ready what) {
  std::promise<void> called;
  const auto handle = queue_->async_wait(what, [&] { called.set_value(); });
  called.get_future().wait();
}

template <class T>
bool queue_scenario<T>::is_dozing(pid_t sleeper, int object) {
  if (!watches()) return scenario::is_dozing(sleeper, object);
  return raw_segment(name_of(object)).is_armed(sleeper);
}

template <class T>
void queue_scenario<T>::release() {
  released_ = true;
  if (case_.what == operation::push_wait) (void)queue_->try_pop();
  else (void)queue_->try_push(maker::make(of_release));
}

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

template <class T>
void queue_scenario<T>::finish() {
  in_the_way_.reset();
  raw_.reset();
  queue_.reset();
}

template <class T>
std::string queue_scenario<T>::leftovers() {
  std::string words;
  for (const std::string& path : segments_with(unique_ + ".")) {
    words += words.empty() ? path : ", " + path;
    std::filesystem::remove(path);
  }
  return words;
}

template class queue_scenario<fixed_message>;
template class queue_scenario<std::string>;

}  // namespace hawser::test
