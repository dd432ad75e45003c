// What tools see of channels, from outside.

#include "../support/own_dev_shm.hpp"
#include "../support/without_root_powers.hpp"
#include "registry_support.hpp"
#include <hawser/shm/detail/segment_layout.hpp>
#include <hawser/shm/queue.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace hawser {
namespace {

using namespace std::chrono_literals;
using shm::channel_info;
using test::child;
using test::figure;
using test::listed;
using test::overwrite;
using test::path_of;
using test::unique_name;

TEST(RegistryTest, ShowsAQueueAsItIs) {
  const std::string name = unique_name();
  const auto before = std::chrono::system_clock::now();
  shm::queue<std::string> q{
      create_only,
      name,
      {.capacity = 5, .message_bytes_max = 100, .attempts_max = 2, .mode = 0640}};
  shm::queue<std::string> second{open_only, name};
  for (const char* text : {"one", "two", "three", "four"}) q.push(text);
  auto first = q.lease();
  first.nack();
  q.lease().nack();  // the second time: a dead letter
  EXPECT_EQ(q.pop(), "two");
  const auto held = q.lease();

  const auto seen = listed(name);
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->problem, "");
  EXPECT_EQ(seen->kind, "queue");
  EXPECT_NE(seen->type.find("basic_string<char"), std::string::npos) << seen->type;
  EXPECT_EQ(seen->owner, geteuid());
  EXPECT_EQ(seen->mode, 0640U);
  struct stat status {};
  stat(path_of(name).c_str(), &status);
  EXPECT_EQ(seen->bytes, static_cast<std::size_t>(status.st_size));
  EXPECT_FALSE(seen->kept);
  EXPECT_FALSE(seen->stale);
  EXPECT_GE(seen->created, before - 1s);
  EXPECT_LE(seen->created, std::chrono::system_clock::now());
  ASSERT_EQ(seen->participants.size(), 2U);
  for (const auto& place : seen->participants) {
    EXPECT_EQ(place.pid, getpid());
    EXPECT_TRUE(place.alive);
    EXPECT_TRUE(place.pid_is_ours);
    EXPECT_GE(place.since, seen->created);
  }
  EXPECT_EQ(figure(seen->details, "capacity"), 5U);
  EXPECT_EQ(figure(seen->details, "message_bytes_max"), 100U);
  EXPECT_EQ(figure(seen->details, "attempts_max"), 2U);
  EXPECT_EQ(figure(seen->details, "size"), 1U);
  EXPECT_EQ(figure(seen->details, "leased"), 1U);
  EXPECT_EQ(figure(seen->details, "dead_letters"), 1U);
  EXPECT_EQ(figure(seen->details, "closed"), 0U);
  const auto own = q.counters();
  EXPECT_EQ(figure(seen->counters, "pushed"), own.pushed);
  EXPECT_EQ(figure(seen->counters, "delivered"), own.delivered);
  EXPECT_EQ(figure(seen->counters, "redelivered"), own.redelivered);
  EXPECT_EQ(figure(seen->counters, "acked"), own.acked);
  EXPECT_EQ(figure(seen->counters, "waits"), own.waits);

  q.close();
  EXPECT_EQ(figure(shm::find_channel(name)->details, "closed"), 1U);
}

TEST(RegistryTest, TellsKeptStaleAndDead) {
  const std::string kept = unique_name(), stale = unique_name(), shared = unique_name();
  { shm::queue<int>{create_only, kept, {.keep = true}}; }
  shm::queue<int> q{create_only, shared};
  child owner{[&](const child::report& up) {
    shm::queue<int> mine{create_only, stale};
    shm::queue<int> other{open_only, shared};
    up();
    pause();
    return 0;
  }};
  ASSERT_TRUE(owner.await_report());
  EXPECT_FALSE(listed(stale)->stale);
  EXPECT_EQ(listed(shared)->participants.size(), 2U);
  const pid_t pid = owner.pid();
  owner.kill_and_join();

  EXPECT_TRUE(listed(stale)->stale);
  EXPECT_TRUE(listed(kept)->kept);
  EXPECT_FALSE(listed(kept)->stale);
  EXPECT_EQ(listed(kept)->participants.size(), 0U);
  const auto seen = listed(shared);  // nobody waits, so nobody has swept
  ASSERT_EQ(seen->participants.size(), 2U);
  EXPECT_EQ(seen->participants.back().pid, pid);
  EXPECT_FALSE(seen->participants.back().alive);
  EXPECT_TRUE(shm::remove(kept));
  EXPECT_EQ(shm::remove_stale(stale), 1U);
}

TEST(RegistryTest, FindsByNameAndRefusesBadOnes) {
  EXPECT_EQ(shm::find_channel(unique_name()), std::nullopt);
  EXPECT_ERROR(errc::bad_name, "allowed", std::ignore = shm::find_channel("a b"));
  const std::string name = unique_name();
  shm::queue<int> q{create_only, name};
  EXPECT_EQ(shm::find_channel(name)->kind, "queue");
  EXPECT_EQ(shm::find_channel("~" + std::to_string(geteuid()) + "/" + name)->kind, "queue");
}

TEST(RegistryTest, LookingTakesNoPlaceAndNoLock) {
  const std::string name = unique_name();
  shm::queue<int> q{create_only, name};
  const int before = test::open_descriptors();
  std::atomic<bool> done{false};
  std::thread watcher{[&] {
    while (!done) std::ignore = shm::list_channels();
  }};
  // Whoever attaches and leaves meanwhile meets no lock of ours: nobody's place looks taken, and
  // the last one to leave removes the file.
  for (int i = 0; i < 200; ++i) {
    const std::string other = unique_name();
    { shm::queue<int> a{create_only, other}, b{open_only, other}; }
    EXPECT_FALSE(test::exists_in_shm(other));
  }
  done = true;
  watcher.join();
  EXPECT_EQ(listed(name)->participants.size(), 1U);
  EXPECT_EQ(test::open_descriptors(), before);
}

TEST(RegistryTest, DamagedFilesSayWhatIsWrong) {
  const std::string user = "hawser." + std::to_string(geteuid()) + ".";
  const std::string small = unique_name(), other = unique_name();
  std::ofstream{path_of(small)} << "tiny";
  std::ofstream{path_of(other)} << std::string(20000, 'x');
  EXPECT_EQ(listed(small)->problem, "it has only 4 bytes");
  EXPECT_EQ(listed(other)->problem, "it is not a Hawser segment");
  EXPECT_FALSE(listed(other)->stale);
  unlink(path_of(small).c_str());
  unlink(path_of(other).c_str());

  const std::string name = unique_name();
  shm::queue<int> q{create_only, name};
  using header = shm::detail::segment_header;
  overwrite(name, offsetof(header, kind), std::uint32_t{99});
  EXPECT_EQ(listed(name)->problem, "it is of an unknown kind (99)");
  EXPECT_EQ(listed(name)->participants.size(), 1U);
  EXPECT_ERROR(errc::kind_mismatch, "of an unknown kind (99), not a queue",
               shm::queue<int>(open_only, name));
  overwrite(name, offsetof(header, kind), shm::detail::channel_kind::pipe);
  EXPECT_EQ(listed(name)->kind, "pipe");
  EXPECT_ERROR(errc::kind_mismatch, "it is a pipe, not a queue", shm::queue<int>(open_only, name));
  overwrite(name, offsetof(header, kind), shm::detail::channel_kind::queue);
  overwrite(name, offsetof(header, type_name), std::array{'i', '\x1b', '\n', '\0'});
  EXPECT_EQ(listed(name)->type, "i??");
  // Slots that would lie far outside.
  for (const std::uint64_t slots : {std::uint64_t{0}, ~std::uint64_t{0}, std::uint64_t{1} << 40}) {
    overwrite(name, shm::detail::body_offset, slots);
    EXPECT_EQ(listed(name)->problem, "its queue is damaged");
  }
  overwrite(name, offsetof(header, version), std::uint32_t{77});
  EXPECT_EQ(listed(name)->problem, "its layout has version 77, this program's " +
                                       std::to_string(shm::detail::layout_version));
}

TEST(RegistryTest, HugeSparseFileDoesNotTakeLong) {
  // 2^40 bytes that claim to be a queue of 2^36 slots.
  const std::string name = unique_name();
  const std::uint64_t bytes = std::uint64_t{1} << 40;
  { shm::queue<int> q{create_only, name, {.capacity = 1, .keep = true}}; }
  ASSERT_EQ(truncate(path_of(name).c_str(), static_cast<off_t>(bytes)), 0);
  overwrite(name, offsetof(shm::detail::segment_header, segment_bytes), bytes);
  overwrite(name, shm::detail::body_offset, std::uint64_t{1} << 35);
  const auto seen = listed(name);
  EXPECT_EQ(seen->problem, "");
  EXPECT_EQ(figure(seen->details, "capacity"), std::uint64_t{1} << 35);
  unlink(path_of(name).c_str());
}

TEST(RegistryTest, CutFileIsNoSignal) {
  // Under the nose of a reader, again and again.
  const std::string name = unique_name();
  { shm::queue<int> q{create_only, name, {.capacity = 4000, .keep = true}}; }
  const auto whole = shm::find_channel(name)->bytes;
  std::atomic<bool> done{false};
  std::thread cutter{[&] {
    for (std::size_t i = 0; !done; ++i) {
      std::ignore = truncate(path_of(name).c_str(), static_cast<off_t>(i * 4096 % whole));
      std::ignore = truncate(path_of(name).c_str(), static_cast<off_t>(whole));
    }
  }};
  for (int i = 0; i < 500; ++i) std::ignore = shm::find_channel(name);
  done = true;
  cutter.join();
  unlink(path_of(name).c_str());
}

TEST(RegistryTest, WhatIsNoChannelIsLeftOut) {
  const std::string user = "hawser." + std::to_string(geteuid()) + ".";
  const std::string name = unique_name();
  const std::string directory = path_of(name), link = path_of(name + ".link"),
                    fifo = path_of(name + ".fifo"), bad = "/dev/shm/" + user + "bad name",
                    none = "/dev/shm/hawser.x." + name;
  mkdir(directory.c_str(), 0700);
  std::ignore = symlink("/etc/passwd", link.c_str());
  mkfifo(fifo.c_str(), 0600);
  std::ofstream{bad} << "x";
  std::ofstream{none} << "x";
  for (const channel_info& one : shm::list_channels()) {
    EXPECT_EQ(one.name.find(name), std::string::npos) << one.name;
    EXPECT_EQ(one.name.find("bad name"), std::string::npos);
  }
  rmdir(directory.c_str());
  for (const std::string& path : {link, fifo, bad, none}) unlink(path.c_str());
}

TEST(RegistryTest, EachChannelStandsThereOnceWhileOthersGo) {
  child alone{[&](const child::report&) {
    if (!test::mount_own_dev_shm("size=4m")) return 77;
    for (int round = 0; round < 20; ++round) {
      // More than the kernel hands out of a directory at once, and all are older than the channel.
      const auto path = [](int i) { return path_of("old." + std::to_string(i)); };
      for (int i = 0; i < 1000; ++i) std::ofstream{path(i)} << "x";
      const shm::queue<int> q{create_only, "new"};
      std::jthread remover{[&] {
        for (int i = 0; i < 1000; ++i) unlink(path(i).c_str());
      }};
      if (std::ranges::count(shm::list_channels(), "new", &channel_info::name) != 1) return 1;
    }
    return 0;
  }};
  const int status = alone.join();
  if (status == 77) GTEST_SKIP() << "no own /dev/shm here";
  EXPECT_EQ(status, 0);
}

TEST(RegistryTest, OtherUsersChannelsAreShownAsFarAsTheyMayBeRead) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can make files of others";
  const std::string open_name = unique_name(), closed_name = unique_name();
  shm::queue<int> a{create_only, open_name, {.mode = 0644}}, b{create_only, closed_name};
  child stranger{[&](const child::report&) {
    if (!test::give_up_reading_everything() || setresuid(65534, 65534, 65534) != 0 ||
        access("/dev/shm", X_OK) != 0)
      return 77;
    const auto seen = listed("~0/" + open_name), unseen = listed("~0/" + closed_name);
    if (!seen || seen->problem != "" || seen->kind != "queue" || seen->participants.size() != 1 ||
        !seen->participants.front().alive)
      return 1;
    return unseen && unseen->problem == "Permission denied" && unseen->owner == 0 ? 0 : 2;
  }};
  const int status = stranger.join();
  if (status == 77) GTEST_SKIP() << "another user cannot look into /dev/shm here";
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace hawser
