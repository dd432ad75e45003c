#include "guarded_scenario.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

namespace hawser::test {

using namespace std::chrono_literals;
using killpoint::hang_limit;
using killpoint::verdict;
using clock = std::chrono::steady_clock;
using enum guarded_operation;

std::string guarded_scenario::name() const {
  const auto word = [&] {
    switch (what_) {
      case update: return "update.free";
      case commit: return "commit.once";
      case commit_twice: return "commit.twice";
      case rollback: return "rollback.changed";
      case load: return "load.free";
      case lock_wait: return "lock_wait.taken";
      case create: return "create.new";
      case replace_stale: return "create.over_stale";
      case leave_last: return "detach.last";
    }
    return "";
  };
  return std::string{"guarded."} + word() + (sleeper_ ? "+sleeper" : "");
}

int guarded_scenario::outcomes() const {
  switch (what_) {
    case update:
    case commit:
    case lock_wait: return 2;
    case commit_twice: return 3;
    default: return 1;
  }
}

void guarded_scenario::arrange(int object) {
  shm::detail::set_wait_slices(!has_sleeper() && !blocks());
  name_ = name_of(object);
  if (alone()) {
    value_.reset();
    return;
  }
  if (object != object_) {
    finish();
    value_.emplace(create_only, name_, guarded_words::of(old_number));
    raw_.emplace(name_);
    object_ = object;
  }
  auto locked = value_->lock();
  *locked = guarded_words::of(old_number);
  locked.commit();
  if (blocks()) held_.emplace(std::move(locked));
}

void guarded_scenario::occupy(int object) {
  value_.emplace(create_only, name_of(object), guarded_words::of(old_number));
  held_.emplace(value_->lock());
}

void guarded_scenario::enter(int object) {
  shm::detail::set_wait_slices(!has_sleeper() && !blocks());
  name_ = name_of(object);
  if (what_ == create || what_ == replace_stale) return;
  if (what_ == leave_last) value_.emplace(create_only, name_, guarded_words::of(old_number));
  else value_.emplace(open_only, name_);
  if (what_ == commit || what_ == commit_twice) held_.emplace(value_->lock());
  for (int i = 0; blocks() && i < 16; ++i) (void)value_->try_lock_for(10us);
}

void guarded_scenario::operate() {
  const auto change = [&](value::guard& locked, std::uint64_t number) {
    *locked = guarded_words::of(number);
  };
  switch (what_) {
    case update:
    case lock_wait: {
      auto locked = value_->lock();
      change(locked, new_number);
      break;
    }
    case commit:
      change(*held_, new_number);
      held_->commit();
      break;
    case commit_twice:
      change(*held_, new_number);
      held_->commit();
      change(*held_, last_number);
      held_->commit();
      break;
    case rollback: {
      auto locked = value_->lock();
      change(locked, new_number);
      locked.rollback();
      break;
    }
    case load: (void)value_->load(); break;
    case create: value_.emplace(create_only, name_, guarded_words::of(old_number)); break;
    case replace_stale: value_.emplace(open_or_create, name_, guarded_words::of(old_number)); break;
    case leave_last: value_.reset(); break;
  }
}

std::string guarded_scenario::doze(int object) {
  shm::detail::set_wait_slices(false);
  if (object != object_) {
    value_.reset();
    value_.emplace(open_only, name_of(object));
    object_ = object;
  }
  // The victim has it, or the survivor.
  return std::to_string(value_->lock()->number());
}

std::string guarded_scenario::listen(killpoint::sleeper_news&) { return {}; }

void guarded_scenario::check_value(verdict& found) {
  const auto timed = [&](auto operation) {
    const auto start = clock::now();
    auto result = operation();
    found.slowest = std::max(
        found.slowest, std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - start));
    return result;
  };
  const std::uint64_t seen = timed([&] { return value_->load().number(); });
  auto locked = timed([&] { return value_->try_lock_for(hang_limit); });
  if (!locked) throw failed{"the value cannot be locked"};
  const std::uint64_t number = locked->number();
  if (number == 0 || seen == 0) throw failed{"the value is torn"};
  if (number != seen) throw failed{"what is locked is not what was loaded"};
  if ((what_ == load || what_ == rollback) && number != old_number)
    throw failed{"it was changed by who changed nothing"};
  if (what_ == commit || what_ == commit_twice) {
    if (!sleeper_ && !locked.owner_died()) throw failed{"nobody was told of the holder's death"};
  } else if (what_ == load && locked.owner_died()) {
    throw failed{"told of a death that was none"};
  }
  found.outcome = number == old_number ? 0 : number == new_number ? 1 : 2;
  locked->words.fill(1);  // torn
  locked.rollback();
  *locked = guarded_words::of(900);
  locked.unlock();
  if (value_->load().number() != 900) throw failed{"a later commit is lost"};
}

verdict guarded_scenario::check(killpoint::sleeper_news& sleeper, bool) {
  verdict found;
  try {
    if (alone()) {
      try {
        value{open_only, name_};
        throw failed{"a dead process's value was opened"};
      } catch (const error& e) {
        if (e.code() != errc::not_found && e.code() != errc::stale) throw failed{e.what()};
      }
      value_.emplace(open_or_create, name_, guarded_words::of(old_number));
      if (value_->load().number() != old_number) throw failed{"a new value is not the initial one"};
      check_value(found);
      found.outcome = 0;
      value_.reset();
      if (!segments_with(name_).empty())
        throw failed{"the last one left and the file is still there"};
      return found;
    }
    held_.reset();
    if (sleeper_) {
      const auto start = clock::now();
      const auto text = sleeper.wait(hang_limit);
      found.slowest = std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - start);
      if (!text) throw failed{"the sleeper was not woken"};
      if (*text == "0") throw failed{"the sleeper saw a torn value"};
    }
    check_value(found);
  } catch (const failed& wrong) {
    found.failure = wrong.words;
  }
  return found;
}

void guarded_scenario::finish() {
  held_.reset();
  raw_.reset();
  value_.reset();
}

std::string guarded_scenario::leftovers() {
  std::string words;
  for (const std::string& path : segments_with(unique_ + ".")) {
    words += words.empty() ? path : ", " + path;
    std::filesystem::remove(path);
  }
  return words;
}

}  // namespace hawser::test
