/// What the bank deals in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace bank {

using money = std::int64_t;
using account_id = std::uint32_t;

/// Why nothing was changed.
enum class bank_error : std::uint8_t {
  insufficient_funds = 1,
  unknown_account,
  negative_amount,
  overflow,        // there would be more in the account than can be counted
  too_far_ahead,   // of what this teller has not heard the answer of
  journal_failed,  // the disk is full, for example
};

std::string to_string(bank_error why);

/// Nothing: it is done.
using refusal = std::optional<bank_error>;

}  // namespace bank
