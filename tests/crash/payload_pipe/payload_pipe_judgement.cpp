// The survivor's part after the kill: is every chunk free or rightly held, every message whole?

#include "../../support/payload_bytes.hpp"
#include "payload_pipe_scenario.hpp"

#include <algorithm>
#include <chrono>
#include <set>
#include <system_error>
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
auto payload_pipe_scenario::timed(verdict& found, Operation operation) {
  const auto start = clock::now();
  auto result = operation();
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - start);
  found.slowest = std::max(found.slowest, took);
  return result;
}

std::size_t payload_pipe_scenario::in_use() const {
  const auto counts = pool_->counters();
  return case_.bytes > pp_small ? counts.classes.back().in_use : counts.classes[0].in_use;
}

bool payload_pipe_scenario::end_was_taken() const {
  return case_.sleeper_has_end() ||
         raw_segment(pipe_name()).body<shm::detail::pipe_layout>().ends[1].load() !=
             shm::detail::end_free;
}

/// Whether the death has to set something free: what lay before its end, or what it held.
bool payload_pipe_scenario::something_is_free() const {
  if (case_.what == payload_pipe_operation::send) return in_use() < case_.chunks();
  return case_.what != payload_pipe_operation::attach || end_was_taken();
}

void payload_pipe_scenario::hear_sleeper(verdict& found, killpoint::sleeper_news& sleeper) {
  // First what the kill itself leads to, by the sleeper's own monitor.
  const bool loans = case_.other == payload_pipe_sleeper::loaner;
  const auto start = clock::now();
  while (!is_swept()) {
    // Who died between taking its place and saying so is nobody's business until the next one
    // attaches.
    if (clock::now() - start > 20ms) shm::payload_pool{open_only, name_};
    if (clock::now() - start > hang_limit) throw failed{"the sleeper did not sweep the victim"};
    std::this_thread::yield();
  }
  auto text = sleeper.wait(0ms);
  if (!text && (!loans || something_is_free())) {
    text = timed(found, [&] { return sleeper.wait(hang_limit); });
    if (!text) throw failed{"the sleeper was not woken by the death"};
  }
  if (!text) {
    // It has had no reason yet. It gets one now.
    held_.pop_back();
    text = timed(found, [&] { return sleeper.wait(hang_limit); });
    if (!text) throw failed{"the sleeper was not woken by the next release"};
  }
  heard_ = *text;
  if (heard_ == "torn") throw failed{"the sleeper's message is torn"};
}

void payload_pipe_scenario::drain(verdict& found) {
  if (!end_) return;
  if (!end_was_taken()) {
    // The victim has not come so far as to take its end: another one may, and gets what waits.
    pipe other = timed(found, [&] { return pipe{*pool_, open_only, pipe_name()}; });
    for (std::size_t i = 0; i < case_.in; ++i) {
      const auto got = timed(found, [&] { return other.try_receive(); });
      if (!got || got->meta != pp_in + i || !holds(got->data.bytes(), got->meta))
        throw failed{"what waits for an end that is free is lost"};
    }
    return;
  }
  for (;;) {
    auto got = timed(found, [&] { return end_->receive_for(hang_limit); });
    if (!got) break;
    received_.push_back(std::move(*got));
  }
  if (!end_->ended()) throw failed{"the dead end is not an end of file"};
}

void payload_pipe_scenario::take_chunks(verdict& found, bool complete) {
  const auto start = clock::now();
  const auto in_hand = [&] { return lent_.size() + held_.size() + received_.size(); };
  while (in_hand() < case_.chunks() || !is_swept()) {
    auto one = timed(found, [&] { return pool_->loan_for(case_.bytes, 2ms); });
    if (one) {
      // Whatever it overwrites must not be anybody's.
      fill(one->writable(), pp_of_later + lent_.size());
      lent_.push_back(std::move(*one));
    } else if (!complete && clock::now() - start > 20ms && !is_swept()) {
      shm::payload_pool{open_only, name_};  // see hear_sleeper
    }
    if (clock::now() - start > hang_limit) {
      if (!is_swept()) throw failed{"the victim was not swept from the pool"};
      throw failed{std::to_string(case_.chunks() - in_hand()) + " chunks are lost"};
    }
  }
  // The wait for what the dead had is part of the next loan.
  found.slowest = std::max(
      found.slowest, std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - start));
  if (pool_->try_loan(case_.bytes)) throw failed{"more chunks were lent than there are"};
}

void payload_pipe_scenario::compare(verdict& found) {
  std::set<const std::byte*> chunks;
  const auto note = [&](std::span<const std::byte> bytes, std::uint64_t id) {
    if (!holds(bytes, id)) throw failed{"payload " + std::to_string(id) + " is not whole"};
    if (!chunks.insert(bytes.data()).second) throw failed{"one chunk has two holders"};
  };
  for (std::size_t i = 0; i < lent_.size(); ++i) note(lent_[i].bytes(), pp_of_later + i);
  for (std::size_t i = 0; i < held_.size(); ++i) note(held_[i].bytes(), pp_held + i);
  std::vector<std::uint64_t> got;
  for (const received& one : received_) {
    got.push_back(one.meta);
    note(one.data.bytes(), one.meta);
  }
  if (case_.other == payload_pipe_sleeper::receiver && heard_ != "end")
    got.push_back(std::stoull(heard_));
  const auto allowed = payload_pipe_outcomes(case_);
  const auto match = std::find(allowed.begin(), allowed.end(), got);
  if (match == allowed.end() && end_was_taken()) {
    std::string words = "received";
    for (const std::uint64_t id : got) words += " " + std::to_string(id);
    throw failed{words};
  }
  found.outcome = match == allowed.end() ? 0 : static_cast<int>(match - allowed.begin());
}

void payload_pipe_scenario::use_again(verdict& found) {
  received_.clear();
  lent_.clear();
  held_.clear();
  if (end_ && end_was_taken()) {
    payload one = filled(*pool_, 1);
    if (timed(found, [&] { return end_->send(1, std::move(one)); }) != push_status::closed || !one)
      throw failed{"a payload was sent to the dead"};
  }
  end_.reset();
  shm::remove(name_ + ".both");  // stale
  if (!case_.sleeper_has_end() && !segments_with(pipe_name()).empty())
    throw failed{"the last one left and the file is still there"};
  pipe a{*pool_, create_only, name_ + ".again", {.capacity = 3}};
  pipe b{*pool_, open_only, name_ + ".again"};
  for (std::uint64_t i = 0; i < 2 * pp_chunks; ++i) {
    auto one = timed(found, [&] { return pool_->try_loan(case_.bytes); });
    if (!one) throw failed{"an unused pool lends nothing"};
    fill(one->writable(), i);
    if (timed(found, [&] { return a.try_send(i, std::move(*one)); }) != push_status::ok)
      throw failed{"an empty pipe is full"};
    const auto got = timed(found, [&] { return b.try_receive(); });
    if (!got || got->meta != i || !holds(got->data.bytes(), i))
      throw failed{"a message of later use is lost"};
  }
  const auto counts = pool_->counters();
  if (counts.classes[0].in_use != 0 || counts.classes[1].in_use != 0)
    throw failed{"something is in use when everything was given back"};
  if (counts.stale != 0) throw failed{"a message came without its payload"};
  struct stat status {};
  if (stat(segment_path(name_).c_str(), &status) != 0 ||
      static_cast<std::size_t>(status.st_blocks) != pages_)
    throw failed{"pages of a large payload were kept"};
}

verdict payload_pipe_scenario::check(killpoint::sleeper_news& sleeper, bool complete) {
  verdict found;
  try {
    if (has_sleeper()) hear_sleeper(found, sleeper);
    // The pool's sweep may come first, or the pipe's.
    if (points_ % 2 == 0) drain(found);
    else std::ignore = pool_->try_loan(case_.bytes);
    if (points_ % 2 != 0) drain(found);
    take_chunks(found, complete);
    compare(found);
    use_again(found);
  } catch (const failed& wrong) {
    found.failure = wrong.words;
  } catch (const std::exception& wrong) {
    found.failure = wrong.what();
  }
  return found;
}

}  // namespace hawser::test
