// What becomes of shared memory when somebody is killed while allocating from it, and of whoever
// opens what a killed process had begun to create: with the alternatives, and with us.

#include "holes.hpp"
#include "raw_segment.hpp"
#include <hawser/shm/payload_pool.hpp>
#include <hawser/shm/queue.hpp>

#include <boost/interprocess/managed_shared_memory.hpp>
#include <gtest/gtest.h>

#include <atomic>
#include <ctime>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include <killpoint/marks.hpp>
#include <killpoint/process_state.hpp>
#include <killpoint/servant.hpp>
#include <killpoint/traced_child.hpp>

namespace hawser::test {
namespace {

namespace bi = boost::interprocess;
using namespace std::chrono_literals;
using killpoint::progress;
using killpoint::servant;
using killpoint::traced_child;

/// A servant that does one thing again and again until it is killed somewhere in it: where, is left
/// to chance.
template <class Step>
void kill_while_it_repeats(int round, Step step) {
  const shared_page<std::atomic<bool>> begun;
  servant busy{[&](const std::string&) -> std::string {
    for (;;) {
      step();
      *begun.get() = true;
    }
  }};
  busy.ask("begin");
  ASSERT_TRUE(killpoint::wait_until([&] { return begun->load(); }, limit));
  const timespec while_it_works{0, 20'000 + round * 37'000L};
  nanosleep(&while_it_works, nullptr);
}

class AllocationHolesTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { killpoint::become_tracer(); }
  static void TearDownTestSuite() { killpoint::stop_being_tracer(); }
};

// Hole 4: the segment's allocator is dead for everybody.
TEST_F(AllocationHolesTest, APoolLendsAllItsMemoryAgainAfterItsBorrowersWereKilled) {
  const std::string name = holes_name("pool");
  constexpr std::size_t chunks = 8;
  shm::payload_pool pool{create_only, name, {.classes = {{4096, chunks}}, .large = 2}};
  for (int round = 0; round < 30; ++round) {
    std::optional<shm::payload_pool> own;
    kill_while_it_repeats(round, [&] {
      if (!own) own.emplace(open_only, name);
      const auto small = own->try_loan(1000), large = own->try_loan(100'000);
      auto shared = own->try_loan(10);
      if (shared) const auto another = shared->share();
    });

    std::vector<shm::payload> all;
    for (std::size_t i = 0; i < chunks; ++i) {
      auto one = pool.loan_for(4096, limit);
      ASSERT_TRUE(one) << "round " << round << ", chunk " << i;
      all.push_back(std::move(*one));
    }
    EXPECT_FALSE(pool.try_loan(4096));
    EXPECT_TRUE(pool.loan_for(100'000, limit));
  }
}

TEST_F(AllocationHolesTest, ANameIsAsGoodAsNewAfterItsCreatorsWereKilled) {
  const std::string name = holes_name("creators");
  for (int round = 0; round < 30; ++round) {
    kill_while_it_repeats(round, [&] {
      const shm::queue<int> q{create_only, name, {.capacity = 64}};
    });

    shm::queue<int> next{create_only, name, {.capacity = 4}};
    EXPECT_EQ(next.try_push(round), shm::push_status::ok);
    EXPECT_EQ(next.try_pop(), round);
  }
  EXPECT_EQ(segments_with(name), std::vector<std::string>{});
}

TEST_F(AllocationHolesTest, PeerManagedMemoryDiesWithWhoAllocates) {
  const std::string name = holes_name("managed");
  constexpr int rounds = 10;
  int dead = 0;
  for (int round = 0; round < rounds; ++round) {
    bi::managed_shared_memory memory(bi::create_only, name.c_str(), 1 << 20);
    kill_while_it_repeats(round, [&] { memory.deallocate(memory.allocate(100)); });
    servant other{[&](const std::string&) -> std::string {
      try {
        return memory.allocate(100) != nullptr ? "allocated" : "nothing";
      } catch (const std::exception& e) {
        return e.what();
      }
    }};
    if (other.ask("allocate", peer_limit) != "allocated") ++dead;
    bi::shared_memory_object::remove(name.c_str());
  }
  report_peer("boost managed_shared_memory is dead when who allocates is killed (" +
                  std::to_string(dead) + " of " + std::to_string(rounds) + ")",
              dead != 0);
}

// Hole 5, the peer's part: see creation_holes_test.cpp for ours.
TEST_F(AllocationHolesTest, PeerManagedMemoryIsWaitedForAfterItsCreatorWasKilled) {
  const std::string name = holes_name("half_made");
  int hangs = 0, errors = 0;
  for (std::size_t calls = 0; hangs == 0 && calls < 100; ++calls) {
    bi::shared_memory_object::remove(name.c_str());
    bool complete = false;
    {
      traced_child creator([&] {
        const killpoint::marked_thread self;
        self.mark();
        const bi::managed_shared_memory memory(bi::create_only, name.c_str(), 1 << 16);
        self.mark();
      });
      ASSERT_EQ(creator.run_to_mark(limit), progress::marked);
      complete = creator.run_past_system_calls(calls) == progress::marked;
    }
    if (complete) break;
    servant opener{[&](const std::string&) -> std::string {
      try {
        const bi::managed_shared_memory memory(bi::open_only, name.c_str());
        return "opened";
      } catch (const bi::interprocess_exception& e) {
        return e.get_error_code() == bi::not_found_error ? "not found" : e.what();
      }
    }};
    const auto told = opener.ask("open", peer_limit);
    if (!told) ++hangs;
    else if (told != "opened" && told != "not found") ++errors;
  }
  bi::shared_memory_object::remove(name.c_str());
  report_peer("boost managed_shared_memory: who opens it waits for a creator that was killed",
              hangs != 0);
  report_peer("boost managed_shared_memory: or is told of corruption", errors != 0);
}

}  // namespace
}  // namespace hawser::test
