// What a creator's death, a slow creator and a full /dev/shm do to the alternatives, and must
// not do to us.

#include "../support/own_dev_shm.hpp"
#include "holes.hpp"
#include "raw_segment.hpp"
#include <hawser/shm/queue.hpp>

#include <boost/interprocess/mapped_region.hpp>
#include <boost/interprocess/shared_memory_object.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include <fcntl.h>
#include <killpoint/marks.hpp>
#include <killpoint/servant.hpp>
#include <killpoint/traced_child.hpp>
#include <sys/wait.h>
#include <unistd.h>

namespace hawser::test {
namespace {

namespace bi = boost::interprocess;
using namespace std::chrono_literals;
using killpoint::progress;
using killpoint::servant;
using killpoint::traced_child;
using shm::push_status;
using queue = shm::queue<int>;

/// A creator that can be stopped after any of its system calls.
void create_between_marks(const std::string& name) {
  const killpoint::marked_thread self;
  self.mark();
  const queue q{create_only, name, {.capacity = 4}};
  self.mark();
}

/// Opens the queue and uses it, or says why not.
std::string open_and_use(const std::string& name) {
  try {
    queue q{open_only, name};
    if (q.try_push(7) != push_status::ok) return "full";
    return q.try_pop() == 7 ? "used" : "lost";
  } catch (const error& e) {
    if (e.code() == errc::not_found) return "not found";
    if (e.code() == errc::stale) return "stale";
    return e.what();
  }
}

class CreationHolesTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { killpoint::become_tracer(); }
  static void TearDownTestSuite() { killpoint::stop_being_tracer(); }
};

// Hole 5, first half: the opener of a dead creator's half-made object waits for 300 s.
TEST_F(CreationHolesTest, ACreatorKilledAfterAnyOfItsSystemCallsHoldsNobodyUp) {
  const std::string name = holes_name("dead_creator");
  std::size_t calls = 0;
  for (bool complete = false; !complete; ++calls) {
    ASSERT_LT(calls, 1000U);
    {
      traced_child creator([&] { create_between_marks(name); });
      ASSERT_EQ(creator.run_to_mark(limit), progress::marked);
      complete = creator.run_past_system_calls(calls) == progress::marked;
    }
    const auto start = std::chrono::steady_clock::now();
    const std::string opened = open_and_use(name);
    EXPECT_TRUE(opened == "not found" || opened == "stale") << opened;
    EXPECT_LT(std::chrono::steady_clock::now() - start, 5s) << "after call " << calls;
    queue next{create_only, name, {.capacity = 4}};
    EXPECT_EQ(next.try_push(1), push_status::ok);
  }
  EXPECT_GT(calls, 10U);
  EXPECT_EQ(segments_with(name), std::vector<std::string>{});
}

// ... and its second half: a creator that is merely slow is taken for a dead one.
TEST_F(CreationHolesTest, ASlowCreatorIsWaitedForOrNotSeenAtAll) {
  const std::string name = holes_name("slow_creator");
  std::size_t waited = 0, not_found = 0;
  std::size_t calls = 0;
  for (bool complete = false; !complete; ++calls) {
    ASSERT_LT(calls, 1000U);
    servant opener{[&](const std::string&) { return open_and_use(name); }};
    traced_child creator([&] { create_between_marks(name); });
    ASSERT_EQ(creator.run_to_mark(limit), progress::marked);
    complete = creator.run_past_system_calls(calls) == progress::marked;

    auto answer = opener.ask("open", 30ms);
    if (!answer) {
      // It waits at the gate; the creator goes on to its end mark.
      ++waited;
      ASSERT_EQ(creator.run_past_system_calls(1000), progress::marked);
      answer = opener.answer(limit);
    }
    if (answer == "not found") ++not_found;  // the file has no name yet
    else EXPECT_EQ(answer, "used") << "after call " << calls;
  }
  EXPECT_GT(not_found, 5U);        // before it has a name
  EXPECT_GT(waited, 0U);           // between its name and its readiness
  EXPECT_TRUE(shm::remove(name));  // the last creator was killed
  EXPECT_EQ(segments_with(name), std::vector<std::string>{});
}

std::string use_full_shared_memory() {
  if (!mount_own_dev_shm("size=512k,mode=1777")) return "not permitted";
  try {
    queue q{create_only, "large", {.capacity = 1'000'000}};
    return "created what does not fit";
  } catch (const error& e) {
    if (e.code() != errc::no_space) return e.what();
    if (std::strstr(e.what(), "large") == nullptr) return "the error names no object";
  }
  queue q{create_only, "small", {.capacity = 4096}};
  // Now nothing is left for anybody, and the queue has what it needs all the same.
  const int fd = open("/dev/shm/filler", O_CREAT | O_RDWR, 0600);
  const std::vector<char> block(4096, 'x');
  while (write(fd, block.data(), block.size()) == static_cast<ssize_t>(block.size())) {
  }
  for (int i = 0; i < 4096; ++i)
    if (q.try_push(i) != push_status::ok) return "full too early";
  for (int i = 0; i < 4096; ++i)
    if (q.try_pop() != i) return "a message is lost";
  return "works";
}

// Hole 6: a full /dev/shm kills whoever touches the memory first.
TEST_F(CreationHolesTest, AFullSharedMemoryIsAnErrorAtCreationAndNeverASignal) {
  servant user{[](const std::string&) { return use_full_shared_memory(); }};
  const auto answer = user.ask("use", limit);
  if (answer == "not permitted") GTEST_SKIP() << "no mount namespace of our own is to be had here";
  EXPECT_EQ(answer, "works");
}

TEST_F(CreationHolesTest, PeerMappedRegionDiesOnAFullSharedMemory) {
  servant user{[](const std::string&) -> std::string {
    if (!mount_own_dev_shm("size=512k,mode=1777")) return "not permitted";
    bi::shared_memory_object object(bi::create_only, "peer", bi::read_write);
    object.truncate(4 << 20);
    const bi::mapped_region region(object, bi::read_write);
    std::memset(region.get_address(), 1, region.get_size());
    return "works";
  }};
  const auto answer = user.ask("use", limit);
  if (answer == "not permitted") GTEST_SKIP() << "no mount namespace of our own is to be had here";
  report_peer("boost mapped_region dies at the first touch of a full /dev/shm", !answer);
}

}  // namespace
}  // namespace hawser::test
