/// A teller: a process that has the bank do things, until all of them are done.
#pragma once

#include "messages.hpp"

#include <cstdint>
#include <string>

namespace bank {

struct teller_work {
  std::string group;
  std::uint64_t teller = 0;
  std::uint64_t requests = 0;
  bool deposits = false;  // of 1 into account 0, by that many depositors at once; else transfers
  std::uint32_t accounts = 0;  // among which
};

template <class Inspector>
auto inspect(Inspector& f, teller_work& x) {
  HAWSER_INSPECT(f, "bank::teller_work", x.group, x.teller, x.requests, x.deposits, x.accounts);
}

/// What a depositor takes to make up his mind.
inline constexpr std::chrono::milliseconds deposit_time{10};

/// Repeats what was not answered under the same number, however often the bank is killed. One that was
/// killed itself goes on where the bank knows that its requests are done.
int teller(teller_work work);

}  // namespace bank
