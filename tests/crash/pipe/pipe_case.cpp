#include "pipe_case.hpp"

#include "../queue/queue_messages.hpp"

#include <charconv>

namespace hawser::test {

std::string pipe_message_of(std::uint64_t id, std::size_t bytes) {
  std::string text = std::to_string(id) + ":";
  const std::size_t length = id >= pipe_huge ? pipe_huge_bytes : id >= pipe_in_parts ? 150 : bytes;
  while (text.size() < length)
    text += static_cast<char>('a' + (id + text.size() * text.size()) % 26);
  return text;
}

std::uint64_t pipe_id_of(std::string_view message, std::size_t bytes) {
  std::uint64_t id = 0;
  std::from_chars(message.data(), message.data() + message.size(), id);
  return message == pipe_message_of(id, bytes) ? id : torn;
}

std::vector<std::vector<std::uint64_t>> pipe_outcomes_of(const pipe_case& c) {
  std::vector<std::uint64_t> before;
  if (c.what == pipe_operation::sweep) return {{pipe_of_corpse}};
  for (std::size_t i = 0; i < c.out_left; ++i) before.push_back(1 + c.out_taken + i);
  std::vector<std::uint64_t> after = before;
  // How many messages of c.bytes the ring has room for, when it is as the case begins.
  const std::size_t record = 8 + (c.bytes + 7) / 8 * 8;
  const std::size_t room = (pipe_case_ring - 8) / record - c.out_left;
  switch (c.what) {
    case pipe_operation::send:
      if (room != 0 && !c.peer_closed) after.push_back(pipe_of_victim);
      break;
    case pipe_operation::send_wait: after.push_back(pipe_of_victim); break;
    case pipe_operation::send_batch:
      for (std::uint64_t i = 0; i < 3 && i < room; ++i) after.push_back(pipe_of_victim + i);
      break;
    case pipe_operation::send_parts: after.push_back(pipe_of_victim + pipe_in_parts); break;
    case pipe_operation::send_huge: after.push_back(pipe_of_victim + pipe_huge); break;
    default: break;
  }
  if (after == before) return {before};
  return {before, after};
}

std::vector<pipe_case> pipe_cases() {
  using enum pipe_operation;
  using enum pipe_sleeping;
  return {
      {.name = "send.empty", .what = send},
      {.name = "send.one", .what = send, .out_left = 1},
      {.name = "send.last_room", .what = send, .out_left = 4},
      {.name = "send.full", .what = send, .out_left = 5},
      {.name = "send.fills_ring", .what = send, .out_left = 2, .bytes = 56},
      {.name = "send.exactly_full", .what = send, .out_left = 3, .bytes = 56},
      {.name = "send.needs_pad", .what = send, .out_taken = 5},
      {.name = "send.after_laps", .what = send, .out_taken = 23, .out_left = 1},
      {.name = "send.to_closed", .what = send, .peer_closed = true},
      {.name = "send.empty+receiver", .what = send, .other = receiver},
      {.name = "send.empty+watcher", .what = send, .other = watcher},
      {.name = "send_wait.full", .what = send_wait, .out_left = 5},
      {.name = "send_batch.empty", .what = send_batch},
      {.name = "send_batch.needs_pad", .what = send_batch, .out_taken = 4},
      {.name = "send_batch.begins_with_pad", .what = send_batch, .out_taken = 5},
      {.name = "send_batch.not_all_fit", .what = send_batch, .out_left = 3},
      {.name = "send_batch.empty+receiver", .what = send_batch, .other = receiver},
      {.name = "send_batch.empty+watcher", .what = send_batch, .other = watcher},
      {.name = "send_parts.empty", .what = send_parts},
      {.name = "send_parts.needs_pad", .what = send_parts, .out_taken = 4},
      {.name = "send_parts.empty+receiver", .what = send_parts, .other = receiver},
      {.name = "send_huge.empty", .what = send_huge},
      {.name = "receive.empty", .what = receive},
      {.name = "receive.one", .what = receive, .in_left = 1},
      {.name = "receive.behind_pad", .what = receive, .in_taken = 5, .in_left = 2},
      {.name = "receive.parts", .what = receive, .in_left = 1, .parts = true},
      {.name = "receive.end", .what = receive, .peer_closed = true},
      {.name = "receive.full+sender", .what = receive, .bytes = 56, .other = sender},
      {.name = "receive_wait.empty", .what = receive_wait},
      {.name = "read.one", .what = read, .in_left = 1},
      {.name = "read.full+sender", .what = read, .bytes = 56, .other = sender},
      {.name = "read_batch.four", .what = read_batch, .in_left = 4},
      {.name = "read_batch.behind_pad", .what = read_batch, .in_taken = 4, .in_left = 3},
      {.name = "read_batch.full+sender", .what = read_batch, .other = sender},
      {.name = "read_batch.full+space_watcher", .what = read_batch, .other = space_watcher},
      {.name = "close.one", .what = close, .out_left = 1},
      {.name = "close.empty+receiver", .what = close, .other = receiver},
      {.name = "close.empty+watcher", .what = close, .other = watcher},
      {.name = "close.full+sender", .what = close, .other = sender},
      {.name = "close.full+space_watcher", .what = close, .other = space_watcher},
      {.name = "close_sending.one", .what = close_sending, .out_left = 1},
      {.name = "close_sending.empty+receiver", .what = close_sending, .other = receiver},
      {.name = "close_sending.empty+watcher", .what = close_sending, .other = watcher},
      {.name = "attach.empty", .what = attach},
      {.name = "attach.nameless", .what = attach, .nameless = true},
      {.name = "attach.empty+waiter", .what = attach, .other = waiter},
      {.name = "attach.nameless+waiter", .what = attach, .other = waiter, .nameless = true},
      {.name = "detach.one", .what = detach, .out_left = 1},
      {.name = "detach.empty+receiver", .what = detach, .other = receiver},
      {.name = "detach.full+sender", .what = detach, .other = sender},
      {.name = "detach.empty+watcher", .what = detach, .other = watcher},
      {.name = "sweep.one", .what = sweep},
      {.name = "sweep.one+receiver", .what = sweep, .other = receiver},
      {.name = "sweep.one+watcher", .what = sweep, .other = watcher},
      {.name = "sweep.full+sender", .what = sweep, .other = sender},
  };
}

}  // namespace hawser::test
