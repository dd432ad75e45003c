/// An outbox, and the other end of its ring.
#pragma once

#include "../../support/child.hpp"
#include <hawser/shm/detail/door_core.hpp>
#include <hawser/shm/detail/pipe_core.hpp>
#include <hawser/shm/payload_pool.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <transport/outbox.hpp>

namespace test {

using namespace hawser;
using namespace hawser::actors::detail;
using hawser::shm::detail::door_core;
using hawser::shm::detail::opening;
using hawser::shm::detail::pipe_core;
using hawser::test::unique_name;

class OutboxTest : public testing::Test {
 protected:
  static constexpr std::size_t mark = 4096;
  static actors::transport_options options(actors::backlog_policy policy) {
    actors::transport_options all;
    all.backlog_bytes = mark;
    all.backlog = policy;
    return all;
  }
  OutboxTest() {
    hawser::shm::detail::pipe_request request;
    request.name = name;
    request.how = opening::create_only;
    request.ring_bytes = 1024;
    request.message_bytes_max = 1 << 20;
    sending = std::make_unique<pipe_core>(request);
    request.how = opening::open_only;
    receiving = std::make_unique<pipe_core>(request);
  }
  void connect() { box.connect(*sending, door, frame(0, 32)); }
  /// Of so many bytes, header included; what it says is its number.
  static frame_buffer frame(std::uint64_t number, std::size_t bytes) {
    frame_buffer all;
    append(all, frame_header{.kind = frame_kind::message, .mid = number});
    all.resize(bytes, static_cast<char>(number));
    return all;
  }
  /// Opens a pipe of loans at both ends, as the transports of two processes do.
  void open_loans() {
    lender.emplace(pool, create_only, name + ".loans");
    borrower.emplace(pool, open_only, name + ".loans");
    box.use_loans(&*lender);
  }
  /// A frame, and what goes along with it: so many loans with its number in each byte.
  outbox::result lend(std::uint64_t number, std::vector<std::size_t> loans,
                      outbox::urgency how = outbox::urgency::message) {
    luggage with;
    frame_buffer all;
    append(all, frame_header{.kind = frame_kind::message,
                             .flags = frame_header::lent,
                             .loans = static_cast<std::uint32_t>(loans.size()),
                             .mid = number});
    for (const std::size_t bytes : loans) {
      with.loans.push_back(pool.loan(bytes));
      with.loan_bytes += bytes;
      std::memset(with.loans.back().writable().data(), static_cast<int>(number), bytes);
      append(all, loan_size{bytes});
    }
    return box.send(all, how, std::move(with));
  }
  /// Takes what is there, as a transport does: parts are put together, `room` is left out.
  std::vector<frame_buffer> take() {
    std::vector<frame_buffer> all;
    hawser::shm::detail::pipe_message message{};
    while (receiving->try_peek(message) == hawser::shm::take_status::ok) {
      frame_header header{};
      frame_reader in{message.data, message.bytes};
      EXPECT_TRUE(in.read(header));
      const auto* const bytes = reinterpret_cast<const char*>(message.data);
      if (header.kind == frame_kind::part) {
        parts.insert(parts.end(), bytes + sizeof header, bytes + message.bytes);
        if (parts.size() == header.mid) all.push_back(std::exchange(parts, {}));
      } else if (header.kind == frame_kind::room) {
        ++rooms;
      } else {
        all.emplace_back(bytes, bytes + message.bytes);
      }
      receiving->take(message);
    }
    return all;
  }

  const std::string name = unique_name();
  std::unique_ptr<pipe_core> sending, receiving;
  door_core door{{name + ".door", opening::create_only}};
  shm::payload_pool pool{create_only, name + ".pool", {.classes = {}, .large = 64}};
  shm::payload shared;
  std::optional<loan_pipe> lender, borrower;
  std::atomic<int> backlogs{0};
  int rooms = 0;
  frame_buffer parts;
  outbox box{options(actors::backlog_policy::wait), [this] { ++backlogs; }};
};

}  // namespace test
