/// Hooks that break the protocol on purpose, to prove that the tests would see it.
///
/// `HAWSER_MUTATE(name, right, wrong)` is `right`. In a build with HAWSER_MUTANTS, which no
/// program but the tests' has, it is `wrong` while `hawser::shm::detail::mutant` has that name.
#pragma once

#if defined(HAWSER_MUTANTS)
namespace hawser::shm::detail {

enum class mutation {
  none,
  push_commits_before_bytes,
  batch_commits_before_bytes,
  push_wakes_nobody,
  ack_wakes_nobody,
  last_ack_wakes_nobody,
  nack_not_announced,
  close_wakes_nobody,
  closed_while_leased,
  sweep_wakes_nobody,
  sweep_keeps_leases,
  sweep_not_announced,
  sweep_frees_place_first,
  dead_locks_stay,
  tail_not_repaired,
  head_not_repaired,
  head_moves_before_lease,
  staged_junk_delivered,
  skip_not_told,
  holder_not_marked,
  leased_slot_overwritten,
  attempts_unlimited,
  attach_wakes_nobody,
  last_one_leaves_file,
  // Orders: nothing that is stepped can show them, but the thread twin under ThreadSanitizer can.
  push_not_released,
  lock_not_released,
  ack_not_released,
};

inline mutation mutant = mutation::none;

}  // namespace hawser::shm::detail
#define HAWSER_MUTATE(name, right, wrong) \
  (::hawser::shm::detail::mutant == ::hawser::shm::detail::mutation::name ? (wrong) : (right))
#else
#define HAWSER_MUTATE(name, right, wrong) (right)
#endif
