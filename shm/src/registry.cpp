#include "channel_reader.hpp"
#include "monitor.hpp"
#include "segment_file.hpp"
#include <hawser/shm/error.hpp>
#include <hawser/shm/registry.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <system_error>
#include <tuple>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hawser::shm {
namespace {

using detail::segment_layout;

std::chrono::system_clock::time_point time_of(std::uint64_t ns) {
  using time = std::chrono::system_clock;
  return time::time_point{std::chrono::duration_cast<time::duration>(
      std::chrono::nanoseconds{static_cast<std::int64_t>(ns)})};
}

/// The owner and the name in a file's name, if it is one of ours.
bool parse(std::string_view file, uid_t& owner, std::string& name) {
  constexpr std::string_view prefix = "hawser.";
  if (!file.starts_with(prefix)) return false;
  const char* const end = file.data() + file.size();
  const auto [dot, status] = std::from_chars(file.data() + prefix.size(), end, owner);
  if (status != std::errc{} || dot == end || *dot != '.') return false;
  const std::string_view rest{dot + 1, end};
  if (owner != geteuid()) name = "~" + std::to_string(owner) + "/";
  try {
    if (detail::resolve(name.append(rest), "list").file != file) return false;
  } catch (const error&) {
    return false;  // nobody could open it by that name
  }
  return true;
}

void read_participants(int fd, const segment_layout& all, channel_info& into) {
  const std::uint64_t here = detail::own_pid_namespace();
  const std::uint32_t highest =
      std::min(all.header.highest_id.load(std::memory_order_relaxed), detail::participants_max);
  for (std::uint32_t id = 1; id <= highest; ++id) {
    const auto& row = all.rows[id];
    if (row.tag.load(std::memory_order_relaxed) == 0) continue;
    into.participants.push_back({id, static_cast<pid_t>(row.pid), detail::is_alive(fd, id),
                                 row.pid_namespace == here, time_of(row.since_ns)});
  }
}

/// What is wrong with the header; empty: nothing.
std::string judge(const detail::segment_header& header, std::size_t bytes) {
  if (header.magic != detail::segment_magic) return "it is not a Hawser segment";
  if (header.byte_order != detail::byte_order_mark) return "it was written with another byte order";
  if (header.version != detail::layout_version)
    return "its layout has version " + std::to_string(header.version) + ", this program's " +
           std::to_string(detail::layout_version);
  if (header.segment_bytes != bytes)
    return "it should have " + std::to_string(header.segment_bytes) + " bytes and has " +
           std::to_string(bytes);
  return {};
}

void read_segment(int fd, std::size_t bytes, channel_info& into) {
  if (bytes < sizeof(segment_layout)) {
    into.problem = "it has only " + std::to_string(bytes) + " bytes";
    return;
  }
  alignas(segment_layout) std::array<std::byte, sizeof(segment_layout)> copy;
  if (pread(fd, copy.data(), copy.size(), 0) != static_cast<ssize_t>(copy.size())) {
    into.problem = "it was cut while it was read";
    return;
  }
  const auto& all = *reinterpret_cast<const segment_layout*>(copy.data());
  const auto& header = all.header;
  // A pool's file goes on behind its segment (see pool_layout).
  if (header.kind == detail::channel_kind::payload_pool &&
      header.segment_bytes >= sizeof(segment_layout))
    bytes = std::min<std::size_t>(bytes, header.segment_bytes);
  into.problem = judge(header, bytes);
  if (!into.problem.empty()) return;
  into.kept = (header.flags & detail::flag_keep) != 0;
  // While somebody holds the gate, its first process may just be taking its place.
  into.stale =
      !into.kept && !detail::anybody_alive(fd) && !detail::is_locked(fd, detail::gate_byte);
  into.created = time_of(header.created_ns);
  const auto type_end = std::find(header.type_name.begin(), header.type_name.end(), '\0');
  into.type = detail::readable_type({header.type_name.begin(), type_end});
  read_participants(fd, all, into);
  const detail::kind_entry* const kind = detail::find_kind(header.kind);
  if (kind == nullptr) {
    into.problem = "it is " + detail::with_article(header.kind);
    return;
  }
  into.kind = kind->word;
  if (kind->read == nullptr) return;
  const detail::body_reader body{fd, bytes - detail::body_offset};
  if (!kind->read(body, into)) {
    into.details.clear();
    into.counters.clear();
    into.problem = "its " + into.kind + " is damaged";
  }
}

/// One file, for `operation`. False: there is none, or none of ours.
bool look(std::string_view operation, const std::string& file, uid_t named_owner,
          channel_info& into) {
  const std::string path = std::string{detail::directory} + "/" + file;
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) {
    if (detail::out_of_resources(errno))
      throw make_system_error(errno, operation, into.name, "lstat");
    return false;
  }
  if (!S_ISREG(status.st_mode)) return false;
  const detail::descriptor fd{
      ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)};
  const int failure = errno;
  if (!fd && (failure == ENOENT || failure == ELOOP)) return false;
  if (!fd && detail::out_of_resources(failure))
    throw make_system_error(failure, operation, into.name, "open");
  if (fd && (fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_nlink == 0))
    return false;
  const auto bytes = static_cast<std::size_t>(status.st_size);
  into.bytes = std::min(bytes, static_cast<std::size_t>(status.st_blocks) * 512);
  into.mode = status.st_mode & 07777U;
  into.owner = status.st_uid;
  if (!fd) into.problem = std::generic_category().message(failure);
  else if (status.st_uid != named_owner)
    into.problem = "it belongs to user " + std::to_string(status.st_uid);
  else read_segment(fd.get(), bytes, into);
  return true;
}

}  // namespace

std::vector<channel_info> list_channels() {
  std::vector<channel_info> all;
  for (const std::string& file : detail::files_named("hawser.")) {
    channel_info one;
    uid_t owner = 0;
    if (parse(file, owner, one.name) && look("list", file, owner, one))
      all.push_back(std::move(one));
  }
  std::sort(all.begin(), all.end(), [](const channel_info& a, const channel_info& b) {
    return std::tie(a.owner, a.name) < std::tie(b.owner, b.name);
  });
  return all;
}

std::optional<channel_info> find_channel(std::string_view name) {
  const detail::segment_name target = detail::resolve(name, "find");
  channel_info one;
  one.name = name;
  if (!look("find", target.file, target.owner, one)) return std::nullopt;
  return one;
}

}  // namespace hawser::shm
