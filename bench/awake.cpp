#include "awake.hpp"

#include "processes.hpp"
#include <hawser/shm/detail/futex.hpp>

#include <cerrno>
#include <csignal>
#include <system_error>

#include <sched.h>
#include <sys/wait.h>

namespace hawser::bench {
namespace {

void spin_on(int cpu) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<std::size_t>(cpu), &one);
  const sched_param none{};
  if (sched_setaffinity(0, sizeof one, &one) != 0 || sched_setscheduler(0, SCHED_IDLE, &none) != 0)
    throw std::system_error{errno, std::generic_category(), "sched_setscheduler"};
  for (;;) shm::detail::cpu_relax();
}

}  // namespace

awake_cpus::awake_cpus() {
  const auto [first, second] = measuring_cpus();
  for (const int cpu : {first, second})
    spinning_.push_back(start_process({"keeping awake", anywhere, [cpu] { spin_on(cpu); }}));
}

awake_cpus::~awake_cpus() {
  for (const pid_t one : spinning_) kill(one, SIGKILL);
  for (const pid_t one : spinning_)
    while (waitpid(one, nullptr, 0) < 0 && errno == EINTR) {
    }
}

}  // namespace hawser::bench
