#include <hawser/shm/detail/spin.hpp>

#include <sched.h>

namespace hawser::shm::detail {

int processors() noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 2;
}

}  // namespace hawser::shm::detail
