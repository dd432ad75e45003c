#include "topic_creation.hpp"

#include "../raw_segment.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>

namespace hawser::test {

using maker = message_maker<fixed_message>;
using killpoint::verdict;
using clock = std::chrono::steady_clock;

std::string topic_creation_scenario::name() const {
  switch (what_) {
    case topic_creation::create: return "topic.create.new/fixed";
    case topic_creation::replace_stale: return "topic.create.over_stale/fixed";
    case topic_creation::open_or_create: return "topic.create.opens_existing/fixed";
    case topic_creation::leave_last: return "topic.detach.last/fixed";
    case topic_creation::subscription_last: return "topic.leave.last/fixed";
  }
  return {};
}

void topic_creation_scenario::arrange(int object) {
  own_.reset();
  name_ = unique_ + "." + std::to_string(object);
  if (what_ == topic_creation::open_or_create) own_.emplace(create_only, name_, options);
}

void topic_creation_scenario::occupy(int object) {
  own_.emplace(create_only, unique_ + "." + std::to_string(object), options);
  if (own_->try_publish(maker::make(1)) != shm::push_status::ok) throw std::runtime_error("full");
}

void topic_creation_scenario::enter(int object) {
  name_ = unique_ + "." + std::to_string(object);
  if (what_ != topic_creation::leave_last && what_ != topic_creation::subscription_last) return;
  own_.emplace(create_only, name_, options);
  if (what_ == topic_creation::leave_last) return;
  last_.emplace(own_->subscribe());
  own_.reset();
}

void topic_creation_scenario::operate() {
  switch (what_) {
    case topic_creation::create: own_.emplace(create_only, name_, options); break;
    case topic_creation::replace_stale:
    case topic_creation::open_or_create: own_.emplace(open_or_create, name_, options); break;
    case topic_creation::leave_last: own_.reset(); break;
    case topic_creation::subscription_last: last_.reset(); break;
  }
}

verdict topic_creation_scenario::check(killpoint::sleeper_news&, bool) {
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
  if (what_ != topic_creation::open_or_create) {
    // To open what a dead process left is refused, at once and in words.
    timed([&] {
      try {
        shm::subscription<fixed_message>{open_only, name_};
        wrong("a dead process's topic was opened");
      } catch (const error& e) {
        if (e.code() != errc::not_found && e.code() != errc::stale) wrong(e.what());
      }
    });
    // ... and its name is free for the next creator.
    timed([&] { own_.emplace(create_only, name_, options); });
  }
  {
    auto late = own_->subscribe({.history = 4});
    if (late.try_take()) wrong("a new topic is not empty");
    for (std::uint64_t i = 1; i <= 2 * own_->capacity(); ++i) {
      timed([&] {
        if (own_->try_publish(maker::make(i)) != shm::push_status::ok) wrong("a new topic is full");
      });
      timed([&] {
        const auto message = late.try_take();
        if (!message || maker::id_of(*message) != i) wrong("a message is lost");
      });
    }
  }
  timed([&] { own_.reset(); });
  if (!segments_with(name_).empty()) wrong("the last one left and the file is still there");
  return found;
}

std::string topic_creation_scenario::leftovers() {
  std::string words;
  for (const std::string& path : segments_with(unique_ + ".")) {
    words += words.empty() ? path : ", " + path;
    std::filesystem::remove(path);
  }
  return words;
}

}  // namespace hawser::test
