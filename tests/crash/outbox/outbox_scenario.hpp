/// What goes to a peer, and what was lent with it, in one situation: for the kill-point sweep. The
/// survivor is the peer, or who sends to one.
#pragma once

#include <hawser/shm/detail/door_core.hpp>
#include <hawser/shm/detail/pipe_core.hpp>
#include <hawser/shm/payload_pool.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <killpoint/scenario.hpp>
#include <transport/outbox.hpp>

namespace hawser::test {

struct outbox_case {
  enum operation {
    send,     ///< a frame
    connect,  ///< with two frames that wait for it
    receive,  ///< a frame that has been sent
    close
  };

  std::string name;
  operation what = send;
  std::size_t loans = 0;  ///< that go along with each frame
  bool carried = false;   ///< there is no pipe for them

  std::size_t frames() const { return what == connect ? 2 : 1; }
};

std::vector<outbox_case> outbox_cases();

class outbox_scenario final : public killpoint::scenario {
 public:
  outbox_scenario(outbox_case c, std::string unique)
      : case_(std::move(c)), unique_(std::move(unique)) {}

  std::string name() const override { return "outbox." + case_.name; }
  bool victim_sends() const {
    return case_.what == outbox_case::send || case_.what == outbox_case::connect;
  }
  int outcomes() const override {
    return victim_sends() ? 1 + static_cast<int>(case_.frames()) : 1;
  }
  std::string outcome_words(int outcome) const override {
    return victim_sends()
               ? std::to_string(outcome) + " of " + std::to_string(case_.frames()) + " there, whole"
               : scenario::outcome_words(outcome);
  }
  /// A pipe is used once.
  bool spends_object() const override { return true; }

  void arrange(int object) override;
  void enter(int object) override;
  void operate() override;
  killpoint::verdict check(killpoint::sleeper_news& sleeper, bool complete) override;
  void finish() override;
  std::string leftovers() override;

 private:
  using outbox = actors::detail::outbox;
  /// One process's ends.
  struct side {
    side(const std::string& name, shm::detail::opening how, bool loans);
    shm::payload_pool pool;
    shm::detail::pipe_core pipe;
    shm::detail::door_core door;
    std::optional<actors::detail::loan_pipe> loans;
    actors::detail::arriving_loans arriving;
  };

  /// Fills loans; what is sent next.
  void prepare(side& to, std::uint64_t number);
  void send();
  void start(side& to, outbox& box) const;
  /// Takes the frames that are there. Nothing: one of them is not whole.
  static std::optional<std::size_t> take(side& from);

  outbox_case case_;
  std::string unique_;
  std::unique_ptr<side> own_, victims_;
  std::unique_ptr<outbox> box_;
  actors::detail::frame_buffer frame_;
  actors::detail::luggage with_;
};

}  // namespace hawser::test
