// The survivor's part after the kill: is the value whole, and one of those that are allowed?

#include "value_scenario.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

namespace hawser::test {

using namespace std::chrono_literals;
using killpoint::hang_limit;
using killpoint::verdict;
using clock = std::chrono::steady_clock;

template <class Operation>
auto value_scenario::timed(verdict& found, Operation operation) {
  const auto start = clock::now();
  auto result = operation();
  found.slowest = std::max(
      found.slowest, std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - start));
  return result;
}

void value_scenario::await_sweep(verdict& found, bool complete) {
  const auto start = clock::now();
  const std::size_t expected = has_sleeper() ? 2 : 1;
  timed(found, [&] {
    while (raw_->participants() != expected) {
      const auto waited = clock::now() - start;
      // A victim that died between taking its place and saying so is nobody's business until
      // the next one looks: here, one that attaches.
      if (case_.what == value_case::attach && !complete && waited > 20ms) value{open_only, name_};
      if (waited > hang_limit) throw failed{"the victim was not swept"};
      // Whoever waits looks after the others: the sleeper, if there is one, without our help.
      if (has_sleeper()) std::this_thread::yield();
      else (void)value_->wait_change_for(value_->version(), 1ms);
    }
    return true;
  });
}

std::pair<std::uint64_t, std::uint64_t> value_scenario::hear_sleeper(
    verdict& found, killpoint::sleeper_news& sleeper) {
  auto text = sleeper.wait(0ms);
  const bool writes = case_.other == value_case::writer;
  if (!text && (writes || value_->version() != base())) {
    text = timed(found, [&] { return sleeper.wait(hang_limit); });
    if (!text) throw failed{"the sleeper was not woken"};
  }
  if (writes) return {1, of_value_sleeper};
  std::uint64_t changes = 0, last = 0;
  if (!text) {
    // It had no reason yet. It gets one now.
    timed(found, [&] {
      value_->store(whole_number::of(of_value_survivor));
      return true;
    });
    changes = 1;
    last = of_value_survivor;
    text = timed(found, [&] { return sleeper.wait(hang_limit); });
    if (!text) throw failed{"the sleeper was not woken by the next change"};
  }
  if (*text != std::to_string(changes != 0 ? of_value_survivor : of_value_victim))
    throw failed{"the sleeper saw " + *text};
  return {changes, last};
}

void value_scenario::judge(verdict& found, std::uint64_t changes_since, std::uint64_t last) {
  const auto now = timed(found, [&] { return value_->load_versioned(); });
  const std::uint64_t by_victim = now.version - base() - changes_since;
  if (by_victim > (case_.changes() ? 1U : 0U))
    throw failed{"version " + std::to_string(now.version) + " after " + std::to_string(base()) +
                 " and " + std::to_string(changes_since) + " known changes"};
  found.outcome = static_cast<int>(by_victim);
  std::uint64_t wanted = at_start;
  if (case_.corpse == value_case::committed) wanted = of_value_corpse;
  if (case_.what == value_case::compare_exchange && by_victim != 0 && wanted != at_start)
    throw failed{"exchanged what was not equal"};
  if (released_) wanted = of_value_release;
  if (by_victim != 0) wanted = of_value_victim;
  if (changes_since != 0) wanted = last;
  if (now.value.id() != wanted)
    throw failed{(now.value.id() == UINT64_MAX ? "torn" : std::to_string(now.value.id())) +
                 " instead of " + std::to_string(wanted)};
}

void value_scenario::use_again(verdict& found) {
  for (std::uint64_t i = 600; i < 604; ++i) {
    const std::uint64_t version = value_->version();
    const auto made = timed(found, [&] {
      return value_->update_for(hang_limit, [&](whole_number& n) { n = whole_number::of(i); });
    });
    if (!made) throw failed{"its lock is held by nobody who lives"};
    if (value_->load().id() != i || value_->version() != version + 1)
      throw failed{"a later change is lost"};
    if (value_->exchange(whole_number::of(i + 100)).id() != i) throw failed{"exchanged another"};
  }
}

std::string value_scenario::listen(killpoint::sleeper_news& sleeper) {
  const bool should = case_.other == value_case::writer || value_->version() != base();
  if (!should || sleeper.wait(hang_limit)) return {};
  return "the sleeper was not woken by the operation";
}

verdict value_scenario::check(killpoint::sleeper_news& sleeper, bool complete) {
  verdict found;
  try {
    std::pair<std::uint64_t, std::uint64_t> since{0, 0};
    if (has_sleeper()) {
      await_sweep(found, complete);
      since = hear_sleeper(found, sleeper);
    }
    judge(found, since.first, since.second);
    use_again(found);
    if (!has_sleeper()) await_sweep(found, complete);
  } catch (const failed& wrong) {
    found.failure = wrong.words;
  }
  return found;
}

}  // namespace hawser::test
