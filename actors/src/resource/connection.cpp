#include "connection.hpp"

#include <hawser/actors/caf_compat.hpp>
#include <hawser/actors/peer_error.hpp>
#include <hawser/actors/transport.hpp>

#include <caf/event_based_actor.hpp>
#include <caf/sec.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <atomic>
#include <deque>
#include <thread>
#include <utility>

#include <unistd.h>

namespace hawser::actors::detail {
namespace {

/// What a manager that hangs costs beyond the time one would wait.
constexpr std::chrono::seconds grace{1};

detail::request_timeout with_grace(std::chrono::nanoseconds timeout) {
  constexpr std::chrono::hours for_ever{24 * 365};
  if (timeout > for_ever) return caf::infinite;
  return detail::request_timeout{timeout + grace};
}

/// Not 0, and no other thread's, also of one that has ended.
std::uint64_t this_thread() {
  static std::atomic<std::uint64_t> last{0};
  thread_local const std::uint64_t own = ++last;
  return own;
}

/// Nobody will hear of the manager again who has asked it.
bool is_end(const caf::error& reason) {
  return reason == peer_error::killed || reason == peer_error::exited ||
         reason == peer_error::hung || reason == peer_error::disconnected ||
         reason == caf::sec::request_receiver_down;
}

struct keeper_state {
  static inline const char* name = "hawser.resource_keeper";
  caf::actor manager;
  std::deque<caf::message> unsent;
  bool asks = false;
};
using keeper = stateful_actor<keeper_state>;

/// What is given back or given up, where the transport may refuse messages: as requests, so that each
/// of them arrives.
void send_on(keeper* self) {
  auto& state = self->state;
  if (state.asks || state.unsent.empty()) return;
  state.asks = true;
  const auto next = [=] {
    self->state.asks = false;
    self->state.unsent.pop_front();
    send_on(self);
  };
  self->request(state.manager, caf::infinite, state.unsent.front())
      .then(next, [=](const caf::error& reason) {
        if (reason == peer_error::congested)
          transport(self->system()).await_room(self->state.manager, self);
        else next();
      });
}

caf::behavior keep(keeper* self, const caf::actor& manager,
                   const std::shared_ptr<lease_book>& book) {
  self->state.manager = manager;
  self->monitor(manager);
  self->set_down_handler([=](const caf::down_msg&) { book->manager_lost(); });
  const auto later = [=](auto... what) {
    self->state.unsent.push_back(caf::make_message(what...));
    send_on(self);
  };
  return {
      [=](const resource_revoked& what) { book->revoked(what.ticket); },
      [=](release_atom word, std::uint64_t token, bool bad) { later(word, token, bad); },
      [=](cancel_atom word, std::uint64_t holder, std::uint64_t ticket) {
        later(word, holder, ticket);
      },
      [=](subscribe_atom word, const caf::actor& listener) { later(word, listener); },
      [=](const peer_writable&) {
        self->state.asks = false;
        send_on(self);
      },
  };
}

}  // namespace

class resource_connection::speaker {
 public:
  explicit speaker(resource_connection& of) : of_(of) {
    {
      const std::scoped_lock hold{of.mutex_};
      if (!of.idle_.empty()) {
        self_ = std::move(of.idle_.back());
        of.idle_.pop_back();
      }
    }
    if (!self_) self_ = std::make_unique<caf::scoped_actor>(of.system_, true);
  }
  speaker(const speaker&) = delete;
  ~speaker() {
    if (!self_) return;
    const std::scoped_lock hold{of_.mutex_};
    of_.idle_.push_back(std::move(self_));
  }
  caf::scoped_actor& operator*() const noexcept { return *self_; }
  caf::scoped_actor& operator->() const noexcept { return *self_; }
  /// It may still be answered: nobody is to find that in its mailbox.
  void retire() noexcept { self_.reset(); }

 private:
  resource_connection& of_;
  std::unique_ptr<caf::scoped_actor> self_;
};

resource_connection::resource_connection(caf::actor_system& system, std::string name,
                                         const client_options& options)
    : system_(system),
      name_(std::move(name)),
      called_(options.name.empty() ? "process " + std::to_string(getpid())
                                   : options.name + " (process " + std::to_string(getpid()) + ")"),
      refuses_(dynamic_cast<const config&>(system.config()).transport.backlog ==
               backlog_policy::reject),
      keeps_leases_(options.threads_keep_leases),
      book_(std::make_shared<lease_book>(options.on_lost)) {}

resource_connection::~resource_connection() {
  idle_.clear();
  caf::anon_send_exit(keeper_, caf::exit_reason::user_shutdown);
}

std::shared_ptr<resource_connection> resource_connection::make(caf::actor_system& system,
                                                               const std::string& manager,
                                                               const std::string& type,
                                                               const client_options& options,
                                                               std::chrono::nanoseconds timeout) {
  constexpr std::chrono::nanoseconds for_ever = std::chrono::hours{24 * 365};
  const auto until = clock::now() + std::min(timeout, for_ever);
  transport(system);  // throws if there is none
  for (;;) {
    auto made = std::make_shared<resource_connection>(system, manager, options);
    if (made->connect(type, until)) return made;
    // The name is that of a process that ends just now.
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
}

bool resource_connection::connect(const std::string& type, clock::time_point until) {
  const auto left = [&] { return std::max(until - clock::now(), clock::duration{0}); };
  manager_ = transport(system_).lookup(name_, left());
  keeper_ = system_.spawn<caf::hidden>(keep, manager_, book_);
  speaker self{*this};
  caf::error failed;
  self->request(manager_, with_grace(left()), connect_atom_v, type, keeper_, called_)
      .receive([&](std::uint64_t number) { holder_ = number; },
               [&](caf::error& reason) { failed = std::move(reason); });
  if (!failed) return true;
  self.retire();
  if (failed == resource_error::type_mismatch || clock::now() >= until) fail(failed);
  return false;
}

void resource_connection::fail(const caf::error& reason) const {
  std::string words = render(system_, reason);
  if (reason.category() == caf::error{make_error(resource_error::closed)}.category())
    throw resource_failure{static_cast<resource_error>(reason.code()), name_, words};
  if (!is_end(reason)) throw hawser::make_error(errc::busy, "ask resource manager", name_, words);
  book_->manager_lost();  // and not when the keeper hears of it
  throw resource_failure{resource_error::manager_lost, name_, words};
}

/// The manager says itself when the time is over, unless it hangs. False: it does.
bool resource_connection::await_answer(const speaker& self, clock::time_point since,
                                       std::chrono::nanoseconds timeout) {
  if (timeout > std::chrono::hours{24 * 365}) return true;  // for ever, in effect
  const auto until = since + timeout + grace;
  while (self->mailbox().empty()) {
    const auto now = clock::now();
    if (now >= until) return false;
    // CAF waits by the wall clock, which may be set: a second at a time.
    const auto wait = std::min<clock::duration>(until - now, std::chrono::seconds{1});
    self->await_data(std::chrono::high_resolution_clock::now() + wait);
  }
  return true;
}

held_lease resource_connection::acquire(std::string_view name, std::size_t count,
                                        std::optional<std::chrono::nanoseconds> timeout) {
  auto [ticket, status] = book_->open();
  resource_request wish{holder_,
                        keeps_leases_ && !refuses_ ? this_thread() : 0,
                        ticket,
                        std::string{name},
                        static_cast<std::uint32_t>(count),
                        timeout ? std::max<std::int64_t>(timeout->count(), 0) : -1};
  speaker self{*this};
  resource_grant got;
  caf::error failed;
  // Without a timeout of CAF's, for whose sake another thread would be woken each time.
  auto request = self->request(manager_, caf::infinite, acquire_atom_v, std::move(wish));
  // One that is free is here before this thread would be asleep.
  const auto begun = clock::now();
  const bool is_here = spin_.until([&] { return !self->mailbox().empty(); }, 4);
  if (timeout && !await_answer(self, begun, *timeout)) {
    book_->close(ticket);
    self.retire();
    say(cancel_atom_v, holder_, ticket);  // E1
    return {};
  }
  request.receive([&](resource_grant& grant) { got = std::move(grant); },
                  [&](caf::error& reason) { failed = std::move(reason); });
  if (!is_here) spin_.slept(clock::now() - begun);
  if (!failed) {
    book_->granted(ticket, got.token);
    return {shared_from_this(), std::move(status), std::move(got)};
  }
  book_->close(ticket);
  if (failed == resource_error::timed_out) return {};
  fail(failed);
}

template <class... Ts>
void resource_connection::say(Ts... what) {
  if (refuses_) return caf::anon_send(keeper_, what...);
  speaker self{*this};
  self->send(manager_, what...);
}

void resource_connection::give_back(std::uint64_t ticket, std::uint64_t token, bool bad) {
  book_->close(ticket);
  say(release_atom_v, token, bad);
}

resource_snapshot resource_connection::who() {
  speaker self{*this};
  resource_snapshot seen;
  caf::error failed;
  self->request(manager_, caf::infinite, who_atom_v)
      .receive([&](resource_snapshot& all) { seen = std::move(all); },
               [&](caf::error& reason) { failed = std::move(reason); });
  if (failed) fail(failed);
  return seen;
}

void resource_connection::subscribe(const caf::actor& listener) { say(subscribe_atom_v, listener); }

}  // namespace hawser::actors::detail
