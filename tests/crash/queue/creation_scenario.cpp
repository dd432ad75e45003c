#include "creation_scenario.hpp"

#include "../raw_segment.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>

namespace hawser::test {

using maker = message_maker<fixed_message>;
using killpoint::verdict;
using clock = std::chrono::steady_clock;

std::string creation_scenario::name() const {
  switch (what_) {
    case creation::create: return "queue.create.new/fixed";
    case creation::replace_stale: return "queue.create.over_stale/fixed";
    case creation::open_or_create: return "queue.create.opens_existing/fixed";
    case creation::leave_last: return "queue.detach.last/fixed";
  }
  return {};
}

void creation_scenario::arrange(int object) {
  own_.reset();
  name_ = unique_ + "." + std::to_string(object);
  if (what_ == creation::open_or_create) own_.emplace(create_only, name_, options);
}

void creation_scenario::occupy(int object) {
  own_.emplace(create_only, unique_ + "." + std::to_string(object), options);
  if (own_->try_push(maker::make(1)) != shm::push_status::ok) throw std::runtime_error("full");
}

void creation_scenario::enter(int object) {
  name_ = unique_ + "." + std::to_string(object);
  if (what_ == creation::leave_last) own_.emplace(create_only, name_, options);
}

void creation_scenario::operate() {
  switch (what_) {
    case creation::create: own_.emplace(create_only, name_, options); break;
    case creation::replace_stale:
    case creation::open_or_create: own_.emplace(open_or_create, name_, options); break;
    case creation::leave_last: own_.reset(); break;
  }
}

verdict creation_scenario::check(killpoint::sleeper_news&, bool) {
  verdict found;
  const auto timed = [&](auto operation) {
    const auto start = clock::now();
    operation();
    found.slowest = std::max(
        found.slowest, std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - start));
  };
  const auto wrong = [&](const std::string& words) {
    if (found.failure.empty()) found.failure = words;
  };
  if (what_ != creation::open_or_create) {
    // To open what a dead process left is refused, at once and in words.
    timed([&] {
      try {
        queue{open_only, name_};
        wrong("a dead process's queue was opened");
      } catch (const error& e) {
        if (e.code() != errc::not_found && e.code() != errc::stale) wrong(e.what());
      }
    });
    // ... and its name is free for the next creator.
    timed([&] { own_.emplace(create_only, name_, options); });
  }
  if (own_->size() != 0 || own_->try_pop()) wrong("a new queue is not empty");
  for (std::uint64_t i = 1; i <= 2 * own_->capacity(); ++i) {
    timed([&] {
      if (own_->try_push(maker::make(i)) != shm::push_status::ok) wrong("an empty queue is full");
    });
    timed([&] {
      const auto message = own_->try_pop();
      if (!message || maker::id_of(*message) != i) wrong("a message is lost");
    });
  }
  timed([&] { own_.reset(); });
  if (!segments_with(name_).empty()) wrong("the last one left and the file is still there");
  return found;
}

std::string creation_scenario::leftovers() {
  std::string words;
  for (const std::string& path : segments_with(unique_ + ".")) {
    words += words.empty() ? path : ", " + path;
    std::filesystem::remove(path);
  }
  return words;
}

}  // namespace hawser::test
