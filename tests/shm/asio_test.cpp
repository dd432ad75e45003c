// Awaiting channels in Boost.Asio.

#include "../support/child.hpp"
#include <hawser/shm/asio.hpp>
#include <hawser/shm/event.hpp>
#include <hawser/shm/queue.hpp>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#if defined(BOOST_ASIO_HAS_CO_AWAIT)
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>
#endif
#if BOOST_VERSION >= 107700
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#endif
#if BOOST_VERSION >= 107700 && defined(BOOST_ASIO_HAS_CO_AWAIT)
#include <boost/asio/experimental/awaitable_operators.hpp>
#endif

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <sys/resource.h>

namespace hawser {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using shm::ready;
using test::child;
using test::patience;
using test::unique_name;
using queue = shm::queue<int>;

/// Without slices: what is not woken for hangs.
class AsioTest : public testing::Test {
 protected:
  AsioTest() { shm::detail::set_wait_slices(false); }
  ~AsioTest() override { shm::detail::set_wait_slices(true); }

  /// A handler of this context that keeps what it gets.
  template <class Result>
  auto into(std::optional<Result>& result, std::exception_ptr* failure = nullptr) {
    return asio::bind_executor(io, [&result, failure](std::exception_ptr e, Result got) {
      if (failure != nullptr) *failure = e;
      else EXPECT_FALSE(e);
      result.emplace(std::move(got));
    });
  }

  queue q{create_only, unique_name(), {.capacity = 4}};
  asio::io_context io;
};

TEST_F(AsioTest, NeverCompletesInsideTheCallAndThenWithTheMessage) {
  q.push(7);
  std::optional<std::optional<int>> got;
  shm::async_pop(q, into(got));
  EXPECT_FALSE(got);
  io.run();
  EXPECT_EQ(got, std::optional{7});
}

TEST_F(AsioTest, WaitsForAMessageAndForTheEnd) {
  std::optional<std::optional<int>> first, second;
  shm::async_pop(q, into(first));
  std::thread producer{[&] {
    q.push(1);
    q.close();
  }};
  io.run();
  EXPECT_EQ(first, std::optional{1});
  producer.join();
  shm::async_pop(q, into(second));
  io.restart();
  io.run();
  ASSERT_TRUE(second);
  EXPECT_EQ(*second, std::nullopt);
}

TEST_F(AsioTest, LeasesAndGivesBackWhatNobodyKeeps) {
  q.push(5);
  int attempts = 0;
  shm::async_lease(q, asio::bind_executor(io, [&](std::exception_ptr, queue::lease_type got) {
                     EXPECT_EQ(*got, 5);
                     attempts = static_cast<int>(got.attempts());
                   }));
  io.run();
  EXPECT_EQ(attempts, 1);
  std::optional<queue::lease_type> again;
  shm::async_lease(q, into(again));
  io.restart();
  io.run();
  EXPECT_EQ(again->attempts(), 2U);
  again->ack();
  q.close();
  again.reset();
  shm::async_lease(q, into(again));
  io.restart();
  io.run();
  EXPECT_EQ(again->status(), shm::take_status::closed);
}

TEST_F(AsioTest, TimeoutsTakeNothing) {
  std::optional<std::optional<int>> popped;
  std::optional<queue::lease_type> leased;
  std::optional<bool> was_ready;
  shm::async_pop_for(q, 2ms, into(popped));
  shm::async_lease_for(q, 2ms, into(leased));
  shm::async_ready_for(q, ready::readable, 2ms, into(was_ready));
  io.run();
  ASSERT_TRUE(popped && leased && was_ready);
  EXPECT_EQ(*popped, std::nullopt);
  EXPECT_EQ(leased->status(), shm::take_status::timed_out);
  EXPECT_FALSE(*was_ready);
  q.push(3);
  EXPECT_EQ(q.size(), 1U);
  io.restart();
  shm::async_ready_for(q, ready::readable, patience, into(was_ready));
  shm::async_pop_for(q, patience, into(popped));
  io.run();  // ends at once: its timers are cancelled
  EXPECT_TRUE(*was_ready);
  EXPECT_EQ(*popped, 3);
}

TEST_F(AsioTest, EachMessageGoesToOneTimedPopOrStays) {
  // Timeouts race with messages, also on several threads.
  asio::thread_pool pool{3};
  std::atomic<long> sum{0};
  long pushed = 0;
  for (int round = 1; round <= 300; ++round) {
    std::atomic<int> pending{2};
    for (int i = 0; i < 2; ++i)
      shm::async_pop_for(q, std::chrono::microseconds{round},
                         asio::bind_executor(pool, [&](std::exception_ptr, std::optional<int> got) {
                           sum += got.value_or(0);
                           --pending;
                         }));
    std::this_thread::sleep_for(std::chrono::microseconds{round - 20});
    if (q.try_push(round) == shm::push_status::ok) pushed += round;
    ASSERT_TRUE(test::eventually([&] { return pending == 0; }));
    while (const auto left = q.try_pop()) sum += *left;
  }
  pool.join();
  EXPECT_EQ(sum, pushed);
}

TEST_F(AsioTest, FutureGetsTheMessage) {
  auto got = shm::async_pop(q, asio::use_future);
  q.push(9);
  EXPECT_EQ(got.get(), 9);
  EXPECT_TRUE(shm::async_ready(q, ready::writable, asio::use_future).get());
}

TEST_F(AsioTest, AnEventIsReadyOnceItWasSetHoweverShort) {
  const std::string name = unique_name();
  shm::event stop{create_only, name}, other{open_only, name};
  std::optional<bool> woken, in_time;
  shm::async_ready_for(stop, ready::readable, 2ms, into(in_time));
  io.run();
  EXPECT_EQ(in_time, false);
  shm::async_ready(stop, ready::readable, into(woken));
  io.restart();
  io.poll();
  EXPECT_FALSE(woken);
  other.set();
  other.clear();
  io.run();
  EXPECT_EQ(woken, true);
  EXPECT_FALSE(stop.is_set());
  // That was a look: it takes another set.
  in_time.reset();
  shm::async_ready_for(stop, ready::readable, 2ms, into(in_time));
  io.restart();
  io.run();
  EXPECT_EQ(in_time, false);
}

TEST_F(AsioTest, MissingDescriptorsAreAnException) {
  const int before = test::open_descriptors();
  std::optional<std::optional<int>> got;
  std::exception_ptr failure;
  rlimit old{};
  getrlimit(RLIMIT_NOFILE, &old);
  const rlimit none{0, old.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  shm::async_pop(q, into(got, &failure));
  io.run();
  setrlimit(RLIMIT_NOFILE, &old);
  ASSERT_TRUE(failure);
  try {
    std::rethrow_exception(failure);
  } catch (const error& e) {
    EXPECT_EQ(e.code(), errc::no_resources);
  }
  EXPECT_EQ(test::open_descriptors(), before);
}

TEST_F(AsioTest, ContextMayEndWhileOperationsWait) {
  const auto alive = std::make_shared<int>(1);
  for (int round = 0; round < 50; ++round) {
    {
      asio::io_context short_lived;
      for (int i = 0; i < 3; ++i)
        shm::async_pop_for(
            q, 1h,
            asio::bind_executor(short_lived, [alive](std::exception_ptr, std::optional<int>) {}));
      short_lived.run_for(round % 2 == 0 ? 1ms : 0ms);
      if (round % 3 == 0) q.push(1);  // a callback that is on the way
    }
    EXPECT_EQ(alive.use_count(), 1);  // handlers are destroyed with their context
    while (q.try_pop()) {
    }
  }
}

TEST_F(AsioTest, ChannelMayEndWhileOperationsWait) {
  // Against the rules; still nothing hangs, and the handler is destroyed.
  const auto alive = std::make_shared<int>(1);
  auto other = std::make_unique<queue>(create_only, unique_name());
  shm::async_pop(*other,
                 asio::bind_executor(io, [alive](std::exception_ptr, std::optional<int>) {}));
  io.poll();
  other.reset();
  io.run();
  EXPECT_EQ(alive.use_count(), 1);
}

TEST_F(AsioTest, MessagesOfAKilledProcessComeBack) {
  const std::string name = q.name();
  q.push(4);
  child holder{[&](const child::report& up) {
    queue mine{open_only, name};
    const auto held = mine.lease();
    up();
    pause();
    return 0;
  }};
  ASSERT_TRUE(holder.await_report());
  std::optional<queue::lease_type> got;
  shm::async_lease(q, into(got));
  io.poll();
  EXPECT_FALSE(got);
  holder.signal(SIGKILL);
  io.run();
  EXPECT_EQ(got->attempts(), 2U);
}

TEST_F(AsioTest, ManyOperationsOnOneThreadMissNothing) {
  constexpr int total = 3000;
  std::vector<queue> queues;
  for (int i = 0; i < 3; ++i)
    queues.emplace_back(create_only, unique_name(), shm::queue_options{.capacity = 2});
  long sum = 0;
  std::vector<std::function<void()>> receive(3);
  for (std::size_t i = 0; i < 3; ++i) {
    receive[i] = [&, i] {
      shm::async_pop(queues[i],
                     asio::bind_executor(io, [&, i](std::exception_ptr e, std::optional<int> got) {
                       EXPECT_FALSE(e);
                       if (!got) return;
                       sum += *got;
                       receive[i]();
                     }));
    };
    receive[i]();
  }
  std::vector<std::thread> producers;
  for (queue& one : queues)
    producers.emplace_back([&one] {
      for (int i = 1; i <= total; ++i) one.push(i);
      one.close();
    });
  io.run();
  for (std::thread& one : producers) one.join();
  EXPECT_EQ(sum, 3L * total * (total + 1) / 2);
}

#if BOOST_VERSION >= 107700
TEST_F(AsioTest, CancelledOperationTakesNothing) {
  std::optional<std::optional<int>> got;
  std::exception_ptr failure;
  asio::cancellation_signal stop;
  shm::async_pop(q, asio::bind_cancellation_slot(stop.slot(), into(got, &failure)));
  io.poll();
  q.push(1);  // its turn may be in the context's queue already
  stop.emit(asio::cancellation_type::terminal);
  io.run();
  EXPECT_TRUE(failure);
  EXPECT_EQ(q.try_pop(), 1);
  stop.emit(asio::cancellation_type::terminal);  // ended: nobody listens
}
#endif

#if defined(BOOST_ASIO_HAS_CO_AWAIT)
TEST_F(AsioTest, CoroutinesReceiveUntilTheEnd) {
  long sum = 0;
  const auto receive = [&]() -> asio::awaitable<void> {
    while (auto message = co_await shm::async_lease(q, asio::use_awaitable)) {
      sum += *message;
      message.ack();
    }
  };
  for (int i = 0; i < 3; ++i) asio::co_spawn(io, receive, asio::detached);
  std::thread producer{[&] {
    for (int i = 1; i <= 1000; ++i) q.push(i);
    q.close();
  }};
  io.run();
  producer.join();
  EXPECT_EQ(sum, 500500);
}

TEST_F(AsioTest, CoroutineMayEndWithItsContext) {
  const auto alive = std::make_shared<int>(1);
  {
    asio::io_context short_lived;
    asio::co_spawn(
        short_lived,
        [&, alive]() -> asio::awaitable<void> {
          const auto local = alive;
          std::ignore = co_await shm::async_pop(q, asio::use_awaitable);
        },
        asio::detached);
    short_lived.run_for(1ms);
    EXPECT_GT(alive.use_count(), 2);
  }
  EXPECT_EQ(alive.use_count(), 1);
}
#endif

#if BOOST_VERSION >= 107700 && defined(BOOST_ASIO_HAS_CO_AWAIT)
TEST_F(AsioTest, LosingAgainstATimerLosesNoMessage) {
  using namespace asio::experimental::awaitable_operators;
  long received = 0, pushed = 0;
  std::atomic<bool> done{false};
  std::thread producer{[&] {
    for (int i = 1; !done; ++i) {
      std::this_thread::sleep_for(std::chrono::microseconds{i % 200});
      if (q.try_push(i) == shm::push_status::ok) pushed += i;
    }
  }};
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        for (int i = 0; i < 2000; ++i) {
          asio::steady_timer timer{io, std::chrono::microseconds{i % 200}};
          const auto first = co_await (shm::async_pop(q, asio::use_awaitable) ||
                                       timer.async_wait(asio::use_awaitable));
          if (first.index() == 0) received += std::get<0>(first).value();
        }
      },
      asio::detached);
  io.run();
  done = true;
  producer.join();
  while (const auto left = q.try_pop()) received += *left;
  EXPECT_EQ(received, pushed);
}
#endif

}  // namespace
}  // namespace hawser
