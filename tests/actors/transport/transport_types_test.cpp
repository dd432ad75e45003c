// What cannot be sent. In CAF 1.x a type without a number does not compile, and all systems of a process
// know the same types: this is for 0.17.

#include "transport_support.hpp"

#include <map>
#include <string>
#include <vector>

#include <transport/caf_parts.hpp>
#include <transport/content.hpp>
#include <transport/inline_unit.hpp>

namespace test {

/// Means nothing elsewhere: nobody has registered it.
struct unregistered {
  int x = 0;
};
template <class Inspector>
auto inspect(Inspector& f, unregistered& p) {
  HAWSER_INSPECT(f, "test::unregistered", p.x);
}

namespace {

using actors::peer_error;

class TransportTypesTest : public testing::Test {
 protected:
  caf::actor published(node& where) {
    const caf::actor made = where.system.spawn(echo);
    where.host.publish(made, "echo");
    return made;
  }
  /// Ends what would keep its system.
  static void end(const caf::actor& one) { caf::anon_send_exit(one, caf::exit_reason::kill); }

  const std::string group = unique_name();
  node a{group};
  node b{group};
};

TEST_F(TransportTypesTest, AMessageOfAnUnknownTypeIsAnsweredWithItsName) {
  const auto local = published(a);
  const auto remote = b.lookup("echo");
  const auto answer = ask<int>(b.self, remote, unregistered{1});
  EXPECT_EQ(answer.error(), peer_error::not_encodable);
  EXPECT_NE(actors::render(b.system, answer.error()).find("unregistered"), std::string::npos)
      << actors::render(b.system, answer.error());
  EXPECT_EQ(b.host.statistics().not_encodable, 1U);
  EXPECT_EQ(ask<int>(b.self, remote, 7), 7);
  end(local);
}

TEST_F(TransportTypesTest, AMessageThatTheOtherProcessDoesNotKnowIsAnsweredWithItsName) {
  struct strangers_config : actors::config {
    explicit strangers_config(const std::string& group) { transport.group = group; }
  } config{group};
  caf::actor_system stranger{config};
  const auto local = stranger.spawn(echo);
  actors::transport(stranger).publish(local, "stranger");
  const auto remote = b.lookup("stranger");
  const auto answer = ask<point>(b.self, remote, point{1, ""});
  EXPECT_EQ(answer.error(), peer_error::not_decodable);
  EXPECT_NE(actors::render(b.system, answer.error()).find("test::point"), std::string::npos);
  EXPECT_EQ(ask<int>(b.self, remote, 7), 7);  // the connection has not suffered
  end(local);
}

TEST(TransportContentTest, ValuesOfAllKindsComeBackAsTheyWereWithTheirTypes) {
  using namespace hawser::actors::detail;
  struct all_kinds_config : actors::config {
    all_kinds_config() {
      transport.group = unique_name();
      add_message_type<point>("test::point");
      add_message_type<std::map<std::string, std::string>>("texts");
    }
  } config;
  caf::actor_system system{config};
  const auto message = caf::make_message(
      true, std::int8_t{-1}, std::uint64_t{1} << 63, -1.5, std::string(300, 'x'),
      std::vector<char>{1, 2, 3}, caf::atom("word"), point{7, "seven"},
      std::vector<point>{{1, "a"}}, std::map<std::string, std::string>{{"key", "value"}},
      caf::error{3, caf::atom("test")}, caf::make_message(1, "nested"));
  frame_buffer bytes;
  ASSERT_FALSE(save_content(system, bytes, values_of(message)));
  inline_unit unit{system, {}};
  const auto back =
      load_content(unit, reinterpret_cast<const std::byte*>(bytes.data()), bytes.size());
  ASSERT_TRUE(back) << actors::render(system, back.error());
  EXPECT_EQ(to_string(*back), to_string(message));
  EXPECT_EQ(back->type_token(), message.type_token());
}

}  // namespace
}  // namespace test
