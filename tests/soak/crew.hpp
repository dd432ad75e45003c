/// The processes of the soak: a keeper that lives, and workers that do not.
#pragma once

#include "part.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <killpoint/servant.hpp>
#include <sys/types.h>

namespace hawser::test {

class soak_crew {
 public:
  soak_crew(soak_book& book, std::vector<std::unique_ptr<soak_part>> parts, std::size_t workers,
            std::uint32_t seed);
  soak_crew(const soak_crew&) = delete;
  soak_crew& operator=(const soak_crew&) = delete;
  ~soak_crew() { end(); }

  /// Kills and restarts workers for `duration`, or until `stop` says so; then lets them end and
  /// has the parts settled.
  ///
  /// Returns    How many were killed.
  /// Errors     std::runtime_error: a worker or the keeper hung or failed.
  std::uint64_t run(std::chrono::seconds duration, const std::function<bool()>& stop);

  /// No process of it is left after this.
  void end() noexcept;

 private:
  struct status {
    std::atomic<std::uint64_t> turns;  // of this worker, whatever process it was
    std::atomic<bool> failed;
  };
  void start(std::size_t worker);
  void kill(std::size_t worker) noexcept;
  void join_all();
  [[noreturn]] void work(std::size_t worker, std::uint32_t seed);
  void look_for_hung(std::chrono::steady_clock::time_point now);
  std::string keep(const std::string& order);

  soak_book& book_;
  std::vector<std::unique_ptr<soak_part>> parts_;
  std::minstd_rand random_;
  shared_table<status> statuses_;
  shared_table<std::atomic<bool>> stop_{1};
  shared_table<std::array<char, 512>> failure_{1};
  std::vector<pid_t> pids_;
  struct seen {
    std::uint64_t turns = 0;
    std::chrono::steady_clock::time_point at;
  };
  std::vector<seen> seen_;
  std::unique_ptr<killpoint::servant> keeper_;
};

}  // namespace hawser::test
