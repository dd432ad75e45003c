#include "channel_reader.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>

#include <cxxabi.h>
#include <unistd.h>

namespace hawser::shm::detail {
namespace {

constexpr std::array kinds{
    kind_entry{channel_kind::queue, "queue", read_queue},
    kind_entry{channel_kind::pipe, "pipe", read_pipe},
    kind_entry{channel_kind::semaphore, "semaphore", read_permits},
    kind_entry{channel_kind::lock, "lock", read_permits},
    kind_entry{channel_kind::shared_lock, "shared_lock", read_permits},
    kind_entry{channel_kind::guarded, "guarded", read_permits},
    kind_entry{channel_kind::value, "value", read_value},
    kind_entry{channel_kind::array, "array", read_array},
    kind_entry{channel_kind::payload_pool, "payload_pool", read_pool},
    kind_entry{channel_kind::topic, "topic", read_topic},
    kind_entry{channel_kind::event, "event", read_event},
    kind_entry{channel_kind::door, "door", read_door},
};

}  // namespace

bool body_reader::read(std::size_t offset, void* to, std::size_t size) const noexcept {
  if (offset > bytes_ || size > bytes_ - offset) return false;
  auto* at = static_cast<std::byte*>(to);
  auto from = static_cast<off_t>(body_offset + offset);
  while (size > 0) {
    const ssize_t got = pread(fd_, at, size, from);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    from += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

const kind_entry* find_kind(channel_kind kind) noexcept {
  const auto* const found = std::find_if(
      kinds.begin(), kinds.end(), [&](const kind_entry& entry) { return entry.kind == kind; });
  return found != kinds.end() ? found : nullptr;
}

std::string with_article(channel_kind kind) {
  const kind_entry* const entry = find_kind(kind);
  if (entry == nullptr)
    return "of an unknown kind (" + std::to_string(static_cast<std::uint32_t>(kind)) + ")";
  const bool vowel = std::string_view{"aeio"}.find(entry->word.front()) != std::string_view::npos;
  return std::string{vowel ? "an " : "a "}.append(entry->word);
}

std::string readable_type(std::string_view mangled) {
  std::string result{mangled};
  int status = 0;
  if (char* const text = abi::__cxa_demangle(result.c_str(), nullptr, nullptr, &status)) {
    if (status == 0) result = text;
    std::free(text);  // NOLINT: __cxa_demangle allocates with malloc
  }
  // 127 characters of a damaged segment can unfold to half a million.
  constexpr std::size_t longest = 400;
  if (result.size() > longest) result.replace(longest, std::string::npos, "...");
  std::replace_if(
      result.begin(), result.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return result;
}

}  // namespace hawser::shm::detail
