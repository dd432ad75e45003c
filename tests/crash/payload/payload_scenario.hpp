/// Plays one `payload_case` for the kill-point sweep.
#pragma once

#include "../raw_segment.hpp"
#include "payload_case.hpp"
#include <hawser/shm/payload_queue.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <killpoint/scenario.hpp>

namespace hawser::test {

class payload_scenario final : public killpoint::scenario {
 public:
  payload_scenario(payload_case c, std::string unique)
      : case_(std::move(c)), unique_(std::move(unique)) {}

  std::string name() const override { return "payload." + case_.name; }
  int outcomes() const override {
    return static_cast<int>(payload_outcomes(case_, blocks()).size());
  }
  bool has_sleeper() const override { return case_.other != payload_sleeper::nobody; }
  bool has_occupant() const override { return case_.corpse != remains::none; }
  bool hides_occupant() const override { return has_occupant(); }
  bool blocks() const override {
    return case_.what == payload_operation::loan_wait ||
           case_.what == payload_operation::send_wait ||
           case_.what == payload_operation::lease_wait || case_.what == payload_operation::pop_wait;
  }

  void arrange(int object) override;
  void occupy(int object) override;
  void enter(int object) override;
  void operate() override;
  std::string doze(int object) override;
  void release() override;
  std::string listen(killpoint::sleeper_news& sleeper) override;
  killpoint::verdict check(killpoint::sleeper_news& sleeper, bool complete) override;
  void finish() override;
  std::string leftovers() override;

 private:
  using queue = shm::payload_queue<std::uint64_t>;
  using lease = shm::payload_lease<std::uint64_t>;
  struct failed {
    std::string words;
  };
  /// What the survivor gathers after a kill.
  struct evidence {
    killpoint::verdict found;
    std::vector<lease> messages;
    std::vector<shm::payload> lent;
    std::vector<std::uint64_t> gone;  // by the sleeper, or to wake it
    std::vector<std::uint64_t> sent_after;
  };

  std::string name_of(int object) const { return unique_ + "." + std::to_string(object); }
  /// With slices off, only a wake-up ends a sleep: so the wake-up is there.
  bool slices() const { return !has_sleeper() && !blocks(); }
  std::size_t expected_participants() const { return has_sleeper() ? 2 : 1; }

  shm::payload filled(shm::payload_pool& pool, std::uint64_t id) const;
  void open(int object);  // the victim's or occupant's views
  template <class Operation>
  auto timed(evidence& e, Operation operation);
  void hear_sleeper(evidence& e, killpoint::sleeper_news& sleeper, bool complete);
  bool sleeper_should_wake();
  void take_messages(evidence& e, bool complete);
  void take_chunks(evidence& e, bool complete);
  void await_pages(evidence& e);
  void check_pages();
  void compare(evidence& e);
  void give_back(evidence& e);
  void use_again(evidence& e);
  std::size_t in_use() const;

  payload_case case_;
  std::string unique_, name_;
  int object_ = 0;
  // Survivor and sleeper.
  std::optional<shm::payload_pool> pool_;
  std::optional<queue> queue_;
  std::optional<raw_segment> raw_pool_, raw_queue_;
  std::vector<shm::payload> held_, kept_;
  std::size_t pages_ = 0;
  bool released_ = false;
  int points_ = 0;

  // Victim and occupant.
  std::optional<shm::payload_pool> own_pool_;
  std::optional<queue> own_queue_;
  shm::payload own_, own_share_;
  std::optional<lease> own_lease_;
  std::optional<shm::received_payload<std::uint64_t>> own_popped_;
  std::shared_ptr<shm::detail::pool_core> own_core_;
  std::unique_ptr<shm::detail::payload_link> own_link_;
};

}  // namespace hawser::test
