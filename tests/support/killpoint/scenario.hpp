/// What a kill-point sweep needs to know of one operation in one situation.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include <sys/types.h>

namespace hawser::test::killpoint {

/// How long the next operation of a survivor may take after the kill.
inline constexpr std::chrono::milliseconds next_operation_limit{100};
/// After this, something hangs: far beyond what a loaded machine explains.
inline constexpr std::chrono::milliseconds hang_limit{4000};

/// What the survivor found after a kill.
struct verdict {
  /// Which of the allowed outcomes it is: 0 nothing happened, up to `outcomes() - 1`.
  int outcome = 0;
  /// The longest that an operation or a wake-up took.
  std::chrono::microseconds slowest{0};
  /// What is wrong, in words; empty: nothing.
  std::string failure;

  [[nodiscard]] std::string to_text() const;
  static verdict from_text(const std::string& text);
};

/// What the survivor hears of the sleeper.
class sleeper_news {
 public:
  explicit sleeper_news(int end) : end_(end) {}
  /// What the sleeper's blocking operation returned, waiting up to `limit` for it.
  /// Returns    Nothing: it still sleeps. The same text again once it was told.
  std::optional<std::string> wait(std::chrono::milliseconds limit);
  void forget() { text_.reset(); }

 private:
  int end_;
  std::optional<std::string> text_;
};

/// One operation in one situation. Each function runs in the process its comment names, all of
/// them forked from the one that holds the scenario: what one process changes in the members,
/// no other one sees. `object` numbers the shared objects made so far; another number than
/// before means: a new object, the old one is no more.
///
/// The order at every point: arrange, occupy, enter, doze (sleeps), kill of the occupant,
/// operate (stepped and killed; at one point more not killed before listen), check.
class scenario {
 public:
  scenario() = default;
  scenario(const scenario&) = delete;
  scenario& operator=(const scenario&) = delete;
  virtual ~scenario() = default;

  [[nodiscard]] virtual std::string name() const = 0;
  /// How many outcomes are allowed: not begun, ..., complete.
  [[nodiscard]] virtual int outcomes() const { return 2; }
  /// What the survivors see then, for people.
  [[nodiscard]] virtual std::string outcome_words(int outcome) const;
  /// Whether a point leaves the object unusable for the next one.
  [[nodiscard]] virtual bool spends_object() const { return false; }
  [[nodiscard]] virtual bool has_sleeper() const { return false; }
  [[nodiscard]] virtual bool has_occupant() const { return false; }
  /// Whether nobody but the victim may notice the occupant's death: the other processes'
  /// background threads are stopped from before it until the victim is dead.
  [[nodiscard]] virtual bool hides_occupant() const { return false; }
  /// Whether the operation blocks until `release`.
  [[nodiscard]] virtual bool blocks() const { return false; }

  /// Survivor: makes object number `object` if that is new, and its starting situation.
  virtual void arrange(int object) = 0;
  /// Occupant: takes what it will be killed with. Returns when it has.
  virtual void occupy(int /*object*/) {}
  /// Victim: everything before the operation.
  virtual void enter(int object) = 0;
  /// Victim: the operation.
  virtual void operate() = 0;
  /// Sleeper: the blocking operation; its text goes to `check`.
  virtual std::string doze(int /*object*/) { return {}; }
  /// Tracer: whether the sleeper, process `sleeper`, sleeps. The default looks for a futex in
  /// shared memory.
  [[nodiscard]] virtual bool is_dozing(pid_t sleeper, int object);
  /// Survivor: wakes the victim that blocks in `operate`.
  virtual void release() {}
  /// Survivor, while the victim lives and its operation is complete: what is wrong, in words.
  /// Who sleeps was to be woken by the operation itself, not by the victim's death.
  virtual std::string listen(sleeper_news& /*sleeper*/) { return {}; }
  /// Survivor: judges what the kill left, and leaves the object ready for `arrange`.
  /// `complete`: the operation had returned.
  virtual verdict check(sleeper_news& sleeper, bool complete) = 0;
  /// Survivor: gives up everything.
  virtual void finish() {}
  /// Tracer, when all processes are gone: what was left behind, in words.
  virtual std::string leftovers() { return {}; }
};

}  // namespace hawser::test::killpoint
