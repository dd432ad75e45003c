// A group of several users.

#include "transport_support.hpp"

#include <grp.h>
#include <unistd.h>

namespace test {
namespace {

constexpr uid_t first_user = 60'001, second_user = 60'002;
constexpr gid_t shared_group = 60'000;

bool become(uid_t user) {
  const gid_t none[1] = {shared_group};
  return setgroups(1, none) == 0 && setgid(shared_group) == 0 && setuid(user) == 0;
}

/// Publishes an echo in a group of its own until it is killed.
int serve(const std::string& group, unsigned mode, const child::report& ready) {
  if (!become(first_user)) return 9;
  node own{group, [=](auto& options) { options.mode = mode; }};
  own.host.publish(own.system.spawn(echo), "echo");
  ready();
  own.system.await_all_actors_done();
  return 0;
}

class TransportUsersTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "only root can be several users";
    child other{[](const child::report&) {
      return become(first_user) && access("/dev/shm", W_OK | X_OK) == 0 ? 0 : 1;
    }};
    if (other.join() != 0) GTEST_SKIP() << "another user may not enter /dev/shm here";
  }
  /// In /dev/shm nobody may remove what another user has left; they would do so at their next start.
  void TearDown() override {
    for (const uid_t user : {first_user, second_user}) {
      const std::string prefix = "hawser." + std::to_string(user) + ".actors." + group + ".";
      for (const auto& one : std::filesystem::directory_iterator{"/dev/shm"})
        if (one.path().filename().string().starts_with(prefix)) std::filesystem::remove(one.path());
    }
  }

  const std::string group = unique_name();
};

TEST_F(TransportUsersTest, UsersOfOneUnixGroupTalkIfTheGroupAllowsIt) {
  child server{[&](const child::report& ready) { return serve(group, 0660, ready); }};
  ASSERT_TRUE(server.await_report());
  for (int round = 0; round < 3; ++round) {
    child client{[&](const child::report& ready) {
      if (!become(second_user)) return 9;
      node own{"~60001/" + group, [](auto& options) { options.mode = 0660; }};
      const auto remote = own.lookup("echo");
      if (ask<int>(own.self, remote, 7) != 7) return 1;
      const std::string large(1'000'000, 'x');
      if (ask<std::string>(own.self, remote, large) != large) return 2;
      ready();
      auto pending = own.self->request(remote, patience, hold_atom_v);
      if (round != 2) return 0;
      caf::error failed;
      pending.receive([] {}, [&](caf::error& reason) { failed = std::move(reason); });
      // How a process of another user ended the kernel says only to those who may trace it.
      using actors::peer_error;
      return failed == peer_error::killed || failed == peer_error::disconnected ? 0 : 3;
    }};
    ASSERT_TRUE(client.await_report());
    if (round == 2) server.kill_and_join();
    ASSERT_EQ(client.join(), 0);
  }
}

TEST_F(TransportUsersTest, AnotherUserIsKeptOutOtherwise) {
  child server{[&](const child::report& ready) { return serve(group, 0600, ready); }};
  ASSERT_TRUE(server.await_report());
  child client{[&](const child::report&) {
    if (!become(second_user)) return 9;
    try {
      node own{"~60001/" + group};
      return 1;
    } catch (const error& failed) {
      return failed.code() == errc::permission_denied ? 0 : 2;
    }
  }};
  EXPECT_EQ(client.join(), 0);
  server.kill_and_join();
}

}  // namespace
}  // namespace test
