// Senders, the transport's thread and the peer, each in a thread of its own.

#include "outbox_support.hpp"

#include <array>
#include <atomic>
#include <thread>

namespace test {
namespace {

/// Each sender's frames arrive in its order, with what was lent along; nobody hangs.
TEST_F(OutboxTest, ThreadsSendTheTransportFlushesAndThePeerReads) {
  constexpr std::uint64_t senders = 3, count = 3000;
  connect();
  lender.emplace(pool, create_only, name + ".loans");
  borrower.emplace(pool, open_only, name + ".loans");
  std::atomic<std::uint64_t> left{senders};
  std::array<std::thread, senders> threads;
  for (std::uint64_t s = 0; s < senders; ++s)
    threads[s] = std::thread{[&, s] {
      for (std::uint64_t i = 0; i < count; ++i) {
        const std::uint64_t number = s << 32 | i;
        const auto how = i % 3 == 0   ? outbox::urgency::protocol
                         : i % 3 == 1 ? outbox::urgency::may_wait
                                      : outbox::urgency::message;
        const auto send = [&] {
          if (s == 1 && i % 50 == 0) return lend(number, {40 + i % 7}, how);
          return box.send(frame(number, i % 11 == 0 ? 600 : 40), how);
        };
        while (send() != outbox::result::taken) std::this_thread::yield();
      }
      --left;
    }};
  std::atomic<bool> all_read{false};
  std::thread peer{[&] {
    std::array<std::uint64_t, senders> next{};
    std::uint64_t read = 0, loans = 0;
    bool wrong = false;
    while (read < senders * count && !wrong) {
      for (const auto& one : take()) {
        frame_header header{};
        std::memcpy(&header, one.data(), sizeof header);
        if (header.mid == 0 && read == 0 && one.size() == 32) continue;  // the first frame
        wrong = wrong || (header.mid & 0xffff'ffff) != next.at(header.mid >> 32)++;
        ++read;
        if (header.loans == 0) continue;
        const auto loan = borrower->try_receive();
        wrong = wrong || !loan || loan->meta.value != loans++ ||
                loan->data.bytes()[0] != static_cast<std::byte>(header.mid);
      }
      std::this_thread::yield();
    }
    EXPECT_FALSE(wrong);
    EXPECT_EQ(loans, count / 50);
    all_read = true;
  }};
  while (!all_read) {
    if (box.can_flush()) box.flush();
    if (box.wants_loans()) box.use_loans(&*lender);
    std::this_thread::yield();
  }
  for (std::thread& one : threads) one.join();
  peer.join();
  EXPECT_EQ(left, 0U);
  EXPECT_FALSE(box.has_backlog());
  box.close();
}

}  // namespace
}  // namespace test
