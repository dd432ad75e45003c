#include "raw_segment.hpp"

#include <cerrno>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hawser::test {

std::string segment_path(const std::string& queue) {
  return "/dev/shm/hawser." + std::to_string(geteuid()) + "." + queue;
}

std::vector<std::string> segments_with(const std::string& part) {
  std::vector<std::string> found;
  std::error_code ignored;  // a file may vanish while we look
  for (const auto& entry : std::filesystem::directory_iterator("/dev/shm", ignored))
    if (entry.path().filename().string().find(part) != std::string::npos)
      found.push_back(entry.path().string());
  return found;
}

raw_segment::raw_segment(const std::string& queue) {
  const int fd = open(segment_path(queue).c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "open " + queue);
  struct stat status {};
  fstat(fd, &status);
  bytes_ = static_cast<std::size_t>(status.st_size);
  void* memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  const int error = errno;
  close(fd);
  if (memory == MAP_FAILED)
    throw std::system_error(error, std::generic_category(), "mmap " + queue);
  base_ = static_cast<std::byte*>(memory);
}

raw_segment::~raw_segment() { munmap(base_, bytes_); }

std::size_t raw_segment::participants() const {
  std::size_t count = 0;
  for (const auto& row : layout().rows) count += row.tag.load() != 0;
  return count;
}

std::uint32_t raw_segment::own_tag() const {
  for (const auto& row : layout().rows)
    if (row.tag.load() != 0 && row.pid == static_cast<std::uint32_t>(getpid()))
      return row.tag.load();
  return 0;
}

bool raw_segment::is_armed(pid_t process) const {
  for (const auto& row : layout().rows)
    if (row.tag.load() != 0 && row.pid == static_cast<std::uint32_t>(process))
      return row.armed.load() != 0;
  return false;
}

std::size_t raw_segment::occupied() const {
  std::size_t count = 0;
  for (std::uint64_t i = 0; i < queue().slots; ++i)
    count += shm::detail::slot_state{slot_state(i).load()}.kind() != shm::detail::slot_kind::free;
  return count;
}

std::byte* raw_segment::slot(std::uint64_t position) const {
  return base_ + shm::detail::body_offset + sizeof(shm::detail::queue_layout) +
         position % queue().slots * queue().slot_bytes;
}

std::atomic<std::uint64_t>& raw_segment::slot_state(std::uint64_t position) const {
  return *reinterpret_cast<std::atomic<std::uint64_t>*>(slot(position));
}

std::byte* raw_segment::payload(std::uint64_t position) const {
  return slot(position) + queue().payload_offset;
}

}  // namespace hawser::test
