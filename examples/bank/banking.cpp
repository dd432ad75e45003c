#include "banking.hpp"

#include <caf/typed_behavior.hpp>

#include <iostream>

namespace bank {
namespace {

using self_pointer = bank_actor::stateful_pointer<bank_state>;

void commit(self_pointer self) {
  bank_state& state = self->state;
  try {
    state.books->commit();
  } catch (const journal_error& failed) {
    std::cerr << "bank: " << failed.what() << '\n';
    for (auto& [promise, answer] : state.answers)
      promise.deliver(make_error(bank_error::journal_failed));
    state.answers.clear();
    return self->quit(make_error(bank_error::journal_failed));
  }
  for (auto& [promise, answer] : std::exchange(state.answers, {})) {
    if (answer) promise.deliver(*answer);
    else promise.deliver(std::move(answer.error()));
  }
}

/// A refusal waits, too: it may be owed to what is not committed.
caf::typed_response_promise<money> answer_later(self_pointer self, refusal why, account_id of) {
  constexpr std::size_t together_max = 8192;
  bank_state& state = self->state;
  auto promise = self->make_response_promise<money>();
  if (why) state.answers.emplace_back(promise, make_error(*why));
  else state.answers.emplace_back(promise, state.books->all().balance(of));
  // Behind all that has come so far.
  if (state.answers.size() == 1) self->send(self, commit_atom::value);
  else if (state.answers.size() == together_max) commit(self);
  return promise;
}

}  // namespace

bank_actor::behavior_type banking(self_pointer self, const std::string& journal) {
  self->state.books = std::make_unique<ledger>(journal);
  return {
      [self](deposit_atom, const request_id& which, account_id into, money amount) {
        return answer_later(self, self->state.books->deposit(which, into, amount), into);
      },
      [self](transfer_atom, const request_id& which, account_id from, account_id to, money amount) {
        return answer_later(self, self->state.books->transfer(which, from, to, amount), from);
      },
      [self](balance_atom, account_id of) -> caf::result<money> {
        if (of >= self->state.books->all().size()) return make_error(bank_error::unknown_account);
        commit(self);  // what nobody may know yet is in it
        return self->state.books->all().balance(of);
      },
      [self](resume_atom, std::uint64_t teller) { return self->state.books->low_of(teller); },
      [self](commit_atom) { commit(self); },
  };
}

}  // namespace bank
