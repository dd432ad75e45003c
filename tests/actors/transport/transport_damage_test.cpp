// A peer that says what makes no sense: it costs the connection, not the process.

#include "transport_support.hpp"
#include <hawser/shm/detail/door_core.hpp>
#include <hawser/shm/detail/pipe_core.hpp>

#include <limits>
#include <random>
#include <vector>

#include <transport/content.hpp>
#include <transport/directory.hpp>
#include <transport/wire.hpp>

namespace test {
namespace {

using namespace hawser::actors::detail;
using hawser::shm::detail::door_core;
using hawser::shm::detail::pipe_core;

/// A member of the group by hand, connected with `node`.
class impostor {
 public:
  impostor(const std::string& group, node& other)
      : group_(group), members_({.group = name("members")}) {
    door_ = std::make_unique<door_core>(hawser::shm::detail::door_request{
        name("door." + std::to_string(members_.tag())), hawser::shm::detail::opening::create_only});
    std::random_device random;
    for (auto& byte : self_.host) byte = static_cast<std::uint8_t>(random());
    self_.pid = static_cast<std::uint32_t>(getpid());
    members_.enter(self_.host, 1);
    const auto their_node = wire_node::of(other.system.node());
    for (const auto& one : members_.members())
      if (one.host == their_node.host) their_tag_ = one.tag;
    members_.call(their_tag_, true);
    // It joined first, so it makes the pipe. What it says of our place may still mean who had it
    // before: then there is no pipe yet.
    hawser::shm::detail::pipe_request request;
    request.name = name("pipe." + std::to_string(std::min(their_tag_, members_.tag())) + "." +
                        std::to_string(std::max(their_tag_, members_.tag())));
    request.type_fingerprint = 0x6861'7773'6163'7401ULL;
    EXPECT_TRUE(eventually([&] {
      try {
        pipe_ = std::make_unique<pipe_core>(request);
      } catch (const error& failed) {
        if (failed.code() != errc::not_found) throw;
      }
      return pipe_ != nullptr;
    }));
    their_door_ = std::make_unique<door_core>(hawser::shm::detail::door_request{
        name("door." + std::to_string(their_tag_)), hawser::shm::detail::opening::open_only});
  }

  void send(const frame_buffer& frame) {
    std::ignore = pipe_->try_send(reinterpret_cast<const std::byte*>(frame.data()), frame.size());
    their_door_->ring();
  }
  void greet() {
    send(hello({.caf_version = actors::detail::caf_version, .tag = members_.tag(), .node = self_}));
  }
  static frame_buffer hello(const greeting& words) {
    frame_buffer frame = of({.kind = frame_kind::hello});
    append(frame, words);
    return frame;
  }
  static frame_buffer of(const frame_header& header) {
    frame_buffer frame;
    append(frame, header);
    return frame;
  }
  bool is_dropped() {
    return eventually([&] { return pipe_->peer_gone() || !pipe_->peer_alive(); });
  }
  bool is_connected() { return !pipe_->peer_gone(); }
  std::uint32_t tag() { return members_.tag(); }
  wire_node self() const { return self_; }

 private:
  std::string name(const std::string& rest) const { return "actors." + group_ + "." + rest; }

  const std::string group_;
  directory members_;
  wire_node self_;
  std::uint32_t their_tag_ = 0;
  std::unique_ptr<door_core> door_, their_door_;
  std::unique_ptr<pipe_core> pipe_;
};

class TransportDamageTest : public testing::Test {
 protected:
  TransportDamageTest() {
    served = own.system.spawn(echo);
    own.host.publish(served, "echo");
  }
  void TearDown() override {
    EXPECT_EQ(ask<int>(other.self, other.lookup("echo"), 1), 1);  // everybody else goes on
    caf::anon_send_exit(served, caf::exit_reason::kill);
  }
  void expect_dropped(const std::vector<frame_buffer>& frames, bool greets = true) {
    const std::uint64_t before = own.host.statistics().damaged;
    impostor one{group, own};
    if (greets) one.greet();
    for (const auto& frame : frames) one.send(frame);
    EXPECT_TRUE(one.is_dropped());
    EXPECT_TRUE(eventually([&] { return own.host.statistics().damaged == before + 1; }));
  }
  frame_buffer message(const caf::message& content, frame_header header = {}) {
    header.kind = frame_kind::message;
    if (header.mid == 0) header.mid = caf::make_message_id().integer_value();
    header.target = served.id();
    frame_buffer frame = impostor::of(header);
    EXPECT_FALSE(save_content(own.system, frame, values_of(content)));
    return frame;
  }

  /// With a loan behind its content.
  frame_buffer carried(const caf::message& content) {
    frame_buffer frame = message(content, {.kind = frame_kind::message, .loans = 1});
    frame.resize(frame.size() + 30, 'y');
    append(frame, loan_size{30});
    return frame;
  }

  const std::string group = unique_name();
  node own{group, [](auto& options) { options.ring_bytes = 64 * 1024; }};
  node other{group};
  caf::actor served;
};

TEST_F(TransportDamageTest, WhoDoesNotGreetIsDropped) {
  expect_dropped({message(caf::make_message(1))}, false);
  expect_dropped({impostor::of({.kind = frame_kind::goodbye})}, false);
}

TEST_F(TransportDamageTest, WhoGreetsAsAnotherIsDropped) {
  expect_dropped(
      {impostor::hello({.caf_version = actors::detail::caf_version, .tag = 7, .node = {}})}, false);
  expect_dropped({impostor::of({.kind = frame_kind::hello})}, false);
  impostor one{group, own};
  const greeting right{
      .caf_version = actors::detail::caf_version, .tag = one.tag(), .node = one.self()};
  for (const auto& change : std::vector<std::function<void(greeting&)>>{
           [](greeting& g) { ++g.version; }, [](greeting& g) { ++g.caf_version; },
           [](greeting& g) { ++g.tag; }, [](greeting& g) { ++g.node.pid; },
           [](greeting& g) { ++g.node.host[0]; }}) {
    impostor wrong{group, own};
    greeting words{
        .caf_version = actors::detail::caf_version, .tag = wrong.tag(), .node = wrong.self()};
    change(words);
    wrong.send(impostor::hello(words));
    EXPECT_TRUE(wrong.is_dropped());
  }
  one.send(impostor::hello(right));
  one.send(message(caf::make_message(count_atom_v, 5)));
  EXPECT_TRUE(eventually([&] { return ask<int>(own.self, served, count_atom_v) == 5; }));
  one.send(impostor::hello(right));  // twice
  EXPECT_TRUE(one.is_dropped());
}

TEST_F(TransportDamageTest, FramesThatMakeNoSenseAreTheEnd) {
  for (std::size_t bytes = 0; bytes < sizeof(frame_header); bytes += 5)
    expect_dropped({frame_buffer(bytes == 0 ? 1 : bytes, '\2')});
  expect_dropped({impostor::of({.kind = static_cast<frame_kind>(0)})});
  expect_dropped({impostor::of({.kind = static_cast<frame_kind>(200)})});
  expect_dropped({impostor::of({.kind = frame_kind::down, .source = 3})});   // no reason
  expect_dropped({impostor::of({.kind = frame_kind::moved, .target = 3})});  // no node
  expect_dropped({impostor::of({.kind = frame_kind::link, .flags = frame_header::foreign})});
  expect_dropped({impostor::of({.kind = frame_kind::message, .flags = frame_header::foreign})});
  expect_dropped({impostor::of({.kind = frame_kind::message, .stages = 9})});
}

TEST_F(TransportDamageTest, PartsThatDoNotAddUpAreTheEnd) {
  const auto part = [](std::uint64_t whole, std::size_t bytes) {
    frame_buffer frame = impostor::of({.kind = frame_kind::part, .mid = whole});
    frame.resize(frame.size() + bytes, 'x');
    return frame;
  };
  expect_dropped({part(0, 10)});
  expect_dropped({part(std::numeric_limits<std::uint64_t>::max(), 10)});
  expect_dropped({part(100, 0)});
  expect_dropped({part(100, 101)});
  expect_dropped({part(100, 50), part(100, 51)});
  expect_dropped({part(100, 50), part(200, 50)});
  expect_dropped({part(10, 10)});  // less than a header
  frame_buffer nested = impostor::of({.kind = frame_kind::part, .mid = 40});
  append(nested, frame_header{.kind = frame_kind::part, .mid = 8});
  nested.resize(nested.size() + 8);
  expect_dropped({nested});
}

TEST_F(TransportDamageTest, LoansThatDoNotAddUpAreTheEnd) {
  const auto with = [&](std::uint32_t loans, std::uint8_t flags,
                        const std::vector<loan_size>& sizes) {
    frame_buffer frame = impostor::of(
        {.kind = frame_kind::message, .flags = flags, .loans = loans, .target = served.id()});
    frame.resize(frame.size() + 100, 'x');
    for (const loan_size one : sizes) append(frame, one);
    return frame;
  };
  expect_dropped({with(100, 0, {1})});
  expect_dropped({with(std::numeric_limits<std::uint32_t>::max(), 0, {1})});
  expect_dropped({with(1, 0, {101})});
  expect_dropped({with(2, frame_header::whole, {60, 41})});
  expect_dropped({with(1, 0, {std::numeric_limits<loan_size>::max()})});
  expect_dropped({impostor::of({.kind = frame_kind::lent, .mid = 1})});  // nobody has asked
}

TEST_F(TransportDamageTest, LoansThatAreNotThereCostTheMessage) {
  impostor one{group, own};
  one.greet();
  for (const std::uint8_t whole : {std::uint8_t{0}, frame_header::whole}) {
    frame_header header{.kind = frame_kind::message,
                        .flags = static_cast<std::uint8_t>(frame_header::lent | whole),
                        .loans = 1};
    frame_buffer frame = message(caf::make_message(count_atom_v, 1), header);
    append(frame, loan_size{10});
    one.send(frame);
  }
  // They may be promised before the pipe is open, and the pipe may stay empty.
  one.send(impostor::of({.kind = frame_kind::lend}));
  one.send(message(caf::make_message(count_atom_v, 7)));
  EXPECT_TRUE(eventually([&] { return ask<int>(own.self, served, count_atom_v) == 7; }));
  EXPECT_TRUE(one.is_connected());
}

TEST_F(TransportDamageTest, AMessageThatCannotBeReadCostsTheMessage) {
  impostor one{group, own};
  one.greet();
  const frame_buffer whole = message(caf::make_message(count_atom_v, 1, std::string(50, 'x')));
  for (std::size_t bytes = sizeof(frame_header); bytes < whole.size(); ++bytes)
    one.send({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(bytes)});
  one.send(message(caf::make_message(count_atom_v, 7)));
  EXPECT_TRUE(eventually([&] { return ask<int>(own.self, served, count_atom_v) == 7; }));
  EXPECT_TRUE(one.is_connected());
}

TEST_F(TransportDamageTest, MessagesWithBytesChangedAtRandomDoNoHarm) {
  std::mt19937 random{4711};
  const auto any = [&](std::size_t below) {
    return std::uniform_int_distribution<std::size_t>{0, below - 1}(random);
  };
  const std::vector<frame_buffer> models{
      message(caf::make_message(1)),
      message(caf::make_message(std::string(40, 'y'), point{1, "name"})),
      message(caf::make_message(char_vector(100, 'z'))),
      message(caf::make_message(caf::actor{served}, caf::exit_reason::kill)),
      message(caf::make_message(std::vector<std::string>{"a", "b"}),
              {.kind = frame_kind::message, .source = 77}),
      impostor::of({.kind = frame_kind::watch, .target = served.id()}),
      impostor::of({.kind = frame_kind::ping, .mid = 5}),
      impostor::of({.kind = frame_kind::lend}),
      carried(caf::make_message(actors::shared_bytes{std::vector<std::byte>(50)}, 5)),
  };
  auto one = std::make_unique<impostor>(group, own);
  one->greet();
  for (int i = 0; i < 1500; ++i) {
    frame_buffer frame = models[any(models.size())];
    for (std::size_t change = 0; change <= any(3); ++change) {
      // Not its target: what our actor does with a message of random types is its own affair.
      const std::size_t place = any(frame.size());
      if (place >= 24 && place < 32) continue;
      frame[place] = static_cast<char>(random());
    }
    // A link is none of them: our actor would end with this peer, and rightly so.
    if (frame[0] == static_cast<char>(frame_kind::link)) continue;
    if (frame[0] == static_cast<char>(frame_kind::message)) {
      const std::uint64_t nobody = 1'000'000;
      std::memcpy(frame.data() + 24, &nobody, sizeof nobody);
    }
    one->send(frame);
    if (i % 10 == 0 && !one->is_connected()) {
      one = std::make_unique<impostor>(group, own);
      one->greet();
    }
  }
}

}  // namespace
}  // namespace test
