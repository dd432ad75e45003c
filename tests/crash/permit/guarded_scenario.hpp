/// Kill points of guarded values, and of creating and leaving what holds permits.
#pragma once

#include "../raw_segment.hpp"
#include <hawser/shm/guarded.hpp>
#include <hawser/shm/semaphore.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include <killpoint/scenario.hpp>

namespace hawser::test {

/// Written word by word: a kill in between is seen. No multiple of a cache line.
struct guarded_words {
  std::array<std::uint64_t, 9> words;
  static guarded_words of(std::uint64_t number) {
    guarded_words result;
    for (std::size_t i = 0; i < result.words.size(); ++i) result.words[i] = number * (2 * i + 1);
    return result;
  }
  /// Its number, 0 if it is torn.
  std::uint64_t number() const { return of(words[0]).words == words ? words[0] : 0; }
};

enum class guarded_operation {
  update,         ///< lock, change, end of the guard
  commit,         ///< of a guard it came with; it goes on holding it
  commit_twice,   ///< two commits under one lock
  rollback,       ///< lock, change, roll back, end of the guard
  load,           ///< a snapshot
  lock_wait,      ///< lock, change, end; a survivor lets go once it sleeps
  create,         ///< a new one
  replace_stale,  ///< over one whose creator was killed
  leave_last,     ///< the destructor of the only participant
};

class guarded_scenario final : public killpoint::scenario {
 public:
  guarded_scenario(guarded_operation what, bool sleeper, std::string unique)
      : what_(what), sleeper_(sleeper), unique_(std::move(unique)) {}

  std::string name() const override;
  int outcomes() const override;
  std::string outcome_words(int outcome) const override {
    return outcome == 0 ? "the old value" : outcome == 1 ? "the new value" : "the newest value";
  }
  bool spends_object() const override { return alone(); }
  bool has_sleeper() const override { return sleeper_; }
  bool has_occupant() const override { return what_ == guarded_operation::replace_stale; }
  bool blocks() const override { return what_ == guarded_operation::lock_wait; }

  void arrange(int object) override;
  void occupy(int object) override;
  void enter(int object) override;
  void operate() override;
  std::string doze(int object) override;
  void release() override { held_.reset(); }
  std::string listen(killpoint::sleeper_news& sleeper) override;
  killpoint::verdict check(killpoint::sleeper_news& sleeper, bool complete) override;
  void finish() override;
  std::string leftovers() override;

 private:
  using value = shm::guarded<guarded_words>;
  struct failed {
    std::string words;
  };
  static constexpr std::uint64_t old_number = 7, new_number = 101, last_number = 102;

  /// Nobody else is attached.
  bool alone() const { return what_ >= guarded_operation::create; }
  std::string name_of(int object) const { return unique_ + "." + std::to_string(object); }
  void check_value(killpoint::verdict& found);

  guarded_operation what_;
  bool sleeper_;
  std::string unique_, name_;
  int object_ = 0;
  // Each process its own.
  std::optional<value> value_;
  std::optional<value::guard> held_;
  std::optional<raw_segment> raw_;
};

}  // namespace hawser::test
