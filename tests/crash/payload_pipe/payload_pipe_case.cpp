#include "payload_pipe_case.hpp"

namespace hawser::test {

std::vector<std::vector<std::uint64_t>> payload_pipe_outcomes(const payload_pipe_case& c) {
  using enum payload_pipe_operation;
  std::vector<std::uint64_t> before;
  for (std::size_t i = 0; i < c.out; ++i) before.push_back(pp_out + i);
  std::vector<std::uint64_t> after = before;
  if (c.what == send_wait || (c.what == send && c.out < pp_room)) after.push_back(pp_of_victim);
  if (after == before) return {before};
  return {before, after};
}

std::vector<payload_pipe_case> payload_pipe_cases() {
  using enum payload_pipe_operation;
  using enum payload_pipe_sleeper;
  constexpr auto end = payload_pipe_remains::end, both = payload_pipe_remains::both;
  constexpr std::size_t all = pp_chunks, large = pp_large;
  return {
      {.name = "send.empty", .what = send},
      {.name = "send.one", .what = send, .out = 1, .in = 1},
      {.name = "send.full", .what = send, .out = pp_room},
      {.name = "send.large", .what = send, .bytes = large},
      {.name = "send.empty+receiver", .what = send, .other = receiver},
      {.name = "send.large+receiver", .what = send, .bytes = large, .other = receiver},
      {.name = "send.last_chunk+loaner", .what = send, .held = all - 1, .other = loaner},
      {.name = "send_wait.full", .what = send_wait, .out = pp_room},
      {.name = "receive.empty", .what = receive},
      {.name = "receive.one", .what = receive, .in = 1},
      {.name = "receive.two", .what = receive, .out = 1, .in = 2},
      {.name = "receive.large", .what = receive, .in = 1, .bytes = large},
      {.name = "receive.full+sender", .what = receive, .other = sender},
      {.name = "receive.two+loaner", .what = receive, .in = 2, .held = all - 2, .other = loaner},
      {.name = "receive_wait.empty", .what = receive_wait},
      {.name = "close.empty", .what = close},
      {.name = "close.two", .what = close, .out = 1, .in = 2},
      {.name = "close.large", .what = close, .in = 1, .bytes = large},
      {.name = "close.empty+receiver", .what = close, .other = receiver},
      {.name = "close.full+sender", .what = close, .other = sender},
      {.name = "close.two+loaner", .what = close, .in = 2, .held = all - 2, .other = loaner},
      {.name = "close_sending.one", .what = close_sending, .out = 1, .in = 1},
      {.name = "close_sending.empty+receiver", .what = close_sending, .other = receiver},
      {.name = "attach.empty", .what = attach},
      {.name = "attach.two", .what = attach, .in = 2},
      {.name = "attach.two+loaner", .what = attach, .in = 2, .held = all - 2, .other = loaner},
      {.name = "detach.two", .what = detach, .out = 1, .in = 2},
      {.name = "detach.two+loaner", .what = detach, .in = 2, .held = all - 2, .other = loaner},
      {.name = "sweep.end", .what = sweep, .out = 2, .in = 3, .corpse = end},
      {.name = "sweep.large", .what = sweep, .in = 1, .bytes = large, .corpse = end},
      {.name = "sweep.both", .what = sweep, .out = 1, .corpse = both},
      {.name = "sweep.end+loaner",
       .what = sweep,
       .in = 2,
       .held = all - 2,
       .corpse = end,
       .other = loaner},
  };
}

}  // namespace hawser::test
