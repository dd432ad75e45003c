#include <hawser/shm/detail/spin.hpp>

#include <unistd.h>

namespace hawser::shm::detail {

int processors() noexcept { return static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)); }

}  // namespace hawser::shm::detail
