// The survivor's part after the kill: are the cells whole, and is the next holder told what it must
// know?

#include "array_scenario.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

namespace hawser::test {

using namespace std::chrono_literals;
using killpoint::hang_limit;
using killpoint::verdict;
using clock = std::chrono::steady_clock;

int array_scenario::outcomes() const {
  switch (case_.what) {
    case array_case::update:
    case array_case::unlock:
    case array_case::work: return 2;
    // Whoever dies with what a dead one had in hand before leaves the same news.
    case array_case::lock_range: return case_.corpse == array_case::in_hand ? 1 : 2;
    default: return 1;
  }
}

std::string array_scenario::outcome_words(int outcome) const {
  switch (case_.what) {
    case array_case::update: return outcome == 0 ? "none of it" : "all of it";
    case array_case::unlock: return outcome == 0 ? "told that its holder died" : "free";
    case array_case::work: return outcome == 0 ? "not begun, or told" : "all of it";
    case array_case::lock_range:
      return outcome == 0 && outcomes() == 2 ? "free" : "told that its holder died";
    default: return scenario::outcome_words(outcome);
  }
}

template <class Operation>
auto array_scenario::timed(verdict& found, Operation operation) {
  const auto start = clock::now();
  auto result = operation();
  found.slowest = std::max(
      found.slowest, std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - start));
  return result;
}

void array_scenario::await_sweep(verdict& found, bool complete) {
  const auto start = clock::now();
  const std::size_t expected = has_sleeper() ? 2 : 1;
  timed(found, [&] {
    while (raw_->participants() != expected) {
      const auto waited = clock::now() - start;
      if (waited > hang_limit) throw failed{"the victim was not swept"};
      // The sleeper looks after the others. Without one the next that attaches does, as with a
      // victim that died between taking its place and saying so.
      if (!has_sleeper() || (case_.what == array_case::attach && !complete && waited > 20ms))
        array{open_only, name_};
      else std::this_thread::yield();
    }
    return true;
  });
}

array_scenario::finding array_scenario::look(verdict& found) {
  finding seen;
  for (std::size_t r = 0; r < 3; ++r) {
    const auto hold = timed(found, [&] { return array_->lock_range_for(r, hang_limit); });
    if (!hold) throw failed{"range " + std::to_string(r) + " is held by nobody who lives"};
    seen.told[r] = hold.owner_died();
    for (std::size_t i = 0; i < 2; ++i) seen.ids[2 * r + i] = hold[i].id();
  }
  return seen;
}

/// Which outcome it is.
int array_scenario::judge(const finding& seen) const {
  std::array<std::uint64_t, cells> before;
  before.fill(first_cells);
  if (case_.corpse == array_case::committed)
    std::fill(before.begin() + 1, before.begin() + 5, of_array_corpse);
  if (case_.corpse == array_case::in_hand) before[0] = UINT64_MAX;
  std::array<std::uint64_t, cells> after = before;
  if (case_.what == array_case::update)
    std::fill_n(after.begin() + static_cast<std::ptrdiff_t>(case_.first), case_.count,
                of_array_victim);
  if (case_.what == array_case::work) std::fill_n(after.begin(), 2, of_array_victim);

  if (seen.told[1] || seen.told[2]) throw failed{"told of a death that was none"};
  const bool told = seen.told[0];
  if (case_.corpse == array_case::in_hand && !told) throw failed{"not told of the dead holder"};
  const auto fail = [&] {
    std::string words = told ? "told," : "";
    for (const std::uint64_t id : seen.ids)
      words += id == UINT64_MAX ? " torn" : " " + std::to_string(id);
    throw failed{words};
  };
  if (case_.what == array_case::work && told) {
    // In place: the first two may be anything. That is what one is told for.
    if (!std::equal(seen.ids.begin() + 2, seen.ids.end(), before.begin() + 2)) fail();
    return 0;
  }
  if (seen.ids != before && seen.ids != after) fail();
  switch (case_.what) {
    case array_case::lock_range: return outcomes() == 2 && told ? 1 : 0;
    case array_case::unlock: return told ? 0 : 1;
    default: break;
  }
  if (told && case_.corpse != array_case::in_hand) throw failed{"told of a death that was none"};
  return seen.ids == after && before != after ? 1 : 0;
}

void array_scenario::use_again(verdict& found) {
  for (std::uint64_t i = 600; i < 603; ++i) {
    const bool made = timed(found, [&] {
      return array_->update_for(hang_limit, 0, cells, [&](std::span<cell> all) {
        std::fill(all.begin(), all.end(), cell::of(i));
      });
    });
    if (!made) throw failed{"a range is held by nobody who lives"};
    const finding seen = look(found);
    for (const std::uint64_t id : seen.ids)
      if (id != i) throw failed{"a later update is lost"};
    if (seen.told != std::array<bool, 3>{}) throw failed{"told twice"};
  }
}

std::string array_scenario::listen(killpoint::sleeper_news& sleeper) {
  if (!sleeper_should_wake() || sleeper.wait(hang_limit)) return {};
  return "the sleeper was not woken by the operation";
}

verdict array_scenario::check(killpoint::sleeper_news& sleeper, bool complete) {
  verdict found;
  try {
    bool sleeper_told = false;
    if (has_sleeper()) {
      await_sweep(found, complete);
      hold_ = {};
      const auto text = timed(found, [&] { return sleeper.wait(hang_limit); });
      if (!text) throw failed{"the sleeper was not woken"};
      sleeper_told = *text == "told";
    }
    hold_ = {};
    finding seen = look(found);
    if (seen.told[0] && sleeper_told) throw failed{"told twice"};
    seen.told[0] |= sleeper_told;
    found.outcome = judge(seen);
    use_again(found);
    if (!has_sleeper()) await_sweep(found, complete);
  } catch (const failed& wrong) {
    found.failure = wrong.words;
  }
  return found;
}

}  // namespace hawser::test
