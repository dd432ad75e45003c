#include "ledger.hpp"

#include <utility>

namespace bank {

ledger::ledger(const std::string& path) : journal_(path), accounts_({}) {
  contents was = journal_.read();
  accounts_ = accounts{std::move(was.balances)};
  tellers_ = std::move(was.tellers);
  applied_ = was.applied;
}

template <class Change>
refusal ledger::once(const request_id& which, Change change) {
  window& its = tellers_[which.teller];
  its.forget_below(which.low);
  changed_[which.teller] = &its;
  if (its.is_done(which.number)) return {};
  if (!its.fits(which.number)) return bank_error::too_far_ahead;
  // One that is refused is not done: it changes nothing, and may be asked again.
  if (const refusal why = change()) return why;
  its.done(which.number);
  ++applied_;
  return {};
}

refusal ledger::deposit(const request_id& which, account_id into, money amount) {
  return once(which, [&] { return accounts_.deposit(into, amount); });
}

refusal ledger::transfer(const request_id& which, account_id from, account_id to, money amount) {
  return once(which, [&] { return accounts_.transfer(from, to, amount); });
}

void ledger::commit() {
  if (changed_.empty()) return;
  journal_.commit(accounts_, changed_, applied_);
  accounts_.saved();
  changed_.clear();
}

std::uint64_t ledger::low_of(std::uint64_t teller) const {
  const auto found = tellers_.find(teller);
  return found == tellers_.end() ? 0 : found->second.low();
}

}  // namespace bank
