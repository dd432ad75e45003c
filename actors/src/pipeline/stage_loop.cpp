#include "stage_loop.hpp"

#include <hawser/actors/detail/describe_exception.hpp>

#include <exception>
#include <stdexcept>

namespace hawser::actors::detail {
namespace {

/// What a message becomes, into `out`. False: a dead letter.
bool work_on(const stage_place& place, const stage_function& run, const message_reader& message,
             unsigned attempts, byte_buffer& out) {
  dead_letter dead{place.stage, message.rest, {}, attempts - 1};
  const auto give_up = [&](message_kind why) {
    write_dead_letter(out, message.number, why, dead, place.results.message_bytes_max());
    return false;
  };
  // Those before have died of it, or while they had it.
  if (attempts > place.retries + 1) return give_up(message_kind::lost);
  try {
    begin_message(out, message.number, message_kind::value);
    run(message.rest, out);
    const bool is_last = &place.next == &place.results;
    const std::size_t most = place.next.message_bytes_max() - (is_last ? dead_letter_bytes : 0);
    if (out.size() > most)
      throw std::length_error("its result has " + std::to_string(out.size() - message_head) +
                              " bytes, and message_bytes_max of " + place.next_limit +
                              " allows for " + std::to_string(most - message_head) +
                              "; raise that, or hand on a path or a shared_array");
    return true;
  } catch (...) {
    dead.thrown = describe_exception(std::current_exception());
    return give_up(message_kind::thrown);
  }
}

}  // namespace

void work_on_stage(const stage_place& place, const stage_function& run,
                   const std::atomic<bool>& stops) {
  stage_slot_writer slot{place.slot};
  byte_buffer out;
  for (;;) {
    auto lease = place.given.lease();
    // Relaxed: the queues, which are closed behind it, say the same.
    if (!lease || stops.load(std::memory_order_relaxed)) return;
    const auto bytes = *lease;
    const message_reader message = read_message(bytes.data(), bytes.size());
    slot.begin(message.number);
    const bool well = work_on(place, run, message, lease.attempts(), out);
    slot.pushing(well);
    if ((well ? place.next : place.results).push(out) != shm::push_status::ok) return;
    lease.ack();
    slot.ended();
  }
}

}  // namespace hawser::actors::detail
