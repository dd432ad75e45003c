// The byte stream, and the iostream over it.

#include "segment_support.hpp"
#include <hawser/shm/byte_streambuf.hpp>

#include <gtest/gtest.h>

#include <future>
#include <istream>
#include <string>
#include <vector>

namespace hawser {
namespace {

using namespace std::chrono_literals;
using shm::push_status;
using shm::take_status;
using test::child;
using test::unique_name;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span{text.data(), text.size()});
}
std::string pattern(std::size_t bytes) {
  std::string text(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>(i * 31 + i / 251);
  return text;
}
std::string read_some(shm::byte_stream& from, std::size_t most) {
  std::string text(most, '\0');
  text.resize(from.read_some(std::as_writable_bytes(std::span{text})));
  return text;
}

struct both {
  explicit both(std::size_t bytes = 1024) : a{create_only, name, {.bytes = bytes}} {}
  std::string name = unique_name();
  shm::byte_stream a;
  shm::byte_stream b{open_only, name};
};

TEST(ByteStreamTest, ReadsWhatIsThereInPiecesOfAnySize) {
  both s;
  EXPECT_EQ(s.a.write(bytes_of("hello ")).bytes, 6U);
  EXPECT_EQ(s.a.write(bytes_of("world")).bytes, 5U);
  EXPECT_EQ(read_some(s.b, 3), "hel");
  EXPECT_EQ(read_some(s.b, 5), "lo wo");
  EXPECT_EQ(read_some(s.b, 100), "rld");
  std::byte one;
  EXPECT_EQ(s.b.try_read_some({&one, 1}), std::pair(std::size_t{0}, take_status::empty));
  EXPECT_EQ(s.b.read_some_for({&one, 1}, 1ms), std::pair(std::size_t{0}, take_status::timed_out));
  EXPECT_EQ(s.b.read_some({}), 0U);
  EXPECT_EQ(s.a.write({}).status, push_status::ok);
}

TEST(ByteStreamTest, TryWriteFillsTheRingAndSaysFull) {
  both s{256};
  const std::string all = pattern(1000);
  const auto first = s.a.try_write(bytes_of(all));
  EXPECT_EQ(first.status, push_status::ok);
  EXPECT_GT(first.bytes, 200U);
  EXPECT_EQ(s.a.try_write(bytes_of(all)).status, push_status::full);
  EXPECT_EQ(s.a.write_for(bytes_of(all), 1ms).status, push_status::timed_out);
  EXPECT_EQ(read_some(s.b, 1000), all.substr(0, first.bytes));
}

TEST(ByteStreamTest, MovesManyBytesThroughASmallRing) {
  both s{256};
  const std::string all = pattern(200'000);
  auto writer = std::async(std::launch::async, [&] {
    std::size_t at = 0;
    for (std::size_t n = 1; at < all.size(); n = n % 700 + 13) {
      const auto piece = bytes_of(all).subspan(at, std::min(n, all.size() - at));
      if (s.a.write(piece).bytes != piece.size()) return false;
      at += piece.size();
    }
    s.a.close_writing();
    return true;
  });
  std::string got;
  for (std::size_t n = 1;; n = n % 90 + 7) {
    const std::string piece = read_some(s.b, n);
    if (piece.empty()) break;
    got += piece;
  }
  EXPECT_TRUE(writer.get());
  EXPECT_TRUE(got == all);
  EXPECT_EQ(s.b.write(bytes_of("still open")).bytes, 10U);
  EXPECT_EQ(read_some(s.a, 100), "still open");
}

TEST(ByteStreamTest, AKilledPeerIsEndOfFileAfterWhatItWrote) {
  auto mine = shm::byte_stream::anonymous();
  child peer{[&](const child::report& ready) {
    shm::byte_stream theirs{open_only, mine.name()};
    theirs.write(bytes_of(pattern(5000)));
    ready();
    pause();
    return 0;
  }};
  ASSERT_TRUE(peer.await_report());
  EXPECT_FALSE(test::exists_in_shm(mine.name()));
  peer.signal(SIGKILL);
  std::string got(10'000, '\0');
  got.resize(mine.read(std::as_writable_bytes(std::span{got})));
  EXPECT_TRUE(got == pattern(5000));
  EXPECT_EQ(mine.write(bytes_of("x")).status, push_status::closed);
}

TEST(ByteStreamTest, IsNoPipeOfMessages) {
  const std::string name = unique_name();
  shm::byte_stream a{create_only, name};
  EXPECT_ERROR(errc::type_mismatch, "it carries a stream of bytes",
               shm::pipe<std::string>(open_only, name));
}

TEST(ByteStreamTest, AnIostreamTalksOverIt) {
  auto stream = shm::byte_stream::anonymous({.bytes = 1024});
  child peer{[&](const child::report&) {
    shm::byte_stream theirs{open_only, stream.name()};
    shm::byte_streambuf buffer{theirs};
    std::iostream talk{&buffer};
    std::size_t sum = 0;
    for (std::string line; std::getline(talk, line);) {
      sum += line.size();
      talk << "you said " << line << std::endl;
    }
    return static_cast<int>(sum % 100);
  }};
  shm::byte_streambuf buffer{stream};
  std::iostream talk{&buffer};
  std::string answer;
  talk << "hello" << std::endl;
  std::getline(talk, answer);
  EXPECT_EQ(answer, "you said hello");
  const std::string longer(10'000, 'x');
  talk << longer << std::endl;
  std::getline(talk, answer);
  EXPECT_EQ(answer, "you said " + longer);
  stream.close_writing();
  EXPECT_FALSE(std::getline(talk, answer));
  EXPECT_TRUE(talk.eof());
  EXPECT_EQ(peer.join(), 5);
  talk.clear();
  EXPECT_FALSE(talk << "anybody?" << std::flush);
}

}  // namespace
}  // namespace hawser
