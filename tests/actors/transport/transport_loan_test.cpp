// Large messages, and what goes by reference, between actor systems of one process.

#include "transport_support.hpp"
#include <hawser/shm/payload_pool.hpp>
#include <hawser/shm/value.hpp>

#include <algorithm>
#include <numeric>

#include <transport/directory.hpp>

namespace test {
namespace {

using actors::peer_error;
using actors::shared_bytes;

char_vector large(std::size_t bytes, int seed = 0) {
  char_vector all(bytes);
  for (std::size_t i = 0; i < bytes; ++i)
    all[i] = static_cast<char>(i * 7 + i / 256 + static_cast<unsigned>(seed));
  return all;
}

class TransportLoanTest : public testing::Test {
 protected:
  TransportLoanTest() {
    served = a.system.spawn(echo);
    a.host.publish(served, "echo");
    remote = b.lookup("echo");
  }
  void TearDown() override {
    // Whatever was lent is given back.
    if (const auto pool = open_pool()) {
      EXPECT_TRUE(eventually([&] { return in_use(*pool) == 0; })) << in_use(*pool);
    }
    caf::anon_send_exit(served, caf::exit_reason::kill);
  }
  static std::size_t in_use(const shm::payload_pool& pool) {
    const auto now = pool.counters();
    std::size_t all = now.references_in_use;
    for (const auto& one : now.classes) all += one.in_use;
    return all;
  }
  std::optional<shm::payload_pool> open_pool() const {
    try {
      return shm::payload_pool{open_only, "actors." + group + ".loans"};
    } catch (const error&) {
      return std::nullopt;  // nothing was lent
    }
  }
  shared_bytes filled(node& by, std::size_t bytes) {
    shm::payload loan = by.host.loan(bytes);
    const auto pattern = large(bytes);
    std::memcpy(loan.writable().data(), pattern.data(), bytes);
    return shared_bytes{std::move(loan)};
  }
  static bool holds_pattern(const shared_bytes& got) {
    const auto pattern = large(got.size());
    return std::memcmp(got.bytes().data(), pattern.data(), got.size()) == 0;
  }

  const std::string group = unique_name();
  node a{group, [](auto& options) { options.ring_bytes = 64 * 1024; }};
  node b{group, [](auto& options) { options.ring_bytes = 64 * 1024; }};
  caf::actor served, remote;
};

TEST_F(TransportLoanTest, ALargeMessageIsLent) {
  const auto sent = large(8 << 20);
  EXPECT_EQ(ask<char_vector>(b.self, remote, sent), sent);
  EXPECT_EQ(b.host.statistics().lent, 1U);
  EXPECT_EQ(a.host.statistics().lent, 1U);
  const auto pool = open_pool();
  ASSERT_TRUE(pool);
  EXPECT_EQ(pool->counters().loans, 2U);  // each of its size at once
}

TEST_F(TransportLoanTest, SizesAroundTheLimitArriveWhole) {
  const std::size_t limit = b.config.transport.loan_bytes;
  for (const std::size_t bytes :
       {limit - 20, limit - 9, limit - 8, limit - 7, limit - 1, limit, limit + 1, 3 * limit})
    ASSERT_EQ(ask<char_vector>(b.self, remote, large(bytes)), large(bytes)) << bytes;
}

TEST_F(TransportLoanTest, AMessageOfManySmallValuesGrowsIntoItsLoan) {
  std::vector<std::string> words;
  for (int i = 0; i < 300'000; ++i) words.push_back("word number " + std::to_string(i));
  const auto counts = a.system.spawn([](caf::event_based_actor*) -> caf::behavior {
    return {
        [](const std::vector<std::string>& got, std::size_t x) { return got[299'999] + got[x]; }};
  });
  a.host.publish(counts, "counts");
  EXPECT_EQ(ask<std::string>(b.self, b.lookup("counts"), words, std::size_t{17}),
            "word number 299999word number 17");
  EXPECT_EQ(b.host.statistics().lent, 1U);
  caf::anon_send_exit(counts, caf::exit_reason::kill);
}

TEST_F(TransportLoanTest, LargeAndSmallMessagesKeepTheirOrder) {
  constexpr int count = 300;
  std::promise<bool> in_order;
  const auto local = a.system.spawn([&](actors::stateful_actor<echo_state>* self) -> caf::behavior {
    const auto next = [&, self](int i) {
      if (i != self->state.count++) in_order.set_value(false), self->quit();
      else if (i == count - 1) in_order.set_value(true), self->quit();
    };
    return {[=](int i) { next(i); },
            [=](int i, const char_vector& more) { next(more == large(more.size()) ? i : -1); },
            [=](int i, const shared_bytes& more) { next(holds_pattern(more) ? i : -1); }};
  });
  a.host.publish(local, "orderly");
  const auto to = b.lookup("orderly");
  for (int i = 0; i < count; ++i) {
    if (i % 10 == 3) b.self->send(to, i, large(i % 20 == 3 ? 2 << 20 : 300'000));
    else if (i % 10 == 7) b.self->send(to, i, filled(b, 50'000));
    else b.self->send(to, i);
  }
  auto result = in_order.get_future();
  ASSERT_EQ(result.wait_for(patience), std::future_status::ready);
  EXPECT_TRUE(result.get());
}

TEST_F(TransportLoanTest, BytesGoByReferenceAndComeBackSo) {
  const shared_bytes sent = filled(b, 5 << 20);
  const auto got = ask<shared_bytes>(b.self, remote, sent);
  ASSERT_TRUE(got) << actors::render(b.system, got.error());
  EXPECT_TRUE(got->is_lent());
  EXPECT_EQ(*got, sent);
  const auto pool = open_pool();
  ASSERT_TRUE(pool);
  EXPECT_EQ(pool->counters().loans, 1U);
  EXPECT_EQ(pool->counters().shares, 2U);
}

TEST_F(TransportLoanTest, BytesThatAreNotLentAreCopied) {
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{100'000}}) {
    const auto pattern = large(bytes);
    const auto* const first = reinterpret_cast<const std::byte*>(pattern.data());
    const shared_bytes sent{std::vector<std::byte>(first, first + bytes)};
    const auto got = ask<shared_bytes>(b.self, remote, sent);
    ASSERT_TRUE(got);
    EXPECT_FALSE(got->is_lent());
    EXPECT_EQ(*got, sent);
  }
  EXPECT_EQ(ask<shared_bytes>(b.self, remote, shared_bytes{}), shared_bytes{});
  shm::payload_pool another{create_only, unique_name()};
  shm::payload loan = another.loan(1000);
  const auto pattern = large(1000);
  std::memcpy(loan.writable().data(), pattern.data(), 1000);
  const auto got = ask<shared_bytes>(b.self, remote, shared_bytes{std::move(loan)});
  ASSERT_TRUE(got);
  EXPECT_FALSE(got->is_lent());
  EXPECT_TRUE(holds_pattern(*got));
}

TEST_F(TransportLoanTest, BytesAreHandedOnToAThirdProcess) {
  node c{group};
  const auto at_c = c.system.spawn(echo);
  c.host.publish(at_c, "c");
  const auto relay = a.system.spawn([to = a.lookup("c")](caf::event_based_actor* self) {
    return caf::behavior{[=](const shared_bytes& bytes) { return self->delegate(to, bytes); }};
  });
  a.host.publish(relay, "relay");
  const auto there = ask<shared_bytes>(b.self, b.lookup("relay"), filled(b, 2 << 20));
  ASSERT_TRUE(there) << actors::render(b.system, there.error());
  EXPECT_TRUE(there->is_lent());
  EXPECT_TRUE(holds_pattern(*there));
  EXPECT_EQ(open_pool()->counters().loans, 1U);
  caf::anon_send_exit(at_c, caf::exit_reason::kill);
  caf::anon_send_exit(relay, caf::exit_reason::kill);
}

TEST_F(TransportLoanTest, ManyReferencesInOneMessage) {
  const auto counts = a.system.spawn([](caf::event_based_actor*) -> caf::behavior {
    return {[](const std::vector<shared_bytes>& all, const char_vector& more) {
      return static_cast<int>(std::count_if(all.begin(), all.end(), holds_pattern)) +
             (more == large(2 << 20) ? 1000 : 0);
    }};
  });
  a.host.publish(counts, "counts");
  // Beyond some dozen in one message they are copied.
  const std::vector<shared_bytes> all(100, filled(b, 10'000));
  EXPECT_EQ(ask<int>(b.self, b.lookup("counts"), all, large(2 << 20)), 1100);
  caf::anon_send_exit(counts, caf::exit_reason::kill);
}

TEST_F(TransportLoanTest, WhenNothingIsLeftToLendMessagesAreCopied) {
  std::vector<shm::payload> all;
  for (shm::payload one = b.host.loan(10); one; one = b.host.try_loan(10))
    all.push_back(std::move(one));
  EXPECT_EQ(all.size(), 64U + 8U);
  for (const auto& one : all) ASSERT_EQ(one.size(), 10U);
  EXPECT_EQ(ask<char_vector>(b.self, remote, large(3 << 20)), large(3 << 20));
  EXPECT_EQ(b.host.statistics().lent, 0U);
}

TEST_F(TransportLoanTest, WithoutAPipeOfLoansTheyAreCarriedAlong) {
  // Its name has been taken by something else.
  actors::detail::directory members{{.group = "actors." + group + ".members"}};
  std::vector<std::uint32_t> tags;
  for (const auto& one : members.members()) tags.push_back(one.tag);
  ASSERT_EQ(tags.size(), 2U);
  std::sort(tags.begin(), tags.end());
  const shm::value<int> taken{create_only, "actors." + group + ".loans." + std::to_string(tags[0]) +
                                               "." + std::to_string(tags[1])};
  const shared_bytes sent = filled(b, 2 << 20);
  const auto got = ask<shared_bytes>(b.self, remote, sent);
  ASSERT_TRUE(got);
  EXPECT_FALSE(got->is_lent());
  EXPECT_EQ(*got, sent);
  EXPECT_EQ(ask<char_vector>(b.self, remote, large(3 << 20)), large(3 << 20));
  EXPECT_EQ(b.host.statistics().lent, 0U);
}

TEST_F(TransportLoanTest, AnArrayIsWorkedOnInPlace) {
  shared_ints numbers{shm::array<int>{create_only, unique_name(), 1000}};
  std::iota(numbers->begin(), numbers->end(), 0);
  b.self->request(remote, patience, add_to_atom_v, numbers, 5)
      .receive([] {}, [&](const caf::error& e) { ADD_FAILURE() << actors::render(b.system, e); });
  EXPECT_EQ((*numbers)[0], 5);
  EXPECT_EQ((*numbers)[999], 1004);
}

TEST_F(TransportLoanTest, AnArrayOutlivesItsSenderOnItsWay) {
  const auto keeps = a.system.spawn([](actors::stateful_actor<shared_ints>* self) -> caf::behavior {
    return {[=](const shared_ints& numbers) { self->state = numbers; },
            [=](int i) { return self->state ? (*self->state)[static_cast<std::size_t>(i)] : -1; }};
  });
  a.host.publish(keeps, "keeps");
  const auto to = b.lookup("keeps");
  const std::string name = unique_name();
  b.self->send(to, [&] {
    shared_ints numbers{shm::array<int>{create_only, name, 10}};
    (*numbers)[3] = 33;
    return numbers;
  }());
  EXPECT_EQ(ask<int>(b.self, to, 3), 33);
  caf::anon_send_exit(keeps, caf::exit_reason::kill);
  // It goes with its last handle.
  EXPECT_TRUE(eventually([&] {
    try {
      shm::array<int> still{open_only, name};
      return false;
    } catch (const error&) {
      return true;
    }
  }));
}

TEST_F(TransportLoanTest, AnArrayInAFileIsFoundToo) {
  const std::filesystem::path file =
      std::filesystem::temp_directory_path() / (unique_name() + ".array");
  {
    shared_ints numbers{shm::array<int>{create_only, file, 10}};
    b.self->request(remote, patience, add_to_atom_v, numbers, 7)
        .receive([] {}, [&](const caf::error& e) { ADD_FAILURE() << actors::render(b.system, e); });
    EXPECT_EQ((*numbers)[9], 7);
  }
  std::filesystem::remove(file);
}

TEST_F(TransportLoanTest, AnArrayThatCannotBeOpenedThereIsAnErrorThatSaysWhy) {
  const std::string name = unique_name();
  shared_ints numbers{shm::array<int>{create_only, name, 10}};
  shm::remove(name);
  const auto got = ask<int>(b.self, remote, add_to_atom_v, numbers, 7);
  EXPECT_EQ(got.error(), peer_error::not_decodable);
  EXPECT_NE(actors::render(b.system, got.error()).find(name), std::string::npos)
      << actors::render(b.system, got.error());
}

TEST_F(TransportLoanTest, AnArrayDoesNotLeaveTheHost) {
  char_vector bytes;
  shared_ints numbers{shm::array<int>{create_only, unique_name(), 10}};
  EXPECT_EQ(actors::detail::save(bytes, numbers), peer_error::not_encodable);
}

}  // namespace
}  // namespace test
