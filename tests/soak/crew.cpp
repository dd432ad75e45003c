#include "crew.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hawser::test {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

// A worker's turn waits for milliseconds: what takes longer than this hangs, on any machine.
constexpr auto hang_limit = 20s;

void ignore_interrupts() {
  // Ctrl-C goes to everybody; only the first process decides.
  std::signal(SIGINT, SIG_IGN);
  std::signal(SIGTERM, SIG_IGN);
}

}  // namespace

soak_crew::soak_crew(soak_book& book, std::vector<std::unique_ptr<soak_part>> parts,
                     std::size_t workers, std::uint32_t seed)
    : book_(book),
      parts_(std::move(parts)),
      random_(seed),
      statuses_(workers),
      pids_(workers, -1),
      seen_(workers) {
  keeper_ = std::make_unique<killpoint::servant>(
      [this](const std::string& order) { return keep(order); });
}

std::string soak_crew::keep(const std::string& order) {
  ignore_interrupts();
  for (const auto& part : parts_) {
    if (order == "create") part->create();
    else part->settle();
  }
  return "ok";
}

std::uint64_t soak_crew::run(std::chrono::seconds duration, const std::function<bool()>& stop) {
  const auto ask = [&](const char* order) {
    const auto answer = keeper_->ask(order, 60s);
    if (answer != "ok")
      throw std::runtime_error(std::string{"the keeper's "} + order + ": " +
                               answer.value_or("no answer"));
  };
  ask("create");
  for (std::size_t i = 0; i < pids_.size(); ++i) start(i);
  std::uint64_t kills = 0;
  for (const auto end = clock::now() + duration; clock::now() < end && !stop() && book_.clean();) {
    std::this_thread::sleep_for(std::chrono::microseconds{500 + random_() % 6000});
    const std::size_t victim = random_() % pids_.size();
    kill(victim);
    start(victim);
    ++kills;
    look_for_hung(clock::now());
  }
  join_all();
  ask("settle");
  return kills;
}

void soak_crew::start(std::size_t worker) {
  const auto seed = static_cast<std::uint32_t>(random_());
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    work(worker, seed);
  }
  pids_[worker] = pid;
}

void soak_crew::work(std::size_t worker, std::uint32_t seed) {
  ignore_interrupts();
  try {
    std::minstd_rand random{seed};
    std::vector<std::unique_ptr<soak_member>> members;
    for (const auto& part : parts_) members.push_back(part->join(worker));
    while (!stop_[0]) {
      members[random() % members.size()]->work(random);
      statuses_[worker].turns.fetch_add(1, std::memory_order_relaxed);
    }
    members.clear();
  } catch (const std::exception& e) {
    if (!statuses_[worker].failed.exchange(true))
      std::snprintf(failure_[0].data(), failure_[0].size(), "worker %zu: %s", worker, e.what());
    _exit(1);
  }
  _exit(0);
}

void soak_crew::kill(std::size_t worker) noexcept {
  const pid_t pid = std::exchange(pids_[worker], -1);
  if (pid <= 0) return;
  ::kill(pid, SIGKILL);
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void soak_crew::look_for_hung(clock::time_point now) {
  for (std::size_t i = 0; i < seen_.size(); ++i) {
    if (statuses_[i].failed) throw std::runtime_error(failure_[0].data());
    const std::uint64_t turns = statuses_[i].turns;
    if (turns != seen_[i].turns || seen_[i].at == clock::time_point{}) seen_[i] = {turns, now};
    else if (now - seen_[i].at > hang_limit)
      throw std::runtime_error("worker " + std::to_string(i) + " hangs");
  }
}

void soak_crew::join_all() {
  stop_[0] = true;
  for (std::size_t i = 0; i < pids_.size(); ++i) {
    const auto until = clock::now() + hang_limit;
    while (pids_[i] > 0 && waitpid(pids_[i], nullptr, WNOHANG) != pids_[i]) {
      if (clock::now() > until)
        throw std::runtime_error("worker " + std::to_string(i) + " does not end");
      std::this_thread::sleep_for(1ms);
    }
    pids_[i] = -1;
    if (statuses_[i].failed) throw std::runtime_error(failure_[0].data());
  }
}

void soak_crew::end() noexcept {
  for (std::size_t i = 0; i < pids_.size(); ++i) kill(i);
  keeper_.reset();
}

}  // namespace hawser::test
