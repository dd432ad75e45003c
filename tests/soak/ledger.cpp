#include "ledger.hpp"

namespace hawser::test {

using wrong = soak_book::wrong;

namespace {

std::string text_of(const std::string& channel, std::uint64_t lane, std::uint64_t number) {
  return channel + ": message " + std::to_string(lane) + ":" + std::to_string(number);
}

}  // namespace

lane_ledger::lane_ledger(soak_book& book, std::string channel, std::size_t lanes,
                         std::size_t per_lane)
    : book_(book),
      channel_(std::move(channel)),
      committed_(book.committed_in(channel_)),
      lanes_(lanes),
      per_lane_(per_lane),
      next_(lanes),
      pushes_(lanes * per_lane),
      acks_(lanes * per_lane) {}

bool lane_ledger::attempt(std::size_t lane, std::size_t n, std::uint64_t& first) {
  first = next_[lane];
  if (n == 0 || first + n > per_lane_) return false;
  for (std::uint64_t i = first; i < first + n; ++i)
    pushes_[lane * per_lane_ + i] = stage::attempted;
  next_[lane] = first + n;  // a number that was attempted is never attempted again
  return true;
}

void lane_ledger::pushed(std::size_t lane, std::uint64_t first, std::size_t n) {
  for (std::uint64_t i = first; i < first + n; ++i) pushes_[lane * per_lane_ + i] = stage::returned;
  committed_.fetch_add(n);
}

bool lane_ledger::came(const numbered& m) {
  if (!m.whole() || m.lane >= lanes_ || m.number >= per_lane_) {
    book_.add(wrong::corrupt, 1, channel_ + ": a torn message");
    return false;
  }
  if (pushes_[m.lane * per_lane_ + m.number] == stage::untouched) {
    book_.add(wrong::corrupt, 1, text_of(channel_, m.lane, m.number) + " was never pushed");
    return false;
  }
  if (ack_of(m) == stage::returned)
    book_.add(wrong::duplicated, 1, text_of(channel_, m.lane, m.number) + " came after its ack");
  return true;
}

void lane_ledger::find_lost() {
  for (std::size_t lane = 0; lane < lanes_; ++lane)
    for (std::uint64_t i = 0; i < next_[lane]; ++i) {
      const std::size_t at = lane * per_lane_ + i;
      if (pushes_[at] == stage::returned && acks_[at] == stage::untouched)
        book_.add(wrong::lost, 1, text_of(channel_, lane, i) + " is lost");
    }
}

void change_ledger::find_lost(std::uint64_t count) {
  std::uint64_t returned = 0, attempted = 0;
  for (std::size_t i = 0; i < attempted_.size(); ++i) {
    returned += returned_[i];
    attempted += attempted_[i];
  }
  if (count < returned)
    book_.add(wrong::lost, returned - count, channel_ + ": changes that had returned are lost");
  if (count > attempted)
    book_.add(wrong::duplicated, count - attempted, channel_ + ": changes were made twice");
}

}  // namespace hawser::test
