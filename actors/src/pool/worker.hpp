/// A worker that is a process: what it is started with, and what it tells the desk of its pool.
#pragma once

#include "scheduler.hpp"
#include <hawser/actors/caf_compat.hpp>

#include <caf/actor_system_config.hpp>

#include <chrono>
#include <cstdint>
#include <string>

// clang-format off
CAF_BEGIN_TYPE_ID_BLOCK(hawser_pool, 2050)
  CAF_ADD_TYPE_ID(hawser_pool, (hawser::actors::detail::references))
  CAF_ADD_TYPE_ID(hawser_pool, (hawser::actors::detail::worker_report))
  CAF_ADD_ATOM(hawser_pool, hawser::actors::detail, hello_atom, "hwpl_hello")
  CAF_ADD_ATOM(hawser_pool, hawser::actors::detail, run_atom, "hwpl_run")
  CAF_ADD_ATOM(hawser_pool, hawser::actors::detail, report_atom, "hwpl_rep")
  CAF_ADD_ATOM(hawser_pool, hawser::actors::detail, large_atom, "hwpl_large")  // to be acknowledged
  CAF_ADD_ATOM(hawser_pool, hawser::actors::detail, stop_atom, "hwpl_stop")
  CAF_ADD_ATOM(hawser_pool, hawser::actors::detail, ended_atom, "hwpl_end")
  CAF_ADD_ATOM(hawser_pool, hawser::actors::detail, look_atom, "hwpl_look")
CAF_END_TYPE_ID_BLOCK(hawser_pool)
// clang-format on

namespace hawser::actors::detail {

/// Chunks take about a millisecond: the transport's thread runs them as it finds them, in the worker,
/// which has nothing better to do, and so it does with their results in the pool.
constexpr std::chrono::milliseconds inline_max{5};

struct worker_start {
  std::string group;
  std::uint32_t mode = 0600;
  std::string desk;
  std::uint64_t id = 0;
  std::uint64_t memory_limit = 0;
  std::int64_t cpu_limit_s = 0;
  byte_buffer initializer;

  template <class Inspector>
  friend auto inspect(Inspector& f, worker_start& x) {
    HAWSER_INSPECT(f, "hawser::actors::detail::worker_start", x.group, x.mode, x.desk, x.id,
                   x.memory_limit, x.cpu_limit_s, x.initializer);
  }
};

template <class Inspector>
auto inspect(Inspector& f, worker_report& x) {
  HAWSER_INSPECT(f, "hawser::actors::detail::worker_report", x.results, x.with, x.busy_ns);
}

/// The entry that such a process is started with.
const char* worker_entry();

}  // namespace hawser::actors::detail

HAWSER_REGISTER(hawser_pool);
