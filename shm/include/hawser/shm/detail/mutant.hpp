/// Hooks that break the protocol on purpose, to prove that the tests would see it.
///
/// `HAWSER_MUTATE(name, right, wrong)` is `right`. In a build with HAWSER_MUTANTS, which no
/// program but the tests' has, it is `wrong` while `hawser::shm::detail::mutant` is
/// `mutation("name")`. What each one is, and what notices it: tests/crash.
#pragma once

#if defined(HAWSER_MUTANTS)
#include <cstdint>
#include <string_view>

namespace hawser::shm::detail {

/// The number of a mutant's name; 0 is no mutant.
constexpr std::uint64_t mutation(std::string_view name) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return name.empty() ? 0 : hash;
}

inline std::uint64_t mutant = 0;

}  // namespace hawser::shm::detail
#define HAWSER_MUTATE(name, right, wrong) \
  (::hawser::shm::detail::mutant == ::hawser::shm::detail::mutation(#name) ? (wrong) : (right))
#else
#define HAWSER_MUTATE(name, right, wrong) (right)
#endif
