// What becomes of a lock or a permit whose holder is killed: with the alternatives, and with us.
// A peer's part of a story is only reported: it may have been repaired.

#include "holes.hpp"
#include <hawser/shm/detail/attachment.hpp>
#include <hawser/shm/lock.hpp>
#include <hawser/shm/semaphore.hpp>

#include <boost/interprocess/exceptions.hpp>
#include <boost/interprocess/sync/interprocess_mutex.hpp>
#include <boost/interprocess/sync/named_mutex.hpp>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include <killpoint/servant.hpp>
#include <semaphore.h>

namespace hawser::test {
namespace {

namespace bi = boost::interprocess;
using namespace std::chrono_literals;
using killpoint::servant;

/// Slices would hide a lost wake-up for a while: here they are off.
class PermitHolesTest : public testing::Test {
 protected:
  void SetUp() override { shm::detail::set_wait_slices(false); }
  void TearDown() override { shm::detail::set_wait_slices(true); }
};

// Hole 2: every later lock throws, or hangs.
TEST_F(PermitHolesTest, TheNextLockerIsToldThatTheHolderWasKilled) {
  const std::string name = holes_name("lock");
  for (int round = 0; round < 10; ++round) {
    shm::lock mine{create_only, name};
    const auto lock = [&](const std::string&) -> std::string {
      static std::optional<shm::lock> own;  // held until it is killed
      own.emplace(open_only, name);
      return to_string(own->lock());
    };
    std::optional<servant> holder{lock};
    servant next{lock};
    ASSERT_EQ(holder->ask("lock", limit), "ok");
    next.ask("lock");
    ASSERT_TRUE(falls_asleep(next));

    holder.reset();

    EXPECT_EQ(next.answer(limit), "owner_died");
    EXPECT_FALSE(mine.try_lock());
  }
}

TEST_F(PermitHolesTest, ALockIsAsGoodAsNewAfterwards) {
  const std::string name = holes_name("again");
  shm::lock mine{create_only, name};
  std::optional<servant> holder{[&](const std::string&) -> std::string {
    static std::optional<shm::lock> own;
    own.emplace(open_only, name);
    return to_string(own->lock());
  }};
  ASSERT_EQ(holder->ask("lock", limit), "ok");
  holder.reset();
  ASSERT_TRUE(mine.try_lock_for(limit));
  EXPECT_TRUE(mine.owner_died());
  mine.unlock();
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(mine.try_lock());
    EXPECT_FALSE(mine.owner_died());
    mine.unlock();
  }
}

TEST_F(PermitHolesTest, PeerMutexIsLostWithItsHolder) {
  const shared_page<bi::interprocess_mutex> mutex;
  const auto lock = [&](const std::string&) -> std::string {
    try {
      mutex->lock();
      return "locked";
    } catch (const bi::interprocess_exception& e) {
      return e.what();
    }
  };
  std::optional<servant> holder{lock};
  ASSERT_EQ(holder->ask("lock", limit), "locked");
  holder.reset();
  // The first one may be told; it is the later ones who show whether the mutex is lost.
  std::string told;
  for (int i = 0; i < 2; ++i) {
    servant next{lock};
    told = next.ask("lock", peer_limit).value_or("hangs");
    if (told == "locked") break;
  }
  report_peer("boost interprocess_mutex is lost with its holder (" + told + ")", told != "locked");
}

// Hole 3: what a killed process held is gone for good.
TEST_F(PermitHolesTest, EveryPermitOfAKilledHolderComesBackToWhoWaits) {
  const std::string name = holes_name("permits");
  shm::semaphore mine{create_only, name, {.permits = 3}};
  const auto acquire = [&](const std::string& n) -> std::string {
    static std::optional<shm::semaphore> own;
    own.emplace(open_only, name);
    own->acquire(static_cast<std::size_t>(std::stoi(n)));
    return "has " + n;
  };
  for (int round = 0; round < 10; ++round) {
    std::optional<servant> holder{acquire}, next{acquire};
    ASSERT_EQ(holder->ask("2", limit), "has 2");
    next->ask("3");
    ASSERT_TRUE(falls_asleep(*next));

    holder.reset();

    EXPECT_EQ(next->answer(limit), "has 3");
    EXPECT_EQ(mine.available(), 0U);
    next.reset();
    ASSERT_TRUE(mine.try_acquire_for(limit, 3));
    mine.release(3);
  }
  EXPECT_EQ(mine.counters().reclaimed, 10U * 5);
}

TEST_F(PermitHolesTest, PeerNamedMutexStaysLocked) {
  const std::string name = holes_name("named");
  bi::named_mutex mutex(bi::create_only, name.c_str());
  std::optional<servant> holder{[&](const std::string&) -> std::string {
    mutex.lock();
    return "locked";
  }};
  ASSERT_EQ(holder->ask("lock", limit), "locked");
  holder.reset();
  servant next{[&](const std::string&) -> std::string {
    try {
      return mutex.try_lock() ? "locked" : "taken";
    } catch (const bi::interprocess_exception& e) {
      return e.what();
    }
  }};
  const std::string told = next.ask("lock", peer_limit).value_or("hangs");
  report_peer("boost named_mutex is lost with its holder (" + told + ")", told != "locked");
  bi::named_mutex::remove(name.c_str());
}

TEST_F(PermitHolesTest, PeerPosixSemaphoreKeepsWhatAKilledProcessHeld) {
  const shared_page<sem_t> permits;
  ASSERT_EQ(sem_init(permits.get(), 1, 1), 0);
  std::optional<servant> holder{[&](const std::string&) -> std::string {
    return sem_wait(permits.get()) == 0 ? "held" : "error";
  }};
  ASSERT_EQ(holder->ask("wait", limit), "held");
  holder.reset();
  report_peer("a permit of a killed process is gone (sem_t)", sem_trywait(permits.get()) != 0);
  sem_destroy(permits.get());
}

}  // namespace
}  // namespace hawser::test
