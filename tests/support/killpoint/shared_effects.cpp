#include "shared_effects.hpp"

#include <sys/uio.h>

namespace hawser::test::killpoint {

void shared_effects::find_mappings() {
  ranges_ = shared_mappings(pid_);
  std::size_t bytes = 0;
  for (const address_range& range : ranges_) bytes += range.end - range.begin;
  seen_.assign(bytes, std::byte{0});
  now_.assign(bytes, std::byte{0});
  read(seen_);
}

void shared_effects::read(std::vector<std::byte>& into) const {
  if (into.empty()) return;
  const iovec local{into.data(), into.size()};
  std::vector<iovec> remote;
  for (const address_range& range : ranges_)
    remote.push_back({reinterpret_cast<void*>(range.begin), range.end - range.begin});  // NOLINT
  // A range that vanished leaves zeros behind: different, so it counts.
  process_vm_readv(pid_, &local, 1, remote.data(), remote.size(), 0);
}

bool shared_effects::after_step(bool was_system_call) {
  if (was_system_call) {
    find_mappings();  // the call may have mapped or unmapped some
    return true;
  }
  read(now_);
  if (now_ == seen_) return false;
  seen_.swap(now_);
  return true;
}

}  // namespace hawser::test::killpoint
