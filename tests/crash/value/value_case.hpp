/// One operation on a shared value in one situation, for the kill-point sweep.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace hawser::test {

/// 64 bytes that tell whether they are whole: written word by word, so a kill in between is seen.
struct whole_number {
  std::array<std::uint64_t, 8> words;

  static whole_number of(std::uint64_t id) {
    whole_number result;
    for (std::size_t i = 0; i < result.words.size(); ++i) result.words[i] = id * (2 * i + 1);
    return result;
  }
  bool operator==(const whole_number&) const = default;
  /// UINT64_MAX if it is torn.
  std::uint64_t id() const { return *this == of(words[0]) ? words[0] : UINT64_MAX; }
};

struct value_case {
  enum operation {
    load,
    load_locked,  ///< as a reader does that writers leave no gap
    store,
    exchange,
    compare_exchange,
    update,
    wait_change,  ///< until the survivor changes it
    attach,       ///< open_only
    detach,       ///< the destructor
    sweep         ///< of the occupant, which was killed before
  };
  /// What the occupant is killed with; built by hand.
  enum leftover {
    none,       ///< no occupant
    idle,       ///< nothing
    half,       ///< died while it wrote: lock held, half of the spare copy written
    committed,  ///< died after its commit: lock held, nobody woken
  };
  /// Who sleeps on the value in another process while the victim operates.
  enum sleeping {
    nobody,
    waiter,   ///< waits for a change
    watcher,  ///< the same; no thread of it sleeps
    writer    ///< wants the lock, which the occupant has
  };

  std::string name;
  operation what = load;
  leftover corpse = none;
  sleeping other = nobody;

  bool changes() const {
    return what == store || what == exchange || what == compare_exchange || what == update;
  }
};

/// The numbers in the value, by who wrote them.
inline constexpr std::uint64_t at_start = 1, of_value_victim = 101, of_value_corpse = 201,
                               of_value_survivor = 301, of_value_sleeper = 401,
                               of_value_release = 501;

std::vector<value_case> value_cases();

}  // namespace hawser::test
