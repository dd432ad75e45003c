/// Reading a plain field of a segment that somebody may write over meanwhile.
#pragma once

#include <type_traits>

namespace hawser::shm::detail {

/// What stands there now, by one access: the compiler may not read it again after a check.
template <class T>
requires(std::is_trivially_copyable_v<T> && sizeof(T) <= 8) T read_once(const T& field)
noexcept { return *static_cast<const volatile T*>(&field); }

}  // namespace hawser::shm::detail
