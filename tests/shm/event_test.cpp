// One process's use of an event, and every error it can give.

#include "registry_support.hpp"
#include <hawser/shm/event.hpp>
#include <hawser/shm/queue.hpp>
#include <hawser/shm/ready_descriptor.hpp>
#include <hawser/shm/wait_any.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>

#include <poll.h>

namespace hawser {
namespace {

using namespace std::chrono_literals;
using shm::event;
using shm::ready;
using shm::when;
using test::eventually;
using test::exists_in_shm;
using test::overwrite;
using test::patience;
using test::path_of;
using test::unique_name;

TEST(EventTest, BeginsAsItsCreatorChose) {
  const std::string name = unique_name();
  const event clear{create_only, name}, set{create_only, name + ".set", {.set = true}};
  EXPECT_FALSE(clear.is_set());
  EXPECT_TRUE(set.is_set());
  EXPECT_EQ(set.sets(), 0U);
  EXPECT_EQ(set.name(), name + ".set");
  // Whoever finds it takes it as it is.
  EXPECT_FALSE(event(open_or_create, name, {.set = true}).is_set());
  EXPECT_TRUE(event(open_only, name + ".set").is_set());
  EXPECT_TRUE(event(open_or_create, name + ".new", {.set = true}).is_set());
}

TEST(EventTest, SetAndClearSayWhatTheyChanged) {
  const std::string name = unique_name();
  event one{create_only, name}, other{open_only, name};
  EXPECT_FALSE(one.clear());
  EXPECT_TRUE(one.set());
  EXPECT_FALSE(other.set());
  EXPECT_TRUE(other.is_set());
  EXPECT_EQ(other.sets(), 1U);  // what did not happen is not counted
  EXPECT_TRUE(other.clear());
  EXPECT_FALSE(one.clear());
  EXPECT_FALSE(one.is_set());
  EXPECT_EQ(one.sets(), 1U);
  EXPECT_TRUE(other.set());
  EXPECT_EQ(one.sets(), 2U);
}

TEST(EventTest, WaitsUntilItIsSetOrTheDeadline) {
  event e{create_only, unique_name()};
  EXPECT_FALSE(e.wait_for(0s));
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(e.wait_for(5ms));
  EXPECT_GE(std::chrono::steady_clock::now() - start, 5ms);
  EXPECT_FALSE(e.wait_until(std::chrono::system_clock::now() - 1s));
  e.set();
  e.wait();
  EXPECT_TRUE(e.wait_for(0s));  // also if there is no time
  EXPECT_TRUE(e.wait_until(std::chrono::system_clock::now() - 1s));
  e.clear();
  // What was over before the wait began is none of its business.
  EXPECT_FALSE(e.wait_for(1ms));
}

TEST(EventTest, CallsBackOnceItIsSet) {
  event e{create_only, unique_name()};
  std::atomic<int> calls{0};
  const auto first = e.async_wait([&] { ++calls; });
  EXPECT_FALSE(e.wait_for(5ms));
  EXPECT_EQ(calls, 0);
  e.set();
  EXPECT_TRUE(eventually([&] { return calls == 1; }));
  const auto already = e.async_wait([&] { ++calls; });
  EXPECT_TRUE(eventually([&] { return calls == 2; }));
  e.clear();
  { const auto cancelled = e.async_wait([&] { calls = 100; }); }
  e.set();
  const auto last = e.async_wait([&] { ++calls; });
  EXPECT_TRUE(eventually([&] { return calls == 3; }));
}

TEST(EventTest, CallsBackAlsoIfItWasClearedMeanwhile) {
  const std::string name = unique_name();
  event e{create_only, name}, other{open_only, name};
  for (int round = 0; round < 100; ++round) {
    std::atomic<bool> called{false};
    const auto handle = e.async_wait([&] { called = true; });
    other.set();
    other.clear();
    ASSERT_TRUE(eventually([&] { return called.load(); })) << round;
  }
}

TEST(EventTest, IsReadableWhileSetAndOnceItWasSetSinceTheLastLook) {
  const std::string name = unique_name();
  event e{create_only, name}, other{open_only, name};
  const shm::condition set{e}, writable{e, ready::writable};
  EXPECT_FALSE(set.holds());
  EXPECT_TRUE(writable.holds());
  e.set();
  EXPECT_TRUE(set.holds());
  EXPECT_TRUE(e.is_set());
  EXPECT_TRUE(set.holds());
  EXPECT_TRUE(e.clear());
  EXPECT_FALSE(set.holds());
  // Each of them is a look.
  const std::function<void()> looks[] = {[&] { EXPECT_FALSE(e.is_set()); },
                                         [&] { EXPECT_FALSE(e.clear()); },
                                         [&] {
                                           other.set();
                                           e.wait();
                                           other.clear();
                                         }};
  for (const auto& look : looks) {
    other.set();
    other.clear();
    EXPECT_TRUE(set.holds());
    EXPECT_EQ(e.sets(), other.sets());  // this is none
    EXPECT_TRUE(set.holds());
    look();
    EXPECT_FALSE(set.holds());
  }
  // A wait that nothing ended has not looked either.
  other.set();
  other.clear();
  EXPECT_FALSE(e.wait_for(0s));
  EXPECT_TRUE(set.holds());
}

TEST(EventTest, CanBeWaitedForAmongOthers) {
  const std::string name = unique_name();
  shm::queue<int> jobs{create_only, name + ".jobs"};
  event stop{create_only, name};
  EXPECT_EQ(shm::wait_any_for(1ms, jobs, stop), std::nullopt);
  EXPECT_EQ(shm::wait_any_for(patience, jobs, when(stop, ready::writable)), 1U);
  std::thread setter{[&] { event{open_only, name}.set(); }};
  EXPECT_EQ(shm::wait_any_for(patience, jobs, stop), 1U);
  setter.join();
  stop.clear();
  shm::wait_set all;
  all.add(1, jobs);
  all.add(2, stop);
  for (int round = 0; round < 50; ++round) {
    ASSERT_EQ(all.try_wait(), std::nullopt);
    std::thread pulse{[&] {
      event other{open_only, name};
      other.set();
      other.clear();
    }};
    ASSERT_EQ(all.wait_for(patience), 2U) << round;
    pulse.join();
    EXPECT_EQ(all.wait_for(patience), 2U);  // as long as nobody has looked
    EXPECT_FALSE(stop.clear());
  }
}

TEST(EventTest, TurnsADescriptorReadable) {
  event e{create_only, unique_name()};
  shm::ready_descriptor turn{e};
  const auto is_readable = [&](std::chrono::milliseconds limit) {
    pollfd entry{turn.get(), POLLIN, 0};
    return poll(&entry, 1, static_cast<int>(limit.count())) == 1;
  };
  EXPECT_FALSE(is_readable(0ms));
  e.set();
  EXPECT_TRUE(is_readable(patience));
  EXPECT_TRUE(turn.rearm());
  e.clear();
  EXPECT_FALSE(turn.rearm());
  EXPECT_FALSE(is_readable(0ms));
  e.set();
  EXPECT_TRUE(is_readable(patience));
}

TEST(EventTest, NamesKindsAndModesMustFit) {
  const std::string name = unique_name();
  const event own{create_only, name};
  EXPECT_ERROR(errc::already_exists, "cannot create event \"" + name + "\"",
               event(create_only, name));
  EXPECT_ERROR(errc::kind_mismatch, "it is an event, not a queue",
               shm::queue<int>(open_only, name));
  const shm::queue<int> q{create_only, name + ".q"};
  EXPECT_ERROR(errc::kind_mismatch, "not an event", event(open_or_create, name + ".q"));
  EXPECT_ERROR(errc::not_found, "cannot open event", event(open_only, "nobody.made.me"));
  EXPECT_ERROR(errc::bad_argument, "mode", event(create_only, name + ".b", {.mode = 0444}));
}

TEST(EventTest, ABodyOfAnotherSizeIsAnError) {
  const std::string name = unique_name();
  const event own{create_only, name};
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{32}, std::size_t{128}}) {
    const std::uint64_t all = shm::detail::body_offset + bytes;
    ASSERT_EQ(truncate(path_of(name).c_str(), static_cast<off_t>(all)), 0);
    overwrite(name, offsetof(shm::detail::segment_header, segment_bytes), all);
    EXPECT_ERROR(errc::damaged, "its size does not fit", event(open_only, name));
  }
}

TEST(EventTest, IsGoneWithItsLastProcessUnlessKept) {
  const std::string name = unique_name();
  { const event e{create_only, name}; }
  EXPECT_FALSE(exists_in_shm(name));
  {
    event e{create_only, name, {.keep = true}}, moved{std::move(e)};
    moved.set();
  }
  event again{open_only, name};
  EXPECT_TRUE(again.is_set());
  EXPECT_EQ(again.sets(), 1U);
  EXPECT_TRUE(shm::remove(name));
}

}  // namespace
}  // namespace hawser
