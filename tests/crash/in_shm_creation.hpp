/// Kill points while nobody else is attached, for any channel: creating, replacing what is stale,
/// opening what is there, leaving last.
#pragma once

#include "raw_segment.hpp"
#include <hawser/shm/segment.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include <killpoint/scenario.hpp>

namespace hawser::test {

enum class creating {
  create,          ///< create_only; nothing has the name
  replace_stale,   ///< open_or_create; a killed creator's channel has it
  open_or_create,  ///< of a channel that a survivor holds: opens it
  leave_last       ///< the destructor of the only participant
};

/// `Kind` says what the channel is:
///   channel          its type
///   word             "value"
///   create(tag, name) -> channel     with create_only or open_or_create
///   try_out(channel&) -> std::string what is wrong with a new one, in words
template <class Kind>
class in_shm_creation final : public killpoint::scenario {
 public:
  in_shm_creation(creating what, std::string unique) : what_(what), unique_(std::move(unique)) {}

  std::string name() const override {
    const std::string word{Kind::word};
    switch (what_) {
      case creating::create: return word + ".create.new";
      case creating::replace_stale: return word + ".create.over_stale";
      case creating::open_or_create: return word + ".create.opens_existing";
      case creating::leave_last: return word + ".detach.last";
    }
    return {};
  }
  int outcomes() const override { return 1; }  // a creator that dies leaves nothing to be seen
  bool spends_object() const override { return true; }
  bool has_occupant() const override { return what_ == creating::replace_stale; }

  void arrange(int object) override {
    own_.reset();
    name_ = name_of(object);
    if (what_ == creating::open_or_create) own_.emplace(Kind::create(create_only, name_));
  }
  void occupy(int object) override { own_.emplace(Kind::create(create_only, name_of(object))); }
  void enter(int object) override {
    name_ = name_of(object);
    if (what_ == creating::leave_last) own_.emplace(Kind::create(create_only, name_));
  }
  void operate() override {
    switch (what_) {
      case creating::create: own_.emplace(Kind::create(create_only, name_)); break;
      case creating::replace_stale:
      case creating::open_or_create: own_.emplace(Kind::create(open_or_create, name_)); break;
      case creating::leave_last: own_.reset(); break;
    }
  }

  killpoint::verdict check(killpoint::sleeper_news&, bool) override {
    killpoint::verdict found;
    const auto timed = [&](auto operation) {
      const auto start = clock::now();
      operation();
      found.slowest =
          std::max(found.slowest,
                   std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - start));
    };
    const auto wrong = [&](const std::string& words) {
      if (found.failure.empty()) found.failure = words;
    };
    if (what_ != creating::open_or_create) {
      // To open what a dead process left is refused, at once and in words.
      timed([&] {
        try {
          const typename Kind::channel opened{open_only, name_};
          wrong("what a dead process left was opened");
        } catch (const error& e) {
          if (e.code() != errc::not_found && e.code() != errc::stale) wrong(e.what());
        }
      });
      // ... and its name is free for the next creator.
      timed([&] { own_.emplace(Kind::create(create_only, name_)); });
    }
    timed([&] {
      if (const std::string words = Kind::try_out(*own_); !words.empty()) wrong(words);
    });
    timed([&] { own_.reset(); });
    if (!segments_with(name_).empty()) wrong("the last one left and the file is still there");
    return found;
  }

  std::string leftovers() override {
    std::string words;
    for (const std::string& path : segments_with(unique_ + ".")) {
      words += words.empty() ? path : ", " + path;
      std::filesystem::remove(path);
    }
    return words;
  }

 private:
  using clock = std::chrono::steady_clock;
  std::string name_of(int object) const { return unique_ + "." + std::to_string(object); }

  creating what_;
  std::string unique_, name_;
  std::optional<typename Kind::channel> own_;  // the survivor's, the occupant's or the victim's
};

}  // namespace hawser::test
