#include "job.hpp"

#include <cstring>
#include <stdexcept>
#include <type_traits>

namespace producer_consumer {

namespace {

struct job_header {
  std::uint64_t sequence;
  std::uint64_t chain;
  std::int32_t error;
  std::uint32_t hold;
};
static_assert(job::bytes_max == sizeof(job_header) + path_bytes_max);

struct report_header {
  std::int32_t what;
  std::int32_t sender;
  std::uint64_t jobs;
  outcome of_job;
};
static_assert(report::bytes_max == sizeof(report_header) + path_bytes_max);
static_assert(std::is_trivially_copyable_v<outcome>);

void append(std::vector<std::byte>& out, const void* bytes, std::size_t size) {
  const auto* const begin = static_cast<const std::byte*>(bytes);
  out.insert(out.end(), begin, begin + size);
}

/// Takes `size` bytes off the front of what is left.
std::span<const std::byte> take(std::span<const std::byte>& left, std::size_t size) {
  if (size > left.size()) throw std::invalid_argument{"a message is cut short"};
  const auto front = left.first(size);
  left = left.subspan(size);
  return front;
}

template <class T>
T take(std::span<const std::byte>& left) {
  T value;
  std::memcpy(&value, take(left, sizeof value).data(), sizeof value);
  return value;
}

std::string text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

std::uint64_t chain(std::uint64_t before, const std::string& path) {
  // c_str(), for the zero at the end: "a", "bc" is another walk than "ab", "c".
  std::uint64_t hash = before;
  for (std::size_t i = 0; i <= path.size(); ++i)
    hash = (hash ^ static_cast<unsigned char>(path.c_str()[i])) * 0x100000001b3;
  return hash;
}

}  // namespace producer_consumer

namespace hawser::shm {

using namespace producer_consumer;

void codec<job>::encode(const job& value, std::vector<std::byte>& out) {
  const job_header header{value.sequence, value.chain, value.error, value.hold ? 1U : 0U};
  append(out, &header, sizeof header);
  append(out, value.path.data(), value.path.size());
}

job codec<job>::decode(std::span<const std::byte> bytes) {
  const auto header = take<job_header>(bytes);
  return {header.sequence, header.chain, header.error, header.hold != 0, text(bytes)};
}

void codec<report>::encode(const report& value, std::vector<std::byte>& out) {
  const report_header header{static_cast<std::int32_t>(value.what), value.sender, value.jobs,
                             value.of_job};
  append(out, &header, sizeof header);
  append(out, value.path.data(), value.path.size());
}

report codec<report>::decode(std::span<const std::byte> bytes) {
  const auto header = take<report_header>(bytes);
  return {static_cast<report::kind>(header.what), header.sender, header.jobs, header.of_job,
          text(bytes)};
}

}  // namespace hawser::shm
