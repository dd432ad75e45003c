// The event between processes: waiting, and processes that are killed, stopped, forked.

#include "../crash/raw_segment.hpp"
#include "../support/child.hpp"
#include <hawser/shm/detail/event_layout.hpp>
#include <hawser/shm/event.hpp>
#include <hawser/shm/registry.hpp>
#include <hawser/shm/wait_any.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <future>
#include <memory>
#include <vector>

namespace hawser {
namespace {

using namespace std::chrono_literals;
using shm::event;
using test::child;
using test::eventually;
using test::raw_segment;
using test::unique_name;

/// With slices off, also for the children: only a wake-up ends a sleep.
class EventProcessTest : public testing::Test {
 protected:
  EventProcessTest() { shm::detail::set_wait_slices(false); }
  ~EventProcessTest() override { shm::detail::set_wait_slices(true); }

  /// A process that waits for the event, once, and then has status 0.
  std::unique_ptr<child> waiter() {
    auto one = std::make_unique<child>([this](const child::report& ready) {
      const event own{open_only, name};
      ready();
      own.wait();
      return 0;
    });
    EXPECT_TRUE(one->await_report());
    return one;
  }
  /// The same, when it sleeps.
  std::unique_ptr<child> sleeper() {
    auto one = waiter();
    EXPECT_TRUE(one->await_state('S'));
    return one;
  }

  shm::detail::event_layout& layout() const { return raw.body<shm::detail::event_layout>(); }

  const std::string name = unique_name();
  event e{create_only, name};
  const raw_segment raw{name};
};

TEST_F(EventProcessTest, ASetWakesEverybodyWhoWaits) {
  std::vector<std::unique_ptr<child>> all;
  for (int i = 0; i < 4; ++i) all.push_back(sleeper());
  EXPECT_TRUE(e.set());
  for (auto& one : all) EXPECT_EQ(one->join(), 0);
  EXPECT_EQ(waiter()->join(), 0);  // and whoever comes later, as long as it is set
}

TEST_F(EventProcessTest, APulseLosesNobodyWhoWaits) {
  for (int round = 0; round < 20; ++round) {
    std::vector<std::unique_ptr<child>> all;
    for (int i = 0; i < 2; ++i) all.push_back(sleeper());
    EXPECT_TRUE(e.set());
    EXPECT_TRUE(e.clear());
    for (auto& one : all) ASSERT_EQ(one->join(), 0) << round;
  }
}

TEST_F(EventProcessTest, APulseLosesNobodyWhoWaitsWithoutAThread) {
  child callback{[&](const child::report& ready) {
    event own{open_only, name};
    std::promise<void> called;
    const auto handle = own.async_wait([&] { called.set_value(); });
    ready();
    called.get_future().wait();
    return 0;
  }};
  child any{[&](const child::report& ready) {
    event own{open_only, name}, quiet{create_only, name + ".quiet"};
    ready();
    return shm::wait_any(quiet, own) == 1U ? 0 : 1;
  }};
  for (const child* one : {&callback, &any}) {
    ASSERT_TRUE(one->await_report());
    ASSERT_TRUE(eventually([&] { return raw.is_armed(one->pid()); }));
  }
  e.set();
  e.clear();
  EXPECT_EQ(callback.join(), 0);
  EXPECT_EQ(any.join(), 0);
}

TEST_F(EventProcessTest, EachOfManySetsIsHeardByWhoAnswersIt) {
  child other{[&](const child::report&) {
    event own{open_only, name}, back{open_or_create, name + ".back"};
    for (int i = 0; i < 5000; ++i) {
      own.wait();
      if (!own.clear() || !back.set()) return 1;
    }
    return 0;
  }};
  event back{open_or_create, name + ".back"};
  for (int i = 0; i < 5000; ++i) {
    ASSERT_TRUE(e.set());
    back.wait();
    ASSERT_TRUE(back.clear());
  }
  EXPECT_EQ(other.join(), 0);
  EXPECT_EQ(e.sets(), 5000U);
}

TEST_F(EventProcessTest, AKilledWaiterIsNobodysLoss) {
  const auto first = sleeper();
  const auto second = sleeper();
  EXPECT_EQ(first->kill_and_join(), -SIGKILL);
  EXPECT_TRUE(e.set());
  EXPECT_EQ(second->join(), 0);
}

TEST_F(EventProcessTest, KilledSettersLeaveItSetOrClearAndNobodyAsleep) {
  for (int round = 0; round < 30; ++round) {
    const auto waits = sleeper();
    const std::uint64_t before = e.sets();
    child setter{[&](const child::report& ready) {
      event own{open_only, name};
      ready();
      for (;;) {
        own.set();
        own.clear();
      }
      return 0;
    }};
    ASSERT_TRUE(setter.await_report());
    poll(nullptr, 0, round % 3);
    setter.kill_and_join();
    // It was set once at least, or had no time to: now it is.
    if (e.sets() == before) e.set();
    ASSERT_EQ(waits->join(), 0) << round;
    const bool was_set = e.is_set();
    const std::uint64_t after = e.sets();
    ASSERT_EQ(e.set(), !was_set);
    ASSERT_EQ(e.sets(), after + (was_set ? 0 : 1));
    ASSERT_TRUE(e.clear());
  }
}

TEST_F(EventProcessTest, ASetterThatDiedBeforeItWokeAnybodyIsSwept) {
  const auto waits = sleeper();
  child setter{[&](const child::report& ready) {
    const event own{open_only, name};
    ready();
    pause();
    return 0;
  }};
  ASSERT_TRUE(setter.await_report());
  auto& body = layout();
  // That it came has woken the sleeper, which sleeps again, and watches it from now on.
  ASSERT_TRUE(eventually([&] { return body.waits.load() >= 2; }));
  body.state.store(3);  // by hand what a kill between the two leaves: set, and nobody woken
  setter.signal(SIGKILL);
  EXPECT_EQ(waits->join(), 0);
}

TEST_F(EventProcessTest, ASetterThatIsStoppedBeforeItWakesAnybodyLeavesItToTheNextOne) {
  const auto waits = sleeper();
  layout().state.store(3);
  EXPECT_FALSE(e.set());
  EXPECT_EQ(waits->join(), 0);
}

TEST_F(EventProcessTest, ASetterThatIsStoppedBeforeItWakesAnybodyDelaysForASlice) {
  shm::detail::set_wait_slices(true);
  const auto waits = sleeper();
  layout().state.store(3);
  layout().state.store(2);  // and somebody has cleared it again
  EXPECT_EQ(waits->join(), 0);
}

TEST_F(EventProcessTest, AStoppedWaiterStopsNobodyAndGoesOnLater) {
  const auto stopped = sleeper();
  stopped->signal(SIGSTOP);
  ASSERT_TRUE(stopped->await_state('T'));
  const auto other = sleeper();
  EXPECT_TRUE(e.set());
  EXPECT_EQ(other->join(), 0);
  EXPECT_TRUE(e.clear());  // long before it can look
  stopped->signal(SIGCONT);
  EXPECT_EQ(stopped->join(), 0);
}

TEST_F(EventProcessTest, ForkedChildTakesAPlaceOfItsOwn) {
  const auto has_place = [&](pid_t pid) {
    const auto seen = shm::find_channel(name);
    return seen && std::ranges::any_of(seen->participants, [&](const auto& one) {
             return static_cast<pid_t>(one.pid) == pid;
           });
  };
  using use = bool (*)(event&);
  for (const use first : {+[](event& mine) { return mine.set(); },
                          +[](event& mine) { return !mine.clear(); },
                          +[](event& mine) { return !mine.wait_for(0s); }}) {
    child forked{[&](const child::report& ready) {
      if (e.is_set() || has_place(getpid())) return 1;
      if (!first(e) || !has_place(getpid())) return 2;
      e.clear();
      ready();
      e.wait();
      return 0;
    }};
    ASSERT_TRUE(forked.await_report());
    EXPECT_TRUE(e.set());
    EXPECT_EQ(forked.join(), 0);
    EXPECT_TRUE(e.clear());
  }
}

TEST_F(EventProcessTest, AForkThatComesTooLateIsToldSo) {
  const std::string other = name + ".other";
  auto gone = std::make_unique<event>(create_only, other);
  child late{[&](const child::report& ready) {
    ready();
    if (!eventually([&] { return !test::exists_in_shm(other); })) return 1;
    int refused = 0;
    for (const auto& use : {std::function<void()>{[&] { gone->set(); }},
                            std::function<void()>{[&] { gone->clear(); }},
                            std::function<void()>{[&] { gone->wait(); }}}) {
      try {
        use();
      } catch (const error& wrong) {
        refused += wrong.code() == errc::not_found ? 1 : 0;
      }
    }
    return refused == 3 ? 0 : 2;
  }};
  ASSERT_TRUE(late.await_report());
  gone.reset();
  EXPECT_EQ(late.join(), 0);
}

TEST_F(EventProcessTest, KeptEventOutlivesItsProcesses) {
  const std::string kept = name + ".kept";
  child creator{[&](const child::report&) {
    event own{create_only, kept, {.keep = true}};
    own.set();
    raise(SIGKILL);
    return 0;
  }};
  EXPECT_EQ(creator.join(), -SIGKILL);
  EXPECT_TRUE(event(open_only, kept).is_set());
  EXPECT_TRUE(shm::remove(kept));
}

}  // namespace
}  // namespace hawser
