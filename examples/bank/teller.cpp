#include "teller.hpp"

#include "stop_signals.hpp"
#include <hawser/actors/process.hpp>

#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <iostream>
#include <map>
#include <random>

namespace bank {
namespace {

using namespace std::chrono_literals;

using again_atom = caf::atom_constant<caf::atom("again")>;
using begin_atom = caf::atom_constant<caf::atom("begin")>;

struct order {
  account_id from = 0, to = 0;
  money amount = 1;
};

/// The same again for a teller that was killed. A refused one is drawn anew.
order draw(const teller_work& work, std::uint64_t number, std::uint32_t refusals) {
  if (work.deposits) return {};
  std::seed_seq seed{static_cast<std::uint32_t>(work.teller), static_cast<std::uint32_t>(number),
                     static_cast<std::uint32_t>(number >> 32), refusals};
  std::minstd_rand random{seed};
  const auto below = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
  return {below(work.accounts), below(work.accounts), 1 + below(100)};
}

struct teller_state {
  bank_actor bank;
  std::uint64_t next = 0;                          // number
  std::map<std::uint64_t, std::uint32_t> waiting;  // those not answered, and how often refused
};
using teller_actor = caf::stateful_actor<teller_state>;

class teller_behavior {
 public:
  teller_behavior(teller_actor* self, const teller_work& work) : self_(self), work_(work) {}

  /// Also when the bank was away.
  void begin() const {
    self_->request(self_->state.bank, 1s, resume_atom::value, work_.teller)
        .then(
            [here = *this](std::uint64_t low) {
              here.self_->state.next = low;
              here.go_on();
            },
            [here = *this](const caf::error&) { here.later(begin_atom::value); });
  }
  void go_on() const {
    constexpr std::size_t waiting_max = 256;
    teller_state& now = self_->state;
    const std::size_t at_once = work_.deposits ? window::size : waiting_max;
    // The bank remembers so many from the first one that is not answered.
    while (now.next < work_.requests && now.waiting.size() < at_once &&
           now.next < low() + window::size) {
      const std::uint64_t number = now.next++;
      now.waiting.emplace(number, 0);
      if (work_.deposits) later(again_atom::value, number, deposit_time);
      else ask(number);
    }
    if (now.waiting.empty()) self_->quit();
  }
  void ask(std::uint64_t number) const {
    const teller_state& now = self_->state;
    const request_id which{work_.teller, number, low()};
    const order what = draw(work_, number, now.waiting.at(number));
    const auto done = [here = *this, number](money) {
      here.self_->state.waiting.erase(number);
      here.go_on();
    };
    const auto failed = [here = *this, number](const caf::error& why) { here.failed(number, why); };
    if (work_.deposits)
      self_->request(now.bank, 5s, deposit_atom::value, which, what.to, what.amount)
          .then(done, failed);
    else
      self_->request(now.bank, 5s, transfer_atom::value, which, what.from, what.to, what.amount)
          .then(done, failed);
  }

 private:
  /// All before it are answered.
  std::uint64_t low() const {
    const teller_state& now = self_->state;
    return now.waiting.empty() ? now.next : now.waiting.begin()->first;
  }
  void failed(std::uint64_t number, const caf::error& why) const {
    if (why == bank_error::insufficient_funds) {
      ++self_->state.waiting.at(number);
      return ask(number);
    }
    // Whoever is killed is started again, and the disk may have room again.
    if (why.category() != caf::atom("bank") || why == bank_error::journal_failed)
      return later(again_atom::value, number, 5ms);
    // It would be refused for ever.
    std::cerr << "teller " << work_.teller << ": " << self_->system().render(why) << '\n';
    self_->quit(why);
  }
  template <class Atom>
  void later(Atom what) const {
    self_->delayed_send(self_, 5ms, what);
  }
  template <class Atom>
  void later(Atom what, std::uint64_t number, std::chrono::milliseconds when) const {
    self_->delayed_send(self_, when, what, number);
  }

  teller_actor* self_;
  teller_work work_;
};

caf::behavior telling(teller_actor* self, const teller_work& work, const bank_actor& bank) {
  self->state.bank = bank;
  const teller_behavior here{self, work};
  here.begin();
  return {[=](begin_atom) { here.begin(); },
          [=](again_atom, std::uint64_t number) { here.ask(number); }};
}

}  // namespace

int teller(teller_work work) {
  examples::leave_stopping_to_the_parent();
  config own{work.group};
  caf::actor_system system{own};
  const auto bank = hawser::actors::transport(system).reconnecting<bank_actor>(name);
  bool failed = false;
  {
    caf::scoped_actor self{system};
    const auto one = self->spawn<caf::monitored>(telling, work, bank);
    self->receive([&](const caf::down_msg& down) {
      failed = down.reason != caf::exit_reason::normal && down.reason != caf::none;
    });
  }
  caf::anon_send_exit(bank, caf::exit_reason::user_shutdown);
  return failed ? 1 : 0;
}
HAWSER_PROCESS(teller);

}  // namespace bank
