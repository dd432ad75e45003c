// The processes' parts before and during the operation; array_judgement.cpp has what follows.

#include "array_scenario.hpp"

#include <hawser/shm/detail/attachment.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>

namespace hawser::test {

using namespace std::chrono_literals;

std::vector<array_case> array_cases() {
  using enum array_case::operation;
  using enum array_case::leftover;
  return {
      {.name = "update.one", .what = update, .first = 0, .count = 1},
      {.name = "update.many", .what = update, .first = 2, .count = 2},
      {.name = "update.across", .what = update, .first = 1, .count = 4},
      {.name = "update.all", .what = update, .first = 0, .count = cells},
      {.name = "update.one_after_uncommitted",
       .what = update,
       .first = 0,
       .count = 1,
       .corpse = uncommitted},
      {.name = "update.one_after_committed",
       .what = update,
       .first = 0,
       .count = 1,
       .corpse = committed},
      {.name = "update.last_after_committed",
       .what = update,
       .first = 5,
       .count = 1,
       .corpse = committed},
      {.name = "update.across_after_committed",
       .what = update,
       .first = 1,
       .count = 4,
       .corpse = committed},
      {.name = "update.one_after_in_hand",
       .what = update,
       .first = 1,
       .count = 1,
       .corpse = in_hand},
      {.name = "update_wait.across",
       .what = update,
       .first = 1,
       .count = 4,
       .survivor_holds = 1,
       .blocks = true},
      {.name = "update_wait.one",
       .what = update,
       .first = 4,
       .count = 1,
       .survivor_holds = 2,
       .blocks = true},
      {.name = "lock_range.free", .what = lock_range},
      {.name = "lock_range.after_in_hand", .what = lock_range, .corpse = in_hand},
      {.name = "lock_range.after_uncommitted", .what = lock_range, .corpse = uncommitted},
      {.name = "lock_range.after_committed", .what = lock_range, .corpse = committed},
      {.name = "lock_range_wait.held", .what = lock_range, .survivor_holds = 0, .blocks = true},
      {.name = "unlock.held", .what = unlock},
      {.name = "unlock.held+locker", .what = unlock, .locker = true},
      {.name = "work.in_place", .what = work},
      {.name = "attach.quiet", .what = attach},
      {.name = "attach.beside_in_hand", .what = attach, .corpse = in_hand},
      {.name = "attach.beside_committed", .what = attach, .corpse = committed},
      {.name = "attach.quiet+locker", .what = attach, .survivor_holds = 0, .locker = true},
      {.name = "detach.quiet", .what = detach},
      {.name = "detach.quiet+locker", .what = detach, .survivor_holds = 0, .locker = true},
      {.name = "sweep.idle", .what = sweep, .corpse = idle},
      {.name = "sweep.in_hand", .what = sweep, .corpse = in_hand},
      {.name = "sweep.uncommitted", .what = sweep, .corpse = uncommitted},
      {.name = "sweep.committed", .what = sweep, .corpse = committed},
      {.name = "sweep.in_hand+locker", .what = sweep, .corpse = in_hand, .locker = true},
      {.name = "sweep.committed+locker", .what = sweep, .corpse = committed, .locker = true},
  };
}

void array_scenario::arrange(int object) {
  shm::detail::set_wait_slices(slices());
  hold_ = {};
  if (object != object_) {
    raw_.reset();
    array_.reset();
    name_ = name_of(object);
    array_.emplace(create_only, name_, cells, in_three_ranges);
    raw_.emplace(name_);
    object_ = object;
  }
  std::fill(array_->begin(), array_->end(), cell::of(first_cells));
  if (case_.survivor_holds != array_case::nobody_holds)
    hold_ = array_->lock_range(static_cast<std::size_t>(case_.survivor_holds));
}

void array_scenario::occupy(int object) {
  own_.emplace(open_only, name_of(object));
  const array_innards inside(*own_);
  switch (case_.corpse) {
    case array_case::none:
    case array_case::idle: break;
    case array_case::in_hand:
      own_hold_ = own_->lock_range(0);
      own_hold_[0].words[1] = 0;  // half of what it wanted to write
      break;
    case array_case::uncommitted:
      inside.lock(0, 2);
      inside.write_journal(1, 4, of_array_corpse);
      break;
    case array_case::committed:
      inside.lock(0, 2);
      inside.write_journal(1, 4, of_array_corpse);
      inside.commit(1);
      (*own_)[1] = (*own_)[2] = cell::of(of_array_corpse);
      (*own_)[3].words[0] = of_array_corpse;
      break;
  }
}

void array_scenario::enter(int object) {
  shm::detail::set_wait_slices(slices());
  name_ = name_of(object);
  if (case_.what == array_case::attach) return;
  if (case_.what == array_case::sweep) {
    shm::detail::array_request request;
    request.name = name_;
    request.element_bytes = sizeof(cell);
    request.type_fingerprint = shm::detail::type_fingerprint<cell>();
    request.type_name = typeid(cell).name();
    own_core_ = std::make_unique<shm::detail::array_core>(request);
    return;
  }
  own_.emplace(open_only, name_);
  if (case_.what == array_case::unlock) own_hold_ = own_->lock_range(0);
  // The first wait of a process starts a thread, which does not belong to the operation.
  if (blocks()) (void)own_->lock_range_for(static_cast<std::size_t>(case_.survivor_holds), 1ms);
}

void array_scenario::operate() {
  const cell next = cell::of(of_array_victim);
  switch (case_.what) {
    case array_case::update:
      own_->update(case_.first, case_.count,
                   [&](std::span<cell> some) { std::fill(some.begin(), some.end(), next); });
      break;
    case array_case::lock_range: own_hold_ = own_->lock_range(0); break;
    case array_case::unlock: own_hold_.unlock(); break;
    case array_case::work: {
      const auto hold = own_->lock_range(0);
      for (cell& one : hold) one = next;
      break;
    }
    case array_case::attach: own_.emplace(open_only, name_); break;
    case array_case::detach: own_.reset(); break;
    case array_case::sweep: own_core_->look_for_dead(); break;
  }
}

std::string array_scenario::doze(int object) {
  shm::detail::set_wait_slices(false);
  if (object != object_) {
    array_.reset();
    array_.emplace(open_only, name_of(object));
    object_ = object;
  }
  return array_->lock_range(0).owner_died() ? "told" : "free";
}

void array_scenario::finish() {
  hold_ = {};
  raw_.reset();
  array_.reset();
}

std::string array_scenario::leftovers() {
  std::string words;
  for (const std::string& path : segments_with(unique_ + ".")) {
    words += words.empty() ? path : ", " + path;
    std::filesystem::remove(path);
  }
  return words;
}

}  // namespace hawser::test
