#include "door_scenario.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

namespace hawser::test {

using namespace std::chrono_literals;
using killpoint::hang_limit;
using killpoint::verdict;
using clock = std::chrono::steady_clock;
using shm::detail::opening;

std::vector<door_case> door_cases() {
  using enum door_case::operation;
  using enum door_case::leftover;
  return {
      {.name = "ring.nobody", .what = ring},
      {.name = "ring.nobody+sleeper", .what = ring, .sleeper = true},
      {.name = "ring.after_news", .what = ring, .corpse = published},
      {.name = "ring.beside_corpse+sleeper", .what = ring, .corpse = idle, .sleeper = true},
      {.name = "wait.quiet", .what = wait},
      {.name = "attach.quiet", .what = attach},
      {.name = "attach.beside_corpse", .what = attach, .corpse = published},
      {.name = "attach.quiet+sleeper", .what = attach, .sleeper = true},
      {.name = "detach.quiet", .what = detach},
      {.name = "detach.quiet+sleeper", .what = detach, .sleeper = true},
      {.name = "sweep.idle", .what = sweep, .corpse = idle},
      {.name = "sweep.idle+sleeper", .what = sweep, .corpse = idle, .sleeper = true},
      {.name = "sweep.after_news", .what = sweep, .corpse = published},
  };
}

void door_scenario::arrange(int object) {
  shm::detail::set_wait_slices(slices());
  if (object != object_) {
    raw_.reset();
    door_.reset();
    name_ = name_of(object);
    door_ = std::make_unique<door_core>(shm::detail::door_request{name_, opening::create_only});
    raw_.emplace(name_);
    object_ = object;
  }
  before_ = news_in(*raw_);
}

void door_scenario::occupy(int object) {
  door_ = std::make_unique<door_core>(shm::detail::door_request{name_of(object)});
  if (case_.corpse == door_case::published) ++news_in(raw_segment{name_of(object)});
}

void door_scenario::enter(int object) {
  shm::detail::set_wait_slices(slices());
  name_ = name_of(object);
  if (case_.what == door_case::attach) return;
  door_ = std::make_unique<door_core>(shm::detail::door_request{name_});
  raw_.emplace(name_);
  before_ = news_in(*raw_);
  // The first wait of a process starts a thread, and the first ones spin for longer: neither
  // belongs to the operation.
  for (int i = 0; blocks() && i < 16; ++i) door_->wait([] { return false; }, clock::now() + 10us);
}

void door_scenario::operate() {
  switch (case_.what) {
    case door_case::ring:
      ++news_in(*raw_);
      door_->ring();
      break;
    case door_case::wait: door_->wait([this] { return news_in(*raw_) != before_; }, {}); break;
    case door_case::attach:
      door_ = std::make_unique<door_core>(shm::detail::door_request{name_});
      break;
    case door_case::detach: door_.reset(); break;
    case door_case::sweep: door_->channel().look_for_dead(true); break;
  }
}

std::string door_scenario::doze(int object) {
  shm::detail::set_wait_slices(false);
  if (object != object_) {
    raw_.reset();
    door_.reset();
    door_ = std::make_unique<door_core>(shm::detail::door_request{name_of(object)});
    raw_.emplace(name_of(object));
    object_ = object;
  }
  const std::uint32_t seen = news_in(*raw_);
  door_->wait([&] { return news_in(*raw_) != seen; }, {});
  return "woken";
}

void door_scenario::release() {
  ++news_in(*raw_);
  door_->ring();
}

template <class Operation>
auto door_scenario::timed(verdict& found, Operation operation) {
  const auto start = clock::now();
  auto result = operation();
  found.slowest = std::max(
      found.slowest, std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - start));
  return result;
}

void door_scenario::await_sweep(verdict& found, bool complete) {
  const auto start = clock::now();
  const std::size_t expected = has_sleeper() ? 2 : 1;
  timed(found, [&] {
    while (raw_->participants() != expected) {
      const auto waited = clock::now() - start;
      // A victim that died between taking its place and saying so is nobody's business until
      // the next one looks: here, one that attaches.
      if (case_.what == door_case::attach && !complete && waited > 20ms)
        door_core{shm::detail::door_request{name_}};
      if (waited > hang_limit) throw failed{"the victim was not swept"};
      // Whoever waits looks after the others: the sleeper, if there is one, without our help.
      if (has_sleeper() && news_in(*raw_) == before_) std::this_thread::yield();
      else door_->wait([] { return false; }, clock::now() + 1ms);
    }
    return true;
  });
}

void door_scenario::hear_sleeper(verdict& found, killpoint::sleeper_news& sleeper) {
  const bool news = news_in(*raw_) != before_;
  if (!news) {
    if (sleeper.wait(0ms)) throw failed{"the sleeper went on for nothing"};
    timed(found, [&] { return release(), true; });  // it gets its reason now
  }
  if (!timed(found, [&] { return sleeper.wait(hang_limit); }))
    throw failed{news ? "the sleeper was not woken" : "the sleeper was not woken by the next ring"};
}

void door_scenario::use_again(verdict& found) {
  for (int i = 0; i < 4; ++i) {
    const std::uint32_t seen = news_in(*raw_);
    release();
    const bool right =
        timed(found, [&] { return door_->wait([&] { return news_in(*raw_) != seen; }, {}); });
    if (!right || door_->wait([] { return false; }, clock::now()))
      throw failed{"it cannot be used as before"};
  }
}

std::string door_scenario::listen(killpoint::sleeper_news& sleeper) {
  if (case_.what != door_case::ring || sleeper.wait(hang_limit)) return {};
  return "the sleeper was not woken by the operation";
}

verdict door_scenario::check(killpoint::sleeper_news& sleeper, bool complete) {
  verdict found;
  try {
    const std::uint32_t by_corpse = case_.corpse == door_case::published ? 1 : 0;
    const std::uint32_t news = news_in(*raw_) - before_ - by_corpse;
    if (case_.what == door_case::ring) found.outcome = static_cast<int>(news);
    // A sleeper that has its news sleeps no more, and sweeps nobody.
    if (has_sleeper() && news_in(*raw_) == before_) await_sweep(found, complete);
    if (has_sleeper()) hear_sleeper(found, sleeper);
    use_again(found);
    await_sweep(found, complete);
  } catch (const failed& wrong) {
    found.failure = wrong.words;
  }
  return found;
}

void door_scenario::finish() {
  raw_.reset();
  door_.reset();
}

std::string door_scenario::leftovers() {
  std::string words;
  for (const std::string& path : segments_with(unique_ + ".")) {
    words += words.empty() ? path : ", " + path;
    std::filesystem::remove(path);
  }
  return words;
}

}  // namespace hawser::test
