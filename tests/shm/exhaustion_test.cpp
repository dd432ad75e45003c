// What happens when places, descriptors, names or memory run out: a clear error, nothing left
// behind, and everything as usual once there is room again.

#include "../support/own_dev_shm.hpp"
#include "segment_support.hpp"
#include <hawser/shm/payload_pool.hpp>
#include <hawser/shm/queue.hpp>
#include <hawser/shm/registry.hpp>
#include <hawser/shm/wait_any.hpp>

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <vector>

#include <sys/resource.h>
#include <sys/statvfs.h>

namespace hawser {
namespace {

using namespace std::chrono_literals;
using test::child;
using test::eventually;
using test::exists_in_shm;
using test::open_descriptors;
using test::unique_name;
using queue = shm::queue<int>;

/// Leaves room for `more` descriptors while it lives.
class descriptor_limit {
 public:
  explicit descriptor_limit(unsigned more) {
    getrlimit(RLIMIT_NOFILE, &before_);
    const int next = dup(STDERR_FILENO);
    close(next);
    const rlimit less{static_cast<rlim_t>(next) + more, before_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &less);
  }
  descriptor_limit(const descriptor_limit&) = delete;
  descriptor_limit& operator=(const descriptor_limit&) = delete;
  ~descriptor_limit() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

std::size_t threads() {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator{"/proc/self/task"}, {}));
}

TEST(ExhaustionTest, All255PlacesWorkAndTheNextIsRefusedUntilOneLeaves) {
  const std::string name = unique_name();
  {
    queue first{create_only, name, {.capacity = 300}};
    std::vector<queue> places;
    for (int i = 1; i < 255; ++i) places.emplace_back(open_only, name);
    for (int attempt = 0; attempt < 3; ++attempt)
      EXPECT_ERROR(errc::too_many_participants, "all 255 places are taken; close some",
                   queue(open_only, name));
    EXPECT_EQ(shm::find_channel(name)->participants.size(), 255U);
    for (int i = 0; i < 254; ++i) {
      auto& at = places[static_cast<std::size_t>(i)];
      at.push(i);
      EXPECT_EQ(*at.try_lease(), i);  // and gives it back
      EXPECT_EQ(first.pop(), i);
    }
    places.erase(places.begin() + 100);
    queue last{open_only, name};
    EXPECT_ERROR(errc::too_many_participants, "255", queue(open_or_create, name, {300}));
    last.push(1);
    EXPECT_EQ(places.front().pop(), 1);
  }
  EXPECT_FALSE(exists_in_shm(name));
}

TEST(ExhaustionTest, ThousandChannelsHaveOneThreadAndLeaveNothing) {
  const std::string name = unique_name();
  const auto name_of = [&](int i) { return name + "." + std::to_string(i); };
  const int descriptors = open_descriptors();
  const std::size_t alone = threads();
  {
    std::vector<queue> all;
    shm::wait_set readable;
    for (int i = 0; i < 1000; ++i) {
      all.emplace_back(create_only, name_of(i), shm::queue_options{.capacity = 2});
      readable.add(static_cast<std::uint64_t>(i), all.back());
    }
    EXPECT_EQ(readable.wait_for(1ms), std::nullopt);
    EXPECT_EQ(threads(), alone + 1);
    // Another process opens all of them, too, fills each, and dies with a lease of each.
    child other{[&](const child::report& up) {
      std::vector<queue> theirs;
      std::vector<queue::lease_type> held;
      for (int i = 0; i < 1000; ++i) {
        theirs.emplace_back(open_only, name_of(i));
        theirs.back().push(i);
        held.push_back(theirs.back().lease());
      }
      up();
      pause();
      return 0;
    }};
    ASSERT_TRUE(other.await_report());
    other.kill_and_join();
    for (int left = 1000; left > 0; --left) {
      const auto key = readable.wait_for(test::patience);
      ASSERT_TRUE(key) << left;
      EXPECT_EQ(all[*key].try_pop(), static_cast<int>(*key));
    }
    EXPECT_EQ(threads(), alone + 1);
    EXPECT_EQ(std::ranges::count_if(shm::list_channels(),
                                    [&](const auto& one) { return one.name.starts_with(name); }),
              1000);
  }
  EXPECT_EQ(open_descriptors(), descriptors);
  EXPECT_TRUE(eventually([&] { return threads() == alone; }));
  for (int i = 0; i < 1000; ++i) ASSERT_FALSE(exists_in_shm(name_of(i)));
}

TEST(ExhaustionTest, DescriptorLimitWhileCreatingOrOpeningLeavesNothing) {
  const std::string name = unique_name(), other = unique_name();
  queue q{create_only, other};
  std::ignore = q.pop_for(1ms);  // starts the monitor
  const int before = open_descriptors();
  bool created = false, opened = false;
  for (unsigned more = 0; more < 20 && !(created && opened); ++more) {
    const auto attempt = [&](auto how, const std::string& which, bool& done) {
      try {
        const descriptor_limit limit{more};
        queue one{how, which};
        done = true;
      } catch (const error& e) {
        EXPECT_EQ(e.code(), errc::no_resources);
        EXPECT_NE(std::string{e.what()}.find("ulimit -n"), std::string::npos) << e.what();
        EXPECT_NE(std::string{e.what()}.find(which), std::string::npos) << e.what();
      }
      EXPECT_EQ(open_descriptors(), before) << more;
    };
    attempt(create_only, name, created);
    attempt(open_only, other, opened);
    EXPECT_FALSE(exists_in_shm(name));
    EXPECT_EQ(shm::find_channel(other)->participants.size(), 1U);
  }
  EXPECT_TRUE(created && opened);
}

TEST(ExhaustionTest, LookingWithoutDescriptorsIsAnErrorAndNoEmptyList) {
  const std::string name = unique_name(), stale = unique_name();
  queue q{create_only, name};
  child owner{[&](const child::report&) {
    queue mine{create_only, stale};
    raise(SIGKILL);
    return 0;
  }};
  ASSERT_EQ(owner.join(), -SIGKILL);
  ASSERT_TRUE(exists_in_shm(stale));
  {
    const descriptor_limit limit{0};
    EXPECT_ERROR(errc::no_resources, "cannot list \"/dev/shm\"",
                 std::ignore = shm::list_channels());
    EXPECT_ERROR(errc::no_resources, "cannot find \"" + name + "\"",
                 std::ignore = shm::find_channel(name));
    EXPECT_ERROR(errc::no_resources, "ulimit -n", std::ignore = shm::find_channel(name));
    EXPECT_EQ(shm::find_channel(unique_name()), std::nullopt);  // there is nothing to open
    EXPECT_ERROR(errc::no_resources, "cannot list \"/dev/shm\"",
                 std::ignore = shm::remove_stale(stale));
  }
  {
    const descriptor_limit limit{1};  // for the directory, then for one file after the other
    EXPECT_EQ(std::ranges::count(shm::list_channels(), name, &shm::channel_info::name), 1);
    EXPECT_EQ(shm::remove_stale(stale), 1U);
  }
}

TEST(ExhaustionTest, DescriptorLimitWhileStartingTheMonitorIsSlowerButRight) {
  const std::size_t alone = threads();
  for (unsigned more = 0; more < 4; ++more) {
    const std::string name = unique_name();
    queue q{create_only, name};
    const int before = open_descriptors();
    // Leases of a killed process come back although nobody watches it.
    q.push(5);
    child holder{[&](const child::report& up) {
      queue mine{open_only, name};
      const auto held = mine.lease();
      up();
      pause();
      return 0;
    }};
    ASSERT_TRUE(holder.await_report());
    {
      const descriptor_limit limit{more};
      EXPECT_EQ(q.lease_for(5ms).status(), shm::take_status::timed_out);
      holder.signal(SIGKILL);
      auto again = q.lease_for(test::patience);
      ASSERT_TRUE(again);
      EXPECT_EQ(again.attempts(), 2U);
      again.ack();
      if (more == 0) {
        EXPECT_ERROR(errc::no_resources, "Hawser's monitor",
                     std::ignore = q.async_wait(shm::ready::readable, [] {}));
        EXPECT_ERROR(errc::no_resources, "Hawser's monitor",
                     std::ignore = shm::wait_any_for(1s, q));
      }
    }
    // What a start that failed half-way had opened is closed; beside the pipe of `holder`.
    if (threads() == alone) {
      EXPECT_EQ(open_descriptors(), before + 1) << more;
    }
    holder.join();
    child producer{[&](const child::report&) {
      queue{open_only, name}.push(6);
      return 0;
    }};
    EXPECT_EQ(shm::wait_any_for(test::patience, q), 0U);  // there is room again
    EXPECT_EQ(q.try_pop(), 6);
    producer.join();
  }
}

TEST(ExhaustionTest, DescriptorLimitWhileWatchingAPeerIsSlowerButRight) {
  const std::string name = unique_name();
  queue q{create_only, name};
  std::ignore = q.pop_for(1ms);  // the monitor runs, and there is nobody to watch yet
  const auto start_holder = [&] {
    q.push(7);
    return std::make_unique<child>([&](const child::report& up) {
      queue mine{open_only, name};
      const auto held = mine.lease();
      up();
      pause();
      return 0;
    });
  };
  const auto first = start_holder();
  ASSERT_TRUE(first->await_report());
  {
    const descriptor_limit limit{0};  // no pidfd
    EXPECT_EQ(q.pop_for(5ms), std::nullopt);
    first->signal(SIGKILL);
    EXPECT_EQ(q.pop_for(test::patience), 7);
  }
  // Once there are descriptors again it is watched: with slices off nothing else wakes us.
  const auto second = start_holder();
  ASSERT_TRUE(second->await_report());
  {
    const descriptor_limit limit{0};
    EXPECT_EQ(q.pop_for(5ms), std::nullopt);
  }
  shm::detail::set_wait_slices(false);
  child killer{[&](const child::report&) {
    if (!eventually([&] { return q.counters().waits > 0; })) return 1;
    poll(nullptr, 0, 20);
    second->signal(SIGKILL);
    return 0;
  }};
  EXPECT_EQ(q.pop_for(test::patience), 7);
  shm::detail::set_wait_slices(true);
  killer.join();
}

TEST(ExhaustionTest, LongestNameWorksEverywhereAndOneMoreIsRefused) {
  const std::string longest = (unique_name() + "." + std::string(200, 'n')).substr(0, 200);
  {
    queue a{create_only, longest}, b{open_only, longest};
    queue c{open_only, "~" + std::to_string(geteuid()) + "/" + longest};
    a.push(3);
    EXPECT_EQ(c.pop(), 3);
    EXPECT_EQ(shm::find_channel(longest)->participants.size(), 3U);
    for (const auto& code : {test::error_of([&] { queue(create_only, longest + "n"); }),
                             test::error_of([&] { queue(open_only, longest + "n"); })}) {
      EXPECT_EQ(code.code(), errc::bad_name);
      EXPECT_NE(std::string{code.what()}.find("201 characters; use at most 200"), std::string::npos)
          << code.what();
    }
  }
  EXPECT_FALSE(exists_in_shm(longest));
}

/// Runs `body` where /dev/shm is a small one of its own.
void in_small_dev_shm(const char* options, const std::function<void()>& body) {
  constexpr int cannot_mount = 77;
  child inside{[&](const child::report&) {
    if (!test::mount_own_dev_shm(options)) return cannot_mount;
    body();
    return testing::Test::HasFailure() ? 1 : 0;
  }};
  const int status = inside.join();
  if (status == cannot_mount)
    GTEST_SKIP() << "neither root nor user namespaces to mount a small /dev/shm";
  EXPECT_EQ(status, 0);
}

std::uint64_t free_blocks() {
  struct statvfs space {};
  statvfs("/dev/shm", &space);
  return space.f_bfree;
}

TEST(ExhaustionTest, FullDevShmRefusesNewChannelsAndLeavesOldOnesUsable) {
  in_small_dev_shm("size=1m", [] {
    queue old{create_only, "old", {.capacity = 100}};
    std::vector<queue> filling;
    const auto fill = [&] {
      for (int i = 0;; ++i) {
        const std::uint64_t before = free_blocks();
        try {
          filling.emplace_back(create_only, "fill." + std::to_string(i));
        } catch (const error& e) {
          EXPECT_EQ(e.code(), errc::no_space);
          EXPECT_NE(std::string{e.what()}.find("df -h /dev/shm"), std::string::npos) << e.what();
          EXPECT_EQ(free_blocks(), before);  // nothing of the attempt is left
          EXPECT_FALSE(exists_in_shm("fill." + std::to_string(i)));
          return;
        }
      }
    };
    fill();
    const std::size_t fitted = filling.size();
    EXPECT_GT(fitted, 3U);
    queue again{open_only, "old"};
    for (int i = 0; i < 100; ++i) EXPECT_EQ(old.try_push(i), shm::push_status::ok);
    EXPECT_EQ(old.push_for(1, 1ms), shm::push_status::timed_out);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(again.pop(), i);
    EXPECT_EQ(again.pop_for(1ms), std::nullopt);
    filling.clear();
    fill();
    EXPECT_EQ(filling.size(), fitted);
  });
}

TEST(ExhaustionTest, MemoryKeptForLaterLoansIsNotMissingElsewhere) {
  in_small_dev_shm("size=8m", [] {
    shm::payload_pool pool{
        create_only, "kept", {.classes = {{64, 1}}, .large = 2, .large_kept_bytes = 64 << 20}};
    { const auto one = pool.loan(3 << 20), two = pool.loan(3 << 20); }
    // Where it is put there are 3 MiB, and 3 more where nobody holds anything.
    shm::payload more = pool.loan(5 << 20);
    std::ranges::fill(more.writable(), std::byte{1});
    EXPECT_EQ(pool.counters().classes.back().in_use, 1U);
    EXPECT_ERROR(errc::no_space, "kept", std::ignore = pool.loan(5 << 20));
    more.release();
    EXPECT_EQ(pool.loan(6 << 20).size(), 6U << 20);
  });
}

TEST(ExhaustionTest, DevShmWithoutInodesIsTheSameError) {
  in_small_dev_shm("size=10m,nr_inodes=3", [] {
    queue old{create_only, "old"};
    std::vector<queue> filling;
    const error e = test::error_of([&] {
      for (int i = 0; i < 10; ++i) filling.emplace_back(create_only, "f." + std::to_string(i));
    });
    EXPECT_EQ(e.code(), errc::no_space) << e.what();
    old.push(1);
    EXPECT_EQ(queue(open_only, "old").pop(), 1);
    filling.clear();
    EXPECT_NO_THROW(queue(create_only, "new"));
    EXPECT_FALSE(exists_in_shm("new"));
  });
}

}  // namespace
}  // namespace hawser
