// The survivor's part after the kill: is everything back, and was told what had to be told?

#include "permit_scenario.hpp"

#include <algorithm>
#include <thread>

namespace hawser::test {

using namespace std::chrono_literals;
using killpoint::hang_limit;
using killpoint::verdict;
using clock = std::chrono::steady_clock;

template <class Operation>
auto permit_scenario::timed(verdict& found, Operation operation) {
  const auto start = clock::now();
  auto result = operation();
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - start);
  found.slowest = std::max(found.slowest, took);
  return result;
}

bool permit_scenario::take(verdict& found, std::uint32_t n) {
  if (!timed(found, [&] { return core_->try_acquire(n); })) return false;
  if (exclusive(n)) told_ |= core_->owner_died();
  return true;
}

void permit_scenario::await_sweep(verdict& found, bool complete) {
  const auto start = clock::now();
  // Every eighth time the survivor never sleeps: its own calls have to find the dead.
  const bool tries_only = slices() && points_ % 8 == 0;
  timed(found, [&] {
    while (raw_->participants() != expected_participants()) {
      const auto waited = clock::now() - start;
      // A victim that died between taking its place and saying so is nobody's business until
      // the next one looks: here, one that attaches.
      if (case_.what == permit_operation::attach && !complete && waited > 20ms)
        open(object_, shm::detail::opening::open_only);
      if (waited > hang_limit) throw failed{"the victim was not swept"};
      if (has_sleeper()) {
        std::this_thread::yield();
        continue;
      }
      const std::uint32_t rest = std::max<std::uint32_t>(1, total_ - held_);
      const auto until = shm::detail::deadline_after(tries_only ? 0ms : 2ms);
      if (tries_only ? core_->try_acquire(rest) : core_->acquire(rest, until)) {
        if (exclusive(rest)) told_ |= core_->owner_died();
        core_->release(rest);
        // All is back, but for the place itself.
        core_->channel().look_for_dead(!tries_only);
      }
    }
    return true;
  });
}

std::string permit_scenario::listen(killpoint::sleeper_news& sleeper) {
  // Nobody but the operation was there to wake it.
  const std::uint32_t kept = case_.what == permit_operation::detach ? 0 : after();
  if (case_.undetermined || total_ - held_ - kept < wanted_by_sleeper()) return {};
  return sleeper.wait(hang_limit) ? "" : "the sleeper was not woken by the operation";
}

void permit_scenario::hear_sleeper(verdict& found, killpoint::sleeper_news& sleeper) {
  auto text = sleeper.wait(0ms);
  if (!text && total_ - held_ >= wanted_by_sleeper()) {
    text = timed(found, [&] { return sleeper.wait(hang_limit); });
    if (!text) throw failed{"the sleeper was not woken"};
  }
  if (!text) {
    // It had no reason yet. It gets one now.
    core_->release(std::exchange(held_, 0));
    text = timed(found, [&] { return sleeper.wait(hang_limit); });
    if (!text) throw failed{"the sleeper was not woken by the next release"};
  }
  if (*text == "told") told_ = true;
  else if (*text != "got") throw failed{"the sleeper says: " + *text};
}

void permit_scenario::judge(verdict& found) {
  const std::uint64_t reclaimed = core_->counters().reclaimed - reclaimed_before_;
  const std::uint64_t corpse = corpse_holds() ? case_.of_corpse : 0;
  const auto outcome_of = [&](std::uint64_t of_victim) {
    return of_victim == before() ? 0 : of_victim == after() ? 1 : -1;
  };
  // Who is killed inside a sweep, or leaving, takes the count along.
  int outcome = reclaimed >= corpse ? outcome_of(reclaimed - corpse) : -1;
  if (outcome < 0 && corpse != 0) outcome = outcome_of(reclaimed);
  if (outcome < 0 && case_.what == permit_operation::detach && reclaimed == 0) outcome = 0;
  if (outcome < 0)
    throw failed{std::to_string(reclaimed) + " permits were reclaimed, of the victim " +
                 std::to_string(before()) + " or " + std::to_string(after())};
  found.outcome = determined() ? outcome : 0;

  if (!take(found, total_)) throw failed{"permits are lost: not all can be acquired"};
  const bool died_with_all = exclusive(outcome == 0 ? before() : after());
  const bool expected = died_with_all || (corpse_holds() && exclusive(case_.of_corpse));
  if (told_ != expected)
    throw failed{expected ? "nobody was told of the holder's death"
                          : "the next holder was told of a death that was none"};
  core_->release(total_);
}

void permit_scenario::use(verdict& found) {
  const std::uint32_t each = std::min<std::uint32_t>(total_, 3);
  for (int lap = 0; lap < 2; ++lap) {
    for (std::uint32_t i = 0; i < each; ++i)
      if (!take(found, 1)) throw failed{"no permit though all are back"};
    if (core_->held() != each) throw failed{"the account is wrong"};
    if (take(found, total_)) throw failed{"more permits than there are"};
    for (std::uint32_t i = 0; i < each; ++i) core_->release(1);
    if (core_->release(1)) throw failed{"more was released than was held"};
    if (!take(found, total_)) throw failed{"not all is back after use"};
    if (core_->owner_died()) throw failed{"a death was told twice"};
    core_->release(total_);
  }
  if (core_->available() != total_) throw failed{"not all is available after use"};
  if (body().demand.load() != 0 || body().busy.load() != 0)
    throw failed{"somebody seems to wait or to be inside"};
}

verdict permit_scenario::check(killpoint::sleeper_news& sleeper, bool complete) {
  verdict found;
  try {
    await_sweep(found, complete);
    if (has_sleeper()) hear_sleeper(found, sleeper);
    if (held_ != 0) core_->release(std::exchange(held_, 0));
    judge(found);
    use(found);
  } catch (const failed& wrong) {
    found.failure = wrong.words;
  }
  return found;
}

}  // namespace hawser::test
