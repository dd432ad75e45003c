#include "pipe_creation.hpp"

#include "../raw_segment.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>

namespace hawser::test {

using clock = std::chrono::steady_clock;

std::string pipe_creation_scenario::name() const {
  switch (what_) {
    case pipe_creation::create: return "pipe.create.new";
    case pipe_creation::replace_stale: return "pipe.create.over_stale";
    case pipe_creation::leave_last: return "pipe.detach.last";
  }
  return {};
}

void pipe_creation_scenario::arrange(int object) { name_ = unique_ + "." + std::to_string(object); }

void pipe_creation_scenario::occupy(int object) {
  own_.emplace(create_only, unique_ + "." + std::to_string(object));
  own_->send("of the dead");
}

void pipe_creation_scenario::enter(int object) {
  name_ = unique_ + "." + std::to_string(object);
  if (what_ == pipe_creation::leave_last) own_.emplace(create_only, name_);
}

void pipe_creation_scenario::operate() {
  switch (what_) {
    case pipe_creation::create: own_.emplace(create_only, name_); break;
    case pipe_creation::replace_stale: own_.emplace(open_or_create, name_); break;
    case pipe_creation::leave_last: own_.reset(); break;
  }
}

killpoint::verdict pipe_creation_scenario::check(killpoint::sleeper_news&, bool) {
  killpoint::verdict found;
  const auto wrong = [&](const std::string& words) {
    if (found.failure.empty()) found.failure = words;
  };
  const auto start = clock::now();
  // To open what a dead process left is refused, at once and in words.
  try {
    (void)pipe{open_only, name_};
    wrong("a dead process's pipe was opened");
  } catch (const error& e) {
    if (e.code() != errc::not_found && e.code() != errc::stale) wrong(e.what());
  }
  {
    // ... and its name is free for the next creator.
    pipe one{create_only, name_};
    pipe other{open_only, name_};
    if (other.try_receive()) wrong("a new pipe is not empty");
    if (one.send("new") != shm::push_status::ok || other.receive() != "new")
      wrong("a new pipe does not work");
  }
  found.slowest = std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - start);
  if (!segments_with(name_).empty()) wrong("the last one left and the file is still there");
  return found;
}

std::string pipe_creation_scenario::leftovers() {
  std::string words;
  for (const std::string& path : segments_with(unique_ + ".")) {
    words += words.empty() ? path : ", " + path;
    std::filesystem::remove(path);
  }
  return words;
}

}  // namespace hawser::test
