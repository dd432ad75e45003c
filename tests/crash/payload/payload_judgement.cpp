// The survivor's part after the kill: is every chunk free or rightly held, every message whole?

#include "../../support/payload_bytes.hpp"
#include "payload_scenario.hpp"

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include <sys/stat.h>

namespace hawser::test {

using namespace std::chrono_literals;
using killpoint::hang_limit;
using killpoint::verdict;
using shm::payload;
using shm::push_status;
using clock = std::chrono::steady_clock;

template <class Operation>
auto payload_scenario::timed(evidence& e, Operation operation) {
  const auto start = clock::now();
  auto result = operation();
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - start);
  e.found.slowest = std::max(e.found.slowest, took);
  return result;
}

std::size_t payload_scenario::in_use() const {
  const auto counts = pool_->counters();
  return case_.bytes > small_bytes ? counts.classes.back().in_use : counts.classes[0].in_use;
}

bool payload_scenario::sleeper_should_wake() {
  if (case_.other == payload_sleeper::reader) return queue_->size() != 0;
  return in_use() < case_.chunks();
}

void payload_scenario::hear_sleeper(evidence& e, killpoint::sleeper_news& sleeper, bool complete) {
  // First what the kill itself leads to, by the sleeper's own monitor.
  const auto start = clock::now();
  while (case_.other == payload_sleeper::loaner &&
         raw_pool_->participants() != expected_participants()) {
    // See take_chunks.
    if (!complete && case_.what == payload_operation::attach && clock::now() - start > 20ms)
      shm::payload_pool{open_only, name_};
    if (clock::now() - start > hang_limit) throw failed{"the sleeper did not sweep the victim"};
    std::this_thread::yield();
  }
  auto text = sleeper.wait(0ms);
  if (!text && sleeper_should_wake()) {
    text = timed(e, [&] { return sleeper.wait(hang_limit); });
    if (!text) throw failed{"the sleeper was not woken"};
  }
  if (!text) {
    // It has had no reason yet. It gets one now.
    if (case_.other == payload_sleeper::reader) {
      auto one = pool_->loan_for(case_.bytes, hang_limit);
      if (!one) throw failed{"a chunk is neither free nor held"};
      fill(one->writable(), payload_of_survivor);
      if (queue_->try_push(payload_of_survivor, std::move(*one)) != push_status::ok)
        throw failed{"an empty queue took no message"};
      e.sent_after.push_back(payload_of_survivor);
    } else if (!held_.empty()) {
      held_.pop_back();
    } else {
      // Either a message has the chunk, or the sleeper is awake and has it itself just now.
      while (!sleeper.wait(0ms)) {
        if (auto message = queue_->lease_for(2ms)) {
          e.gone.push_back(message.meta());
          message.ack();
          break;
        }
        if (clock::now() - start > hang_limit) throw failed{"a chunk is neither free nor held"};
      }
    }
    text = timed(e, [&] { return sleeper.wait(hang_limit); });
    if (!text) throw failed{"the sleeper was not woken by the next operation"};
  }
  if (*text == "torn") throw failed{"the sleeper's message is torn"};
  if (case_.other == payload_sleeper::reader) e.gone.push_back(std::stoull(*text));
}

void payload_scenario::take_messages(evidence& e, bool complete) {
  const auto start = clock::now();
  for (;;) {
    const bool swept = raw_queue_->participants() == expected_participants();
    const auto before = clock::now();
    lease next = swept ? queue_->try_lease() : queue_->lease_for(2ms);
    // The wait for a sweep is part of the next delivery.
    e.found.slowest =
        std::max(e.found.slowest, std::chrono::duration_cast<std::chrono::microseconds>(
                                      clock::now() - (next ? before : start)));
    if (next) {
      e.messages.push_back(std::move(next));
      continue;
    }
    if (swept) return;
    // Who died between taking its place and saying so is nobody's business until the next one
    // attaches.
    if (!complete && case_.what == payload_operation::open_queue && clock::now() - start > 20ms)
      queue{*pool_, open_only, name_ + ".q"};
    if (clock::now() - start > hang_limit) throw failed{"the victim was not swept from the queue"};
  }
}

void payload_scenario::take_chunks(evidence& e, bool complete) {
  const auto start = clock::now();
  for (;;) {
    const bool swept = raw_pool_->participants() == expected_participants();
    const auto before = clock::now();
    auto one = swept ? pool_->try_loan(case_.bytes) : pool_->loan_for(case_.bytes, 2ms);
    e.found.slowest =
        std::max(e.found.slowest, std::chrono::duration_cast<std::chrono::microseconds>(
                                      clock::now() - (one ? before : start)));
    if (one) {
      // Whatever it overwrites must not be anybody's.
      fill(one->writable(), payload_of_later + e.lent.size());
      e.lent.push_back(std::move(*one));
      if (e.lent.size() > case_.chunks()) throw failed{"more chunks were lent than there are"};
      continue;
    }
    if (swept) return;
    if (!complete && case_.what == payload_operation::attach && clock::now() - start > 20ms)
      shm::payload_pool{open_only, name_};
    if (clock::now() - start > hang_limit) throw failed{"the victim was not swept from the pool"};
  }
}

/// The sweep itself gives pages back, not only the next release of that chunk.
void payload_scenario::await_pages(evidence& e) {
  const auto start = clock::now();
  std::vector<payload> small;
  for (;;) {
    const bool swept = raw_pool_->participants() == expected_participants();
    auto one =
        swept && small.size() == payload_chunks ? std::nullopt : pool_->loan_for(small_bytes, 2ms);
    if (one) small.push_back(std::move(*one));
    else if (swept) break;
    if (clock::now() - start > hang_limit) throw failed{"the victim was not swept from the pool"};
  }
  e.found.slowest = std::max(
      e.found.slowest, std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - start));
  check_pages();
}

/// Nobody holds the large one.
void payload_scenario::check_pages() {
  struct stat status {};
  if (stat(segment_path(name_).c_str(), &status) != 0) throw failed{"the pool is gone"};
  constexpr std::size_t its_own = (large_bytes + 4095) / 4096 * 8;
  const std::size_t now = static_cast<std::size_t>(status.st_blocks);
  const bool all = now == pages_ + its_own;
  if (now != pages_ && !(case_.keeps && all))
    throw failed{"pages of a large payload that is free were left"};
  const auto* const words = reinterpret_cast<const shm::detail::pool_reference*>(
      &raw_pool_->body<shm::detail::pool_layout>() + 1);
  if (words[payload_chunks].whole.load() != 0 && !all)
    throw failed{"pages that are gone count as there"};
}

/// Every chunk is one's own: lent now, held by the survivor, or of a message.
void payload_scenario::compare(evidence& e) {
  std::set<const std::byte*> chunks;
  const auto note = [&](std::span<const std::byte> bytes, std::uint64_t id, bool may_be_shared) {
    if (!holds(bytes, id)) throw failed{"payload " + std::to_string(id) + " is not whole"};
    if (!chunks.insert(bytes.data()).second && !may_be_shared)
      throw failed{"one chunk has two holders"};
  };
  for (std::size_t i = 0; i < e.lent.size(); ++i)
    note(e.lent[i].bytes(), payload_of_later + i, false);
  for (std::size_t i = 0; i < held_.size(); ++i)
    note(held_[i].bytes(), payload_of_survivor + i, false);
  for (std::size_t i = 0; i < kept_.size(); ++i) note(kept_[i].bytes(), i + 1, false);
  std::vector<std::uint64_t> ids;
  for (const lease& message : e.messages) {
    ids.push_back(message.meta());
    note(message.bytes(), message.meta(), case_.shared == sharing::kept);
  }
  if (chunks.size() != case_.chunks())
    throw failed{std::to_string(case_.chunks() - chunks.size()) + " chunks are lost"};

  ids.insert(ids.end(), e.gone.begin(), e.gone.end());
  std::sort(ids.begin(), ids.end());
  const auto allowed = payload_outcomes(case_, released_);
  for (std::size_t i = 0; i < allowed.size() && e.found.outcome < 0; ++i) {
    std::vector<std::uint64_t> wanted = allowed[i];
    wanted.insert(wanted.end(), e.sent_after.begin(), e.sent_after.end());
    std::sort(wanted.begin(), wanted.end());
    if (ids == wanted) e.found.outcome = static_cast<int>(i);
  }
  if (e.found.outcome >= 0) return;
  std::string words = "delivered";
  for (const std::uint64_t id : ids) words += " " + std::to_string(id);
  throw failed{words};
}

void payload_scenario::give_back(evidence& e) {
  for (lease& message : e.messages) message.ack();
  e.messages.clear();
  e.lent.clear();
  held_.clear();
  kept_.clear();
  shm::remove(name_ + ".own");  // stale, if the victim was killed before it left its own queue
  if (queue_->try_lease()) throw failed{"a message came after its ack"};
  const auto counts = pool_->counters();
  if (counts.classes[0].in_use != 0 || counts.classes[1].in_use != 0 ||
      counts.references_in_use != 0)
    throw failed{"something is in use when everything was given back"};
  if (counts.stale != 0) throw failed{"a message came without its payload"};
  check_pages();
}

void payload_scenario::use_again(evidence& e) {
  for (std::uint64_t i = 0; i < 2 * payload_chunks; ++i) {
    auto one = timed(e, [&] { return pool_->try_loan(case_.bytes); });
    if (!one) throw failed{"an unused pool lends nothing"};
    fill(one->writable(), i);
    payload two = one->share();
    if (!two) throw failed{"an unused pool has no reference"};
    if (timed(e, [&] { return queue_->try_push(i, std::move(*one)); }) != push_status::ok)
      throw failed{"an empty queue is full"};
    two.release();
    auto message = timed(e, [&] { return queue_->try_lease(); });
    if (!message || message.meta() != i || !holds(message.bytes(), i))
      throw failed{"a message of later use is lost"};
    message.ack();
  }
  if (in_use() != 0) throw failed{"later use leaks"};
}

std::string payload_scenario::listen(killpoint::sleeper_news& sleeper) {
  if (!sleeper_should_wake() || sleeper.wait(hang_limit)) return {};
  return "the sleeper was not woken by the operation";
}

verdict payload_scenario::check(killpoint::sleeper_news& sleeper, bool complete) {
  evidence e;
  e.found.outcome = -1;
  try {
    if (has_sleeper()) hear_sleeper(e, sleeper, complete);
    if (case_.corpse == remains::pages) await_pages(e);
    // Either sweep may come first.
    if (points_ % 2 == 0) take_messages(e, complete);
    take_chunks(e, complete);
    if (points_ % 2 != 0) take_messages(e, complete);
    compare(e);
    give_back(e);
    use_again(e);
  } catch (const failed& wrong) {
    e.found.failure = wrong.words;
  } catch (const std::exception& wrong) {
    e.found.failure = wrong.what();
  }
  e.found.outcome = std::max(e.found.outcome, 0);
  return e.found;
}

}  // namespace hawser::test
