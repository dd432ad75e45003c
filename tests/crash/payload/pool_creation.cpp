#include "pool_creation.hpp"

#include "../../support/payload_bytes.hpp"
#include "../raw_segment.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>

namespace hawser::test {

using killpoint::verdict;
using clock = std::chrono::steady_clock;

namespace {

shm::payload_pool_options options() { return {.classes = {{64, 2}}, .large = 1, .references = 2}; }

}  // namespace

std::string pool_creation_scenario::name() const {
  switch (what_) {
    case pool_creation::create: return "payload.create.new";
    case pool_creation::replace_stale: return "payload.create.over_stale";
    case pool_creation::leave_last: return "payload.detach.last";
  }
  return {};
}

void pool_creation_scenario::arrange(int object) {
  payload_.release();
  own_.reset();
  name_ = unique_ + "." + std::to_string(object);
}

void pool_creation_scenario::make_own(int object) {
  name_ = unique_ + "." + std::to_string(object);
  own_.emplace(create_only, name_, options());
  payload_ = own_->loan(10'000);
}

void pool_creation_scenario::occupy(int object) { make_own(object); }

void pool_creation_scenario::enter(int object) {
  name_ = unique_ + "." + std::to_string(object);
  if (what_ != pool_creation::leave_last) return;
  make_own(object);
  payload_.release();
}

void pool_creation_scenario::operate() {
  switch (what_) {
    case pool_creation::create: own_.emplace(create_only, name_, options()); break;
    case pool_creation::replace_stale: own_.emplace(open_or_create, name_, options()); break;
    case pool_creation::leave_last: own_.reset(); break;
  }
}

verdict pool_creation_scenario::check(killpoint::sleeper_news&, bool) {
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
  // To open what a dead process left is refused, at once and in words.
  timed([&] {
    try {
      shm::payload_pool{open_only, name_};
      wrong("a dead process's pool was opened");
    } catch (const error& e) {
      if (e.code() != errc::not_found && e.code() != errc::stale) wrong(e.what());
    }
  });
  // ... and its name is free for the next creator.
  timed([&] { own_.emplace(create_only, name_, options()); });
  for (std::uint64_t i = 0; i < 4; ++i) {
    timed([&] {
      auto one = own_->try_loan(i % 2 == 0 ? 64 : 5000);
      if (!one) {
        wrong("a new pool lends nothing");
        return;
      }
      fill(one->writable(), i);
      if (!holds(one->bytes(), i)) wrong("a new payload does not hold what is written");
    });
  }
  timed([&] { own_.reset(); });
  if (!segments_with(name_).empty()) wrong("the last one left and the file is still there");
  return found;
}

std::string pool_creation_scenario::leftovers() {
  std::string words;
  for (const std::string& path : segments_with(unique_ + ".")) {
    words += words.empty() ? path : ", " + path;
    std::filesystem::remove(path);
  }
  return words;
}

}  // namespace hawser::test
