// The survivor's part after the kill: is what it finds one of the outcomes that are allowed?

#include "topic_scenario.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

namespace hawser::test {

using namespace on_topic;
using namespace std::chrono_literals;
using killpoint::hang_limit;
using killpoint::verdict;
using clock = std::chrono::steady_clock;
using shm::delivery;
using shm::push_status;
using shm::take_status;

namespace {

std::string words_of(const std::vector<std::uint64_t>& ids) {
  std::string words = "[";
  for (const std::uint64_t id : ids)
    words += (words.size() > 1 ? " " : "") + (id == torn ? "torn" : std::to_string(id));
  return words + "]";
}

std::vector<std::uint64_t> joined(std::vector<std::uint64_t> first,
                                  const std::vector<std::uint64_t>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

bool ends_with(const std::vector<std::uint64_t>& all, const std::vector<std::uint64_t>& end) {
  return end.size() <= all.size() && std::equal(end.rbegin(), end.rend(), all.rbegin());
}

}  // namespace

template <class T>
template <class Operation>
auto topic_scenario<T>::timed(evidence& e, Operation call) {
  const auto start = clock::now();
  auto result = call();
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - start);
  e.found.slowest = std::max(e.found.slowest, took);
  return result;
}

template <class T>
void topic_scenario<T>::await_sweep(evidence& e, killpoint::sleeper_news& sleeper, bool complete) {
  const auto start = clock::now();
  timed(e, [&] {
    while (raw_->has_unswept()) {
      const auto waited = clock::now() - start;
      // A victim that died between taking its place and saying so, or whom nobody waits for any
      // more, is nobody's business until the next one looks: here, one that attaches.
      const bool unknown =
          !complete && (case_.what == operation::attach || case_.what == operation::subscribe);
      if ((unknown && waited > 20ms) || (has_sleeper() && sleeper.wait(0ms)))
        topic{open_only, name_};
      if (waited > hang_limit) throw failed{"the victim was not swept"};
      std::this_thread::yield();
    }
    return true;
  });
}

template <class T>
bool topic_scenario<T>::sleeper_should_wake() {
  if (topic_->closed()) return true;
  if (publisher_sleeps()) return !raw_->somebody_in_the_way();
  // Those that were there when it began are none of its own.
  const std::size_t old = case_.before + case_.behind;
  return raw_->settled_tail() - capacity - start_ > old;
}

template <class T>
void topic_scenario<T>::hear_sleeper(evidence& e, killpoint::sleeper_news& sleeper) {
  auto text = sleeper.wait(0ms);
  if (!text && sleeper_should_wake()) {
    text = timed(e, [&] { return sleeper.wait(hang_limit); });
    if (!text) throw failed{"the sleeper was not woken"};
  }
  if (!text) {
    // It had no reason yet. It gets one now.
    if (publisher_sleeps()) taken_.push_back(timed(e, [&] { return take(*reader_); }));
    else publish_one(e);
    text = timed(e, [&] { return sleeper.wait(hang_limit); });
    if (!text) throw failed{"the sleeper was not woken by the next operation"};
  }
  if (*text == "published") e.published.push_back(of_sleeper);
  else if (*text == "closed") {
    if (!topic_->closed()) throw failed{"the sleeper saw the end of a topic that is open"};
  } else {
    e.heard = std::stoull(*text);
  }
}

/// Whoever is dead is in nobody's way: nobody but the reader may make this wait.
template <class T>
void topic_scenario<T>::publish_one(evidence& e) {
  const bool reader_in_the_way = raw_->settled_tail() - capacity - reader_->position() >= capacity;
  const bool waits = slices() && points_ % 4 == 0;
  const auto start = clock::now();
  const auto status = timed(e, [&] {
    for (;;) {
      const T message = maker::make(of_survivor);
      const auto result = waits && !reader_in_the_way ? topic_->publish_for(message, hang_limit)
                                                      : topic_->try_publish(message);
      if (result != push_status::full || reader_in_the_way || clock::now() - start > hang_limit)
        return result;
      std::this_thread::yield();
    }
  });
  if (status == push_status::ok) e.published.push_back(of_survivor);
  else if (status != push_status::closed && !reader_in_the_way)
    throw failed{"a dead subscriber holds publishers up"};
}

template <class T>
void topic_scenario<T>::drain(evidence& e) {
  const auto start = clock::now();
  // Every eighth time the survivor never sleeps: its own calls have to find the dead.
  const bool tries_only = slices() && points_ % 8 == 0;
  e.got = taken_;
  for (;;) {
    const bool swept = !raw_->has_unswept();
    const auto before = clock::now();
    const auto message = tries_only || swept ? reader_->try_take() : reader_->take_for(2ms);
    // The wait for a sweep is part of the next message.
    e.found.slowest =
        std::max(e.found.slowest, std::chrono::duration_cast<std::chrono::microseconds>(
                                      clock::now() - (message ? before : start)));
    if (message) {
      e.got.push_back(maker::id_of(*message));
      continue;
    }
    if (reader_->status() == take_status::cut_off) throw failed{"a lossless reader lost messages"};
    if (swept) break;
    if (clock::now() - start > hang_limit) throw failed{"the victim was not swept"};
  }
  if (reader_->missed() != 0) throw failed{"a lossless reader missed messages"};
}

/// A late joiner, the observer and the impatient one: they get whole messages, in order, and know
/// how many they missed.
template <class T>
void topic_scenario<T>::check_others(const evidence& e, bool complete) {
  std::vector<std::uint64_t> all;
  for (std::uint64_t i = 0; i < capacity; ++i) all.push_back(of_lap + i);
  all = joined(all, e.got);

  const delivery mode = points_ % 2 == 0 ? delivery::lossless : delivery::latest;
  subscription late = topic_->subscribe({.mode = mode, .history = capacity});
  std::vector<std::uint64_t> last;
  while (const auto message = late.try_take()) last.push_back(maker::id_of(*message));
  if (!ends_with(all, last) || late.missed() != 0 || late.status() == take_status::cut_off)
    throw failed{"a late joiner got " + words_of(last) + " of " + words_of(all)};
  // What a killed publisher had begun to write over is gone, nothing else.
  const bool batch = case_.what == operation::publish_batch || case_.corpse == leftover::staged;
  const std::size_t spoilt = complete && !has_occupant() ? 0 : batch ? 3 : 1;
  if (last.size() + spoilt < capacity)
    throw failed{"a late joiner got only " + words_of(last) + " of " + words_of(all)};

  const auto follow = [&](subscription& from, const char* who) {
    const std::uint64_t position = from.position(), missed = from.missed();
    std::vector<std::uint64_t> got;
    for (bool over = false; !over;) {
      const auto message = from.try_take();
      if (message) got.push_back(maker::id_of(*message));
      else over = from.status() != take_status::cut_off;
    }
    if (from.position() != reader_->position() ||
        position + got.size() + from.missed() - missed != from.position())
      throw failed{std::string{who} + " does not know what it missed"};
    if (!ends_with(all, got))
      throw failed{std::string{who} + " got " + words_of(got) + " of " + words_of(all)};
    return got.size();
  };
  if (follow(*observer_, "the observer") < capacity && last.size() == capacity)
    throw failed{"the observer missed what was there"};
  if (!impatient_) return;
  follow(*impatient_, "the impatient one");
  if (impatient_->missed() == 0) throw failed{"nobody was cut off"};
  impatient_.reset();
}

template <class T>
std::string topic_scenario<T>::listen(killpoint::sleeper_news& sleeper) {
  if (!sleeper_should_wake() || sleeper.wait(hang_limit)) return {};
  return "the sleeper was not woken by the operation";
}

template <class T>
verdict topic_scenario<T>::check(killpoint::sleeper_news& sleeper, bool complete) {
  evidence e;
  try {
    if (has_sleeper()) {
      await_sweep(e, sleeper, complete);
      hear_sleeper(e, sleeper);
    } else {
      publish_one(e);
    }
    drain(e);
    const auto allowed = outcomes_of(case_, released_);
    const bool closed = topic_->closed();
    const auto match = std::find_if(allowed.begin(), allowed.end(), [&](const auto& one) {
      return one.closed == closed && joined(one.messages, e.published) == e.got;
    });
    if (match == allowed.end()) {
      std::string words = "published " + words_of(e.got) + (closed ? " closed" : "");
      for (const auto& one : allowed)
        words += ", allowed " + words_of(joined(one.messages, e.published)) +
                 (one.closed ? " closed" : "");
      throw failed{words};
    }
    e.found.outcome = static_cast<int>(match - allowed.begin());
    const std::size_t old = case_.before + case_.behind;
    if (e.heard != 0 && (e.got.size() <= old || e.got[old] != e.heard))
      throw failed{"the sleeper took " + std::to_string(e.heard) + " of " + words_of(e.got)};
    check_others(e, complete);
    if (topic_->counters().published != reader_->position())
      throw failed{"the count of messages is off"};
    if (closed) {
      if (topic_->try_publish(maker::make(1)) != push_status::closed)
        throw failed{"a closed topic took a message"};
      if (reader_->take_for(hang_limit) || reader_->status() != take_status::closed)
        throw failed{"a closed topic has no end"};
    } else {
      use_for_two_laps(e);
    }
  } catch (const failed& wrong) {
    e.found.failure = wrong.words;
  }
  return e.found;
}

template <class T>
void topic_scenario<T>::use_for_two_laps(evidence& e) {
  const auto publish = [&](std::uint64_t id) {
    return timed(e, [&] { return topic_->try_publish(maker::make(id)); });
  };
  const auto expect = [&](std::uint64_t id) {
    const auto message = timed(e, [&] { return reader_->try_take(); });
    if (!message || maker::id_of(*message) != id)
      throw failed{"message " + std::to_string(id) + " of later use is lost"};
  };
  for (std::uint64_t i = 0; i < 2 * capacity; ++i) {
    if (publish(600 + i) != push_status::ok) throw failed{"an empty topic is full"};
    expect(600 + i);
  }
  for (std::uint64_t i = 0; i < capacity; ++i)
    if (publish(700 + i) != push_status::ok)
      throw failed{"full after " + std::to_string(i) + " messages"};
  if (publish(799) != push_status::full) throw failed{"not full at the reader's limit"};
  for (std::uint64_t i = 0; i < capacity; ++i) expect(700 + i);
  if (reader_->try_take() || reader_->lag() != 0) throw failed{"not empty after its last message"};
  while (observer_->try_take()) {
  }
}

template class topic_scenario<fixed_message>;
template class topic_scenario<std::string>;

}  // namespace hawser::test
