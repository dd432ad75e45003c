#include "payload_case.hpp"

namespace hawser::test {

std::vector<std::vector<std::uint64_t>> payload_outcomes(const payload_case& c, bool released) {
  using enum payload_operation;
  std::vector<std::uint64_t> before;
  for (std::uint64_t id = 1; id <= c.before; ++id) before.push_back(id);
  if (c.corpse == remains::sent) before.push_back(payload_of_corpse);
  if (c.corpse == remains::acked) before.erase(before.begin());
  if (released && c.what == send_wait) before.erase(before.begin());
  if (released && (c.what == lease_wait || c.what == pop_wait))
    before.push_back(payload_of_release);
  std::vector<std::uint64_t> after = before;
  switch (c.what) {
    case send:
    case send_wait:
      if (before.size() < payload_slots) after.push_back(payload_of_victim);
      break;
    case ack:
    case pop:
    case pop_wait:
      if (!after.empty()) after.erase(after.begin());
      break;
    default: break;  // what it holds is free with its death, what it leased comes back
  }
  if (after == before) return {before};
  return {before, after};
}

std::vector<payload_case> payload_cases() {
  using enum payload_operation;
  constexpr std::size_t all = payload_chunks, large = large_bytes;
  constexpr auto loaner = payload_sleeper::loaner, reader = payload_sleeper::reader;
  return {
      {.name = "loan.free", .what = loan},
      {.name = "loan.last", .what = loan, .held = all - 1},
      {.name = "loan.full", .what = loan, .held = all},
      {.name = "loan.in_messages", .what = loan, .before = 3},
      {.name = "loan.shared", .what = loan, .before = 2, .shared = sharing::dropped},
      {.name = "loan.large", .what = loan, .bytes = large},
      {.name = "loan.large_kept", .what = loan, .bytes = large, .keeps = true},
      {.name = "loan.large_full", .what = loan, .held = 1, .bytes = large},
      {.name = "loan.after_lock", .what = loan, .corpse = remains::locked},
      {.name = "loan.after_owned", .what = loan, .held = all - 1, .corpse = remains::owned},
      {.name = "loan.after_unsent", .what = loan, .held = all - 1, .corpse = remains::unsent},
      {.name = "loan.full+loaner", .what = loan, .held = all, .other = loaner},
      {.name = "loan_wait.full", .what = loan_wait, .held = all},
      {.name = "loan_wait.large", .what = loan_wait, .held = 1, .bytes = large},
      {.name = "release.one", .what = release},
      {.name = "release.last_chunk", .what = release, .held = all - 1},
      {.name = "release.last_chunk+loaner", .what = release, .held = all - 1, .other = loaner},
      {.name = "release.large", .what = release, .bytes = large},
      {.name = "release.large_kept", .what = release, .bytes = large, .keeps = true},
      {.name = "release.large+loaner", .what = release, .bytes = large, .other = loaner},
      {.name = "share.one", .what = share},
      {.name = "share.large", .what = share, .bytes = large},
      {.name = "share.last_chunk+loaner", .what = share, .held = all - 1, .other = loaner},
      {.name = "send.empty", .what = send},
      {.name = "send.one", .what = send, .before = 1},
      {.name = "send.full", .what = send, .before = 3},
      {.name = "send.large", .what = send, .bytes = large},
      {.name = "send.empty+reader", .what = send, .other = reader},
      {.name = "send.large+reader", .what = send, .bytes = large, .other = reader},
      {.name = "send.last_chunk+loaner", .what = send, .held = all - 1, .other = loaner},
      {.name = "send_wait.full", .what = send_wait, .before = 3},
      {.name = "lease.empty", .what = lease},
      {.name = "lease.one", .what = lease, .before = 1},
      {.name = "lease.shared", .what = lease, .before = 1, .shared = sharing::kept},
      {.name = "lease.of_dead", .what = lease, .corpse = remains::sent},
      {.name = "lease.large", .what = lease, .before = 1, .bytes = large},
      {.name = "lease.one+loaner", .what = lease, .before = 1, .held = all - 1, .other = loaner},
      {.name = "lease_wait.empty", .what = lease_wait},
      {.name = "ack.one", .what = ack, .before = 1},
      {.name = "ack.two", .what = ack, .before = 2},
      {.name = "ack.shared", .what = ack, .before = 1, .shared = sharing::kept},
      {.name = "ack.last_reader", .what = ack, .before = 1, .shared = sharing::dropped},
      {.name = "ack.large", .what = ack, .before = 1, .bytes = large},
      {.name = "ack.large_last_reader",
       .what = ack,
       .before = 1,
       .bytes = large,
       .shared = sharing::dropped},
      {.name = "ack.one+loaner", .what = ack, .before = 1, .held = all - 1, .other = loaner},
      {.name = "ack.last_reader+loaner",
       .what = ack,
       .before = 1,
       .held = all - 1,
       .shared = sharing::dropped,
       .other = loaner},
      {.name = "ack.large+loaner", .what = ack, .before = 1, .bytes = large, .other = loaner},
      {.name = "nack.one", .what = nack, .before = 1},
      {.name = "nack.one+reader", .what = nack, .before = 1, .other = reader},
      {.name = "pop.empty", .what = pop},
      {.name = "pop.one", .what = pop, .before = 1},
      {.name = "pop.shared", .what = pop, .before = 1, .shared = sharing::kept},
      {.name = "pop.of_dead", .what = pop, .corpse = remains::sent},
      {.name = "pop.large", .what = pop, .before = 1, .bytes = large},
      {.name = "pop.one+loaner", .what = pop, .before = 1, .held = all - 1, .other = loaner},
      {.name = "pop_wait.empty", .what = pop_wait},
      {.name = "sweep.owned", .what = sweep, .before = 1, .corpse = remains::owned},
      {.name = "sweep.owned+loaner",
       .what = sweep,
       .held = all - 1,
       .corpse = remains::owned,
       .other = loaner},
      {.name = "sweep.large", .what = sweep, .bytes = large, .corpse = remains::owned},
      {.name = "sweep.large_kept",
       .what = sweep,
       .bytes = large,
       .corpse = remains::owned,
       .keeps = true},
      {.name = "sweep.pages", .what = sweep, .bytes = large, .corpse = remains::pages},
      {.name = "sweep.sent", .what = sweep, .before = 1, .corpse = remains::sent},
      {.name = "sweep.leased", .what = sweep, .before = 2, .corpse = remains::leased},
      {.name = "sweep.unsent", .what = sweep, .before = 1, .corpse = remains::unsent},
      {.name = "sweep.claimed", .what = sweep, .before = 2, .corpse = remains::claimed},
      {.name = "sweep.acked", .what = sweep, .before = 2, .corpse = remains::acked},
      {.name = "sweep.shared_acked",
       .what = sweep,
       .before = 2,
       .shared = sharing::dropped,
       .corpse = remains::acked},
      {.name = "sweep.lock+loaner",
       .what = sweep,
       .held = all,
       .corpse = remains::locked,
       .other = loaner},
      {.name = "attach.empty", .what = attach},
      {.name = "attach.full+loaner", .what = attach, .held = all, .other = loaner},
      {.name = "detach.holding", .what = detach},
      {.name = "detach.holding+loaner", .what = detach, .held = all - 1, .other = loaner},
      {.name = "detach.large", .what = detach, .bytes = large},
      {.name = "open_queue.one", .what = open_queue, .before = 1},
      {.name = "close_queue.with_payload", .what = close_queue},
      {.name = "close_queue.with_payload+loaner",
       .what = close_queue,
       .held = all - 1,
       .other = loaner},
  };
}

}  // namespace hawser::test
