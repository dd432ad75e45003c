/// A std::iostream over a byte_stream.
///
/// ```cpp
/// shm::byte_stream bytes{open_only, "talk"};
/// shm::byte_streambuf buffer{bytes};
/// std::iostream talk{&buffer};
/// talk << "how are you?" << std::endl;                    // sent when it is flushed
/// for (std::string line; std::getline(talk, line);) ...   // ends at end of file
/// ```
#pragma once

#include <hawser/shm/byte_stream.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <streambuf>

namespace hawser::shm {

/// Buffers both directions of a stream, which outlives it. What is written and was not flushed is
/// flushed by the destructor, if the other end still reads.
///
/// Errors     A write to a closed or dead peer sets the iostream's badbit; a read from one is end
///            of file after what it wrote.
/// Blocks     As `byte_stream::read_some` and `write`.
/// Threads    One reads and one writes at a time.
class byte_streambuf : public std::streambuf {
 public:
  explicit byte_streambuf(byte_stream& stream) : stream_(stream) {
    setp(out_.data(), out_.data() + out_.size());
  }
  byte_streambuf(const byte_streambuf&) = delete;
  byte_streambuf& operator=(const byte_streambuf&) = delete;
  ~byte_streambuf() override {
    try {
      byte_streambuf::sync();
    } catch (...) {
      // In a fork: what was not flushed is the parent's.
    }
  }

 protected:
  int_type underflow() override {
    const std::size_t count = stream_.read_some(std::as_writable_bytes(std::span{in_}));
    if (count == 0) return traits_type::eof();
    setg(in_.data(), in_.data(), in_.data() + count);
    return traits_type::to_int_type(*gptr());
  }
  int_type overflow(int_type one) override {
    if (sync() != 0) return traits_type::eof();
    if (traits_type::eq_int_type(one, traits_type::eof())) return traits_type::not_eof(one);
    return sputc(traits_type::to_char_type(one));
  }
  int sync() override {
    const std::span waiting{pbase(), pptr()};
    setp(out_.data(), out_.data() + out_.size());
    return stream_.write(std::as_bytes(waiting)).bytes == waiting.size() ? 0 : -1;
  }
  std::streamsize xsputn(const char* text, std::streamsize count) override {
    // What fills the buffer goes past it.
    if (count < static_cast<std::streamsize>(out_.size()))
      return std::streambuf::xsputn(text, count);
    if (sync() != 0) return 0;
    const std::span all{text, static_cast<std::size_t>(count)};
    return static_cast<std::streamsize>(stream_.write(std::as_bytes(all)).bytes);
  }

 private:
  byte_stream& stream_;
  std::array<char, 4096> in_, out_;
};

}  // namespace hawser::shm
