// The survivor's part after the kill: is the event what it may be, and was whoever slept woken?

#include "event_scenario.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

namespace hawser::test {

using namespace std::chrono_literals;
using killpoint::hang_limit;
using killpoint::verdict;
using clock = std::chrono::steady_clock;

template <class Operation>
auto event_scenario::timed(verdict& found, Operation operation) {
  const auto start = clock::now();
  auto result = operation();
  found.slowest = std::max(
      found.slowest, std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - start));
  return result;
}

void event_scenario::await_sweep(verdict& found, bool complete) {
  const auto start = clock::now();
  const std::size_t expected = has_sleeper() ? 2 : 1;
  timed(found, [&] {
    while (raw_->participants() != expected) {
      const auto waited = clock::now() - start;
      // A victim that died between taking its place and saying so is nobody's business until
      // the next one looks: here, one that attaches.
      if (case_.what == event_case::attach && !complete && waited > 20ms) event{open_only, name_};
      if (waited > hang_limit) throw failed{"the victim was not swept"};
      // Whoever waits looks after the others: the sleeper, if there is one, without our help.
      if (has_sleeper()) std::this_thread::yield();
      else (void)event_->wait_for(1ms);
    }
    return true;
  });
}

void event_scenario::judge(verdict& found) {
  const std::uint64_t sets = event_->sets();
  const std::uint64_t by_victim = sets - known_sets();
  if (by_victim > (case_.sets() ? 1U : 0U))
    throw failed{"set " + std::to_string(sets) + " times, of which " +
                 std::to_string(known_sets()) + " are known"};
  const bool now = event_->is_set();
  if (case_.sets()) {
    found.outcome = static_cast<int>(by_victim);
    // A pulse is cleared in the end.
    if (now && by_victim == 0) throw failed{"set, and not counted"};
    if (!now && by_victim != 0 && case_.what != event_case::pulse) throw failed{"set, and clear"};
    return;
  }
  const bool found_set = case_.found_set() || released_;
  if (case_.what == event_case::clear && found_set) found.outcome = now ? 0 : 1;
  else if (now != found_set) throw failed{now ? "set by nobody" : "cleared by nobody"};
}

void event_scenario::hear_sleeper(verdict& found, killpoint::sleeper_news& sleeper) {
  auto text = sleeper.wait(0ms);
  const bool was_set = event_->sets() != before_;
  if (text && !was_set) throw failed{"the sleeper went on for nothing"};
  if (!was_set) timed(found, [&] { return event_->set(); });  // it gets its reason now
  if (!text) text = timed(found, [&] { return sleeper.wait(hang_limit); });
  if (!text)
    throw failed{was_set ? "the sleeper was not woken" : "the sleeper was not woken by the next set"};
  if (*text != "woken") throw failed{"the sleeper was " + *text};
}

void event_scenario::use_again(verdict& found) {
  event_->clear();
  for (int i = 0; i < 4; ++i) {
    const std::uint64_t sets = event_->sets();
    const bool right = timed(found, [&] {
      return event_->set() && event_->is_set() && !event_->set() && event_->wait_for(0s) &&
             event_->clear() && !event_->is_set() && !event_->clear() && !event_->wait_for(0s);
    });
    if (!right || event_->sets() != sets + 1) throw failed{"it cannot be used as before"};
  }
}

std::string event_scenario::listen(killpoint::sleeper_news& sleeper) {
  // Whoever makes a pulse by hand wakes nobody: its death does.
  const bool should = event_->sets() != before_ && case_.what != event_case::pulse;
  if (!should || sleeper.wait(hang_limit)) return {};
  return "the sleeper was not woken by the operation";
}

verdict event_scenario::check(killpoint::sleeper_news& sleeper, bool complete) {
  verdict found;
  try {
    if (has_sleeper()) await_sweep(found, complete);
    judge(found);
    if (has_sleeper()) hear_sleeper(found, sleeper);
    use_again(found);
    if (!has_sleeper()) await_sweep(found, complete);
  } catch (const failed& wrong) {
    found.failure = wrong.words;
  }
  return found;
}

}  // namespace hawser::test
