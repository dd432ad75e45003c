// The survivor's part after the kill: is what it finds one of the outcomes that are allowed?

#include "../queue/queue_messages.hpp"
#include "pipe_scenario.hpp"

#include <algorithm>
#include <sstream>
#include <system_error>

namespace hawser::test {

using namespace std::chrono_literals;
using killpoint::hang_limit;
using killpoint::verdict;
using clock = std::chrono::steady_clock;
using shm::push_status;
using shm::detail::end_free;
using shm::detail::pipe_layout;

namespace {

std::string words_of(const std::vector<std::uint64_t>& ids) {
  std::string words = "[";
  for (const std::uint64_t id : ids)
    words += (words.size() > 1 ? " " : "") + (id == torn ? "torn" : std::to_string(id));
  return words + "]";
}

}  // namespace

template <class Operation>
auto pipe_scenario::timed(verdict& found, Operation operation) {
  const auto start = clock::now();
  auto result = operation();
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - start);
  found.slowest = std::max(found.slowest, took);
  return result;
}

std::string pipe_scenario::listen(killpoint::sleeper_news&) {
  const auto end = clock::now() + hang_limit;
  while (!notes_->woken)
    if (clock::now() > end) return "the sleeper was not woken by the operation";
  return {};
}

std::vector<std::uint64_t> pipe_scenario::drain(verdict& found) {
  std::vector<std::uint64_t> got = released_;
  // Every eighth time the survivor never sleeps: its own calls have to find the dead.
  const bool tries_only = slices() && points_ % 8 == 0;
  const auto start = clock::now();
  for (;;) {
    const auto text = timed(found, [&]() -> std::optional<std::string> {
      if (!tries_only) return pipe_->receive_for(hang_limit);
      for (;;) {
        auto next = pipe_->try_receive();
        if (next || pipe_->ended() || clock::now() - start > hang_limit) return next;
      }
    });
    if (!text) break;
    got.push_back(id_of(*text));
  }
  if (!pipe_->ended()) throw failed{"the dead end is not an end of file"};
  return got;
}

std::vector<std::uint64_t> pipe_scenario::hear(verdict& found, killpoint::sleeper_news& sleeper) {
  const auto text = timed(found, [&] { return sleeper.wait(hang_limit); });
  if (!text) throw failed{"the sleeper was not woken by the death"};
  std::vector<std::uint64_t> got;
  std::istringstream words{*text};
  for (std::uint64_t id; words >> id;) got.push_back(id);
  return got;
}

bool pipe_scenario::is_free() const {
  try {
    return raw_segment(name_now()).body<pipe_layout>().ends[1].load() == end_free;
  } catch (const std::system_error& gone) {
    // Nameless, and so both ends are taken; it may lose its name while we look.
    if (gone.code() != std::errc::no_such_file_or_directory) throw;
    return false;
  }
}

void pipe_scenario::meet_a_peer(verdict& found) {
  // The victim has not come so far as to take its end: another one may.
  pipe peer = timed(found, [&] { return pipe{open_only, name_now()}; });
  if (!pipe_) return;
  if (timed(found, [&] { return peer.send(message(7)); }) != push_status::ok ||
      timed(found, [&] { return pipe_->receive(); }) != message(7) ||
      timed(found, [&] { return pipe_->send(message(8)); }) != push_status::ok ||
      timed(found, [&] { return peer.receive(); }) != message(8))
    throw failed{"the free end is of no use"};
}

void pipe_scenario::use_what_is_left(verdict& found) {
  if (timed(found, [&] { return pipe_->send(message(1)); }) != push_status::closed)
    throw failed{"a message was sent to the dead"};
  try {
    (void)pipe{open_only, pipe_->name()};
    throw failed{"an end was taken twice"};
  } catch (const error& e) {
    if (e.code() != errc::too_many_participants && e.code() != errc::not_found)
      throw failed{e.what()};
  }
  const std::string name = pipe_->name();
  timed(found, [&] {
    pipe_.reset();
    return true;
  });
  if (!segments_with(name).empty()) throw failed{"the last one left and the file is still there"};
  // The name is free, and what has it next is not disturbed by the dead.
  pipe one{create_only, name, {.bytes = pipe_case_ring}};
  pipe other{open_only, name};
  for (std::uint64_t i = 1; i < 20; ++i)
    if (one.try_send(message(i)) != push_status::ok || other.try_receive() != message(i))
      throw failed{"a new pipe of the same name does not work"};
}

verdict pipe_scenario::check(killpoint::sleeper_news& sleeper, bool) {
  verdict found;
  try {
    if (partner_.joinable()) partner_.join();
    const bool attaches = case_.what == pipe_operation::attach;
    if (attaches && has_sleeper()) {
      if (!sleeper.wait(0ms)) {
        // Its end may have been taken without anybody to say so; else it has no reason to wake.
        if (is_free()) meet_a_peer(found);
      }
      (void)hear(found, sleeper);
      return found;
    }
    if (attaches && raw_->body<pipe_layout>().ends[1].load() == end_free) {
      meet_a_peer(found);
      pipe_.reset();
      return found;
    }
    const auto got = has_sleeper() ? hear(found, sleeper) : drain(found);
    if (case_.other == pipe_sleeping::sender || case_.other == pipe_sleeping::space_watcher)
      return found;
    const auto allowed = pipe_outcomes_of(case_);
    const auto match = std::find(allowed.begin(), allowed.end(), got);
    if (match == allowed.end()) {
      std::string words = "received " + words_of(got) + ", allowed";
      for (const auto& ids : allowed) words += " " + words_of(ids);
      throw failed{words};
    }
    found.outcome = static_cast<int>(match - allowed.begin());
    if (!has_sleeper()) use_what_is_left(found);
  } catch (const failed& wrong) {
    found.failure = wrong.words;
  } catch (const error& e) {
    found.failure = e.what();
  }
  return found;
}

}  // namespace hawser::test
