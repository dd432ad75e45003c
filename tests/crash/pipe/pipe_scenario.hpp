/// Plays one `pipe_case` for the kill-point sweep. A pipe has two ends only: the victim has one of
/// them (in a sweep, the occupant), and the other one is the survivor's, or the sleeper's, who
/// tells the survivor in the end what it received.
#pragma once

#include "../raw_segment.hpp"
#include "pipe_case.hpp"
#include <hawser/shm/pipe.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <killpoint/scenario.hpp>

namespace hawser::test {

class pipe_scenario final : public killpoint::scenario {
 public:
  pipe_scenario(pipe_case c, std::string unique);
  ~pipe_scenario() override;

  std::string name() const override { return "pipe." + case_.name; }
  int outcomes() const override { return static_cast<int>(pipe_outcomes_of(case_).size()); }
  /// A pipe is used once.
  bool spends_object() const override { return true; }
  bool has_sleeper() const override { return case_.other != pipe_sleeping::nobody; }
  bool has_occupant() const override { return case_.what == pipe_operation::sweep; }
  bool hides_occupant() const override { return has_occupant(); }
  bool blocks() const override {
    return case_.what == pipe_operation::send_wait || case_.what == pipe_operation::receive_wait ||
           case_.what == pipe_operation::send_huge;
  }

  void arrange(int object) override;
  void occupy(int object) override;
  void enter(int object) override;
  void operate() override;
  std::string doze(int object) override;
  bool is_dozing(pid_t sleeper, int object) override;
  void release() override;
  std::string listen(killpoint::sleeper_news& sleeper) override;
  killpoint::verdict check(killpoint::sleeper_news& sleeper, bool complete) override;
  void finish() override;
  std::string leftovers() override;

 private:
  using pipe = shm::pipe<std::string>;
  struct failed {
    std::string words;
  };
  struct notes {
    std::atomic<bool> woken;  // the sleeper was, for the first time
    char name[80];            // of a nameless pipe, told by its creator
  };

  static notes& shared_notes();
  std::string name_of(int object) const { return unique_ + "." + std::to_string(object); }
  /// With slices off, only a wake-up ends a sleep: so the wake-up is there.
  bool slices() const { return !has_sleeper() && !blocks(); }
  /// Who creates: the other end, unless the sleeper is it, which comes after the victim.
  bool sleeper_creates() const { return case_.other == pipe_sleeping::waiter; }
  void create(std::optional<pipe>& end, int object);
  std::string name_now() const { return case_.nameless ? notes_->name : name_; }
  std::string message(std::uint64_t id) const { return pipe_message_of(id, case_.bytes); }
  std::uint64_t id_of(std::string_view text) const { return pipe_id_of(text, case_.bytes); }

  template <class Operation>
  auto timed(killpoint::verdict& found, Operation operation);
  void play_partner();
  std::vector<std::uint64_t> drain(killpoint::verdict& found);
  std::vector<std::uint64_t> hear(killpoint::verdict& found, killpoint::sleeper_news& sleeper);
  bool is_free() const;
  void meet_a_peer(killpoint::verdict& found);
  void use_what_is_left(killpoint::verdict& found);
  std::string be_receiver();
  std::string be_sender();
  void await_callback(shm::ready what);

  pipe_case case_;
  std::string unique_, name_;
  notes* notes_;  // shared by all processes
  int points_ = 0;
  std::optional<pipe> pipe_;  // of the survivor or the sleeper
  std::optional<raw_segment> raw_;
  std::thread partner_;  // of the survivor: the other end's part before the operation
  std::vector<std::uint64_t> released_;

  // Victim and occupant.
  std::optional<pipe> own_;
  std::unique_ptr<shm::detail::attachment> third_;
  std::vector<std::string> out_;
};

}  // namespace hawser::test
