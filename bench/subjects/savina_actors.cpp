#include "subjects/savina_actors.hpp"

#include <random>
#include <utility>

HAWSER_REGISTER(bench_savina);

namespace hawser::bench {
namespace {

template <class Self>
caf::actor sender_of(Self* self) {
  return caf::actor_cast<caf::actor>(self->current_sender());
}

/// Sends a message back.
caf::behavior echo(caf::event_based_actor* self) {
  return {[=](there_atom, int number) { self->send(sender_of(self), back_atom_v, number); }};
}

struct links {
  std::vector<caf::actor> others;
  caf::actor driver;
  int left = 0;
  std::minstd_rand random;
};

/// One of a ring: passes the token on, until it has gone far enough.
caf::behavior pass(actors::stateful_actor<links>* self) {
  return {[=](set_up_atom, std::vector<caf::actor>& next, const caf::actor& driver, int) {
            self->state.others = std::move(next);
            self->state.driver = driver;
            return true;
          },
          [=](token_atom, int left) {
            if (left == 0) self->send(self->state.driver, done_atom_v, 1);
            else self->send(self->state.others.front(), token_atom_v, left - 1);
          }};
}

struct total {
  int ticks = 0;
};
caf::behavior count(actors::stateful_actor<total>* self) {
  return {[=](tick_atom, int number) {
            if (number != self->state.ticks++) self->quit(caf::sec::invalid_argument);
          },
          [=](total_atom) { return self->state.ticks; }};
}

/// Asks one of the others at random, again and again, and answers all of them.
caf::behavior ping(actors::stateful_actor<links>* self) {
  const auto next = [=] {
    links& mine = self->state;
    self->send(mine.others[mine.random() % mine.others.size()], there_atom_v, mine.left);
  };
  return {[=](set_up_atom, std::vector<caf::actor>& others, const caf::actor& driver, int rounds) {
            self->state = {std::move(others), driver, rounds,
                           std::minstd_rand{static_cast<unsigned>(self->id())}};
            return true;
          },
          [=](start_atom) { next(); },
          [=](there_atom, int number) { self->send(sender_of(self), back_atom_v, number); },
          [=](back_atom, int number) {
            if (number != self->state.left) return self->quit(caf::sec::invalid_argument);
            if (--self->state.left > 0) next();
            else self->send(self->state.driver, done_atom_v, 1);
          }};
}

struct meetings {
  caf::actor driver, waiting;
  int color = 0, left = 0;
};
/// Brings two together who want to meet.
caf::behavior bring_together(actors::stateful_actor<meetings>* self) {
  return {[=](set_up_atom, const std::vector<caf::actor>&, const caf::actor& driver, int times) {
            self->state.driver = driver;
            self->state.left = times;
            return true;
          },
          [=](meet_atom, int color) {
            meetings& now = self->state;
            if (now.left == 0) return;
            const caf::actor other = sender_of(self);
            if (!now.waiting) {
              now.waiting = other;
              now.color = color;
              return;
            }
            self->send(now.waiting, back_atom_v, color);
            self->send(other, back_atom_v, now.color);
            now.waiting = nullptr;
            if (--now.left == 0) self->send(now.driver, done_atom_v, 1);
          }};
}

struct creature {
  caf::actor mall;
  int color = 0;
};
caf::behavior meet_others(actors::stateful_actor<creature>* self) {
  return {[=](set_up_atom, const std::vector<caf::actor>& places, const caf::actor&, int color) {
            self->state = {places.front(), color};
            return true;
          },
          [=](start_atom) { self->send(self->state.mall, meet_atom_v, self->state.color); },
          [=](back_atom, int other) {
            int& color = self->state.color;
            if (color != other) color = 3 - color - other;
            self->send(self->state.mall, meet_atom_v, color);
          }};
}

struct money {
  int amount = 1'000;
};
caf::behavior keep_account(actors::stateful_actor<money>* self) {
  return {
      [=](move_atom, int amount, const caf::actor& to) {
        self->state.amount -= amount;
        auto promise = self->make_response_promise();
        self->request(to, caf::infinite, pay_in_atom_v, amount).then([promise](bool moved) mutable {
          promise.deliver(moved);
        });
        return promise;
      },
      [=](pay_in_atom, int amount) {
        self->state.amount += amount;
        return true;
      },
      [=](total_atom) { return self->state.amount; }};
}

caf::actor make(caf::actor_system& system, savina_actor of) {
  using enum savina_actor;
  switch (of) {
    case passing: return system.spawn(pass);
    case counting: return system.spawn(count);
    case pinging: return system.spawn(ping);
    case mall: return system.spawn(bring_together);
    case chameneo: return system.spawn(meet_others);
    case account: return system.spawn(keep_account);
    case echoing: break;
  }
  return system.spawn(echo);
}

}  // namespace

caf::behavior savina_host(caf::event_based_actor* self) {
  return {[=](make_atom, int of) { return make(self->system(), savina_actor{of}); }};
}

}  // namespace hawser::bench
