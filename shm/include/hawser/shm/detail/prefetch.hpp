/// Asking for a cache line before it is needed.
#pragma once

namespace hawser::shm::detail {

/// Asks the processor to fetch the line of `address` and to own it, so that a later store need
/// not wait for the other side's cache. Touches nothing.
inline void prefetch_to_write(const void* address) noexcept {
#if defined(__x86_64__) || defined(__i386__)
  // Without -mprfchw, __builtin_prefetch(address, 1) fetches a shared copy only.
  asm volatile("prefetchw %0" : : "m"(*static_cast<const char*>(address)));
#else
  __builtin_prefetch(address, 1);
#endif
}

}  // namespace hawser::shm::detail
