/// Messages inside of messages: what codecs of composed types are made of.
///
///   in place   its bytes
///   range      u64 count, the elements' bytes
///   encoded    u64 length, what its codec writes
#pragma once

#include <hawser/shm/codec.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ranges>
#include <span>
#include <vector>

namespace hawser::shm::detail {

/// Throws `damaged`: the bytes are not what the type writes.
[[noreturn]] void refuse_encoding(const char* why);

inline void put_bytes(const void* data, std::size_t bytes, std::vector<std::byte>& out) {
  const auto* first = static_cast<const std::byte*>(data);
  out.insert(out.end(), first, first + bytes);
}
inline void put_number(std::uint64_t number, std::vector<std::byte>& out) {
  put_bytes(&number, sizeof number, out);
}

/// Takes bytes from the front of a message; throws `damaged` beyond its end.
class byte_reader {
 public:
  explicit byte_reader(std::span<const std::byte> bytes) noexcept : rest_(bytes) {}

  std::span<const std::byte> take(std::uint64_t bytes) {
    if (bytes > rest_.size()) refuse_encoding("it ends in the middle of a value");
    const auto taken = rest_.first(static_cast<std::size_t>(bytes));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }
  std::uint64_t take_number() {
    std::uint64_t number;
    std::memcpy(&number, take(sizeof number).data(), sizeof number);
    return number;
  }
  /// A count of values of at least a byte each.
  std::uint64_t take_count() {
    const std::uint64_t count = take_number();
    if (count > rest_.size()) refuse_encoding("it counts more values than it has bytes");
    return count;
  }
  void expect_end() const {
    if (!rest_.empty()) refuse_encoding("bytes are left over");
  }

 private:
  std::span<const std::byte> rest_;
};

template <message T>
void put(const T& value, std::vector<std::byte>& out) {
  if constexpr (in_place_message<T>) {
    put_bytes(&value, sizeof(T), out);
  } else if constexpr (range_message<T>) {
    put_number(std::ranges::size(value), out);
    const auto bytes = std::as_bytes(std::span{std::ranges::data(value), std::ranges::size(value)});
    out.insert(out.end(), bytes.begin(), bytes.end());
  } else {
    const std::size_t at = out.size();
    put_number(0, out);
    codec<T>::encode(value, out);
    const std::uint64_t length = out.size() - at - sizeof(std::uint64_t);
    std::memcpy(out.data() + at, &length, sizeof length);
  }
}

template <message T>
T get(byte_reader& in) {
  if constexpr (in_place_message<T>) {
    struct image {
      alignas(T) std::byte bytes[sizeof(T)];
    } copy;
    std::memcpy(copy.bytes, in.take(sizeof(T)).data(), sizeof(T));
    if constexpr (std::is_same_v<T, bool>) {
      if (copy.bytes[0] > std::byte{1}) refuse_encoding("a truth value that is neither");
    }
    return std::bit_cast<T>(copy);
  } else if constexpr (range_message<T>) {
    using element = std::ranges::range_value_t<T>;
    const std::uint64_t count = in.take_count();
    const auto bytes = in.take(count * sizeof(element));  // count is at most what is left
    if constexpr (alignof(element) == 1) {
      const auto* first = reinterpret_cast<const element*>(bytes.data());
      return T(first, first + count);
    } else {
      // Inside of a message it may stand anywhere.
      std::vector<element> aligned(static_cast<std::size_t>(count));
      if (count != 0) std::memcpy(aligned.data(), bytes.data(), bytes.size());
      return T(aligned.data(), aligned.data() + aligned.size());
    }
  } else {
    return codec<T>::decode(in.take(in.take_number()));
  }
}

}  // namespace hawser::shm::detail
