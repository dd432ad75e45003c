/// The actors of the Savina benchmarks, and what makes them in another process.
#pragma once

#include "subjects/actors_ways.hpp"

#include <vector>

// clang-format off
CAF_BEGIN_TYPE_ID_BLOCK(bench_savina, caf::first_custom_type_id + 100)
  CAF_ADD_ATOM(bench_savina, hawser::bench, make_atom, "make")
  CAF_ADD_ATOM(bench_savina, hawser::bench, set_up_atom, "set_up")
  CAF_ADD_ATOM(bench_savina, hawser::bench, start_atom, "start")
  CAF_ADD_ATOM(bench_savina, hawser::bench, there_atom, "there")
  CAF_ADD_ATOM(bench_savina, hawser::bench, back_atom, "back")
  CAF_ADD_ATOM(bench_savina, hawser::bench, token_atom, "token")
  CAF_ADD_ATOM(bench_savina, hawser::bench, tick_atom, "tick")
  CAF_ADD_ATOM(bench_savina, hawser::bench, total_atom, "total")
  CAF_ADD_ATOM(bench_savina, hawser::bench, meet_atom, "meet")
  CAF_ADD_ATOM(bench_savina, hawser::bench, move_atom, "move")
  CAF_ADD_ATOM(bench_savina, hawser::bench, pay_in_atom, "pay_in")
  CAF_ADD_ATOM(bench_savina, hawser::bench, done_atom, "done")
CAF_END_TYPE_ID_BLOCK(bench_savina)
// clang-format on

namespace hawser::bench {

/// What a host can make.
enum class savina_actor : int { echoing, passing, counting, pinging, mall, chameneo, account };

/// Makes actors in its process for the driver: asked (make, int), it answers with one.
caf::behavior savina_host(caf::event_based_actor* self);

}  // namespace hawser::bench
