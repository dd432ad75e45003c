/// Hooks that break the protocol on purpose, to prove that the tests would see it.
///
/// `HAWSER_MUTATE(n, right, wrong)` is `right`; in a build with HAWSER_MUTANTS it is `wrong`
/// while `hawser::shm::detail::mutant` is n.
#pragma once

#if defined(HAWSER_MUTANTS)
namespace hawser::shm::detail {
extern int mutant;  // 0: none
}
#define HAWSER_MUTATE(n, right, wrong) (::hawser::shm::detail::mutant == (n) ? (wrong) : (right))
#else
#define HAWSER_MUTATE(n, right, wrong) (right)
#endif
