/// A ledger of numbered messages: who pushed which, and which were acknowledged.
#pragma once

#include "book.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace hawser::test {

/// The message: its lane is the worker that pushed it; a body follows from both numbers.
struct numbered {
  std::uint64_t lane = 0, number = 0;
  std::array<std::uint64_t, 6> body{};

  static numbered make(std::uint64_t lane, std::uint64_t number) {
    numbered m{lane, number, {}};
    for (std::size_t i = 0; i < m.body.size(); ++i) m.body[i] = (number + i) * (lane + 3);
    return m;
  }
  [[nodiscard]] bool whole() const { return body == make(lane, number).body; }
};

class lane_ledger {
 public:
  lane_ledger(soak_book& book, std::string channel, std::size_t lanes, std::size_t per_lane);

  /// Worker `lane` is about to push `n` messages. Returns the first one's number; nothing if the
  /// ledger is full.
  bool attempt(std::size_t lane, std::size_t n, std::uint64_t& first);
  /// The push of the first `n` of them returned: they are committed.
  void pushed(std::size_t lane, std::uint64_t first, std::size_t n);
  /// A message came out. False: it is not to be acknowledged, something is wrong with it.
  bool came(const numbered& message);
  void acknowledging(const numbered& message) { ack_of(message) = stage::attempted; }
  void acknowledged(const numbered& message) { ack_of(message) = stage::returned; }
  [[nodiscard]] bool was_pushed(std::size_t lane, std::uint64_t number) {
    return number < per_lane_ && pushes_[lane * per_lane_ + number] == stage::returned;
  }
  /// When all messages have been taken: what was committed and never came, is lost.
  void find_lost();

 private:
  atomic_stage& ack_of(const numbered& m) { return acks_[m.lane * per_lane_ + m.number]; }

  soak_book& book_;
  std::string channel_;
  soak_book::counter& committed_;
  std::size_t lanes_, per_lane_;
  shared_table<std::atomic<std::uint64_t>> next_;  // the first number never attempted
  shared_table<atomic_stage> pushes_, acks_;
};

/// Counts changes of something that cannot say which ones it saw: at the end their number lies
/// between those that returned and those that were attempted.
class change_ledger {
 public:
  change_ledger(soak_book& book, std::string channel, std::size_t workers)
      : book_(book),
        channel_(std::move(channel)),
        committed_(book.committed_in(channel_)),
        attempted_(workers),
        returned_(workers) {}

  void attempt(std::size_t worker) { attempted_[worker].fetch_add(1); }
  void done(std::size_t worker) {
    returned_[worker].fetch_add(1);
    committed_.fetch_add(1);
  }
  void find_lost(std::uint64_t count);

 private:
  soak_book& book_;
  std::string channel_;
  soak_book::counter& committed_;
  shared_table<std::atomic<std::uint64_t>> attempted_, returned_;
};

}  // namespace hawser::test
