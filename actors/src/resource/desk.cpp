#include "desk.hpp"

#include "inspector.hpp"

#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <ctime>
#include <limits>

namespace hawser::actors::detail {
namespace {

using clock = resource_table::clock;

/// Larger than what an earlier manager can have given out, which was less than one each nanosecond.
std::uint64_t first_token() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

std::vector<std::string> names_of(const resource_plan& plan) {
  std::vector<std::string> names;
  for (const auto& one : plan.resources) names.push_back(one.name);
  return names;
}

resource_table::settings settings_of(const resource_plan& plan) {
  return {.lease_max = plan.lease_max,
          .check_every = plan.check_every,
          .retry_first = plan.retry_first,
          .retry_most = plan.retry_most,
          .can_check = plan.care.check != nullptr,
          .can_make = plan.care.make != nullptr,
          .check_returned = plan.check_returned,
          .find_deadlocks = plan.find_deadlocks,
          .first_token = first_token()};
}

resource_error code_of(resource_table::refusal why) {
  switch (why) {
    case resource_table::refusal::timed_out: return resource_error::timed_out;
    case resource_table::refusal::deadlock: return resource_error::deadlock;
    case resource_table::refusal::closed: return resource_error::closed;
    case resource_table::refusal::no_such: return resource_error::no_such_resource;
    case resource_table::refusal::bad_count: return resource_error::bad_request;
    case resource_table::refusal::out_of_service: return resource_error::out_of_service;
  }
  return resource_error::bad_request;
}

const char* words_of(resource_table::state now) {
  switch (now) {
    case resource_table::state::free: return "free";
    case resource_table::state::held: return "held";
    case resource_table::state::checking: return "checking";
    case resource_table::state::making: return "making";
    case resource_table::state::resting: return "resting";
    case resource_table::state::gone: return "gone";
  }
  return "unknown";
}

}  // namespace

resource_desk::resource_desk(caf::actor_config& config, std::string name, resource_plan plan)
    : caf::event_based_actor(config),
      name_(std::move(name)),
      type_(plan.type),
      care_(plan.care),
      resources_(plan.resources),
      table_(names_of(plan), settings_of(plan)),
      to_close_(plan.resources.size()) {}

caf::behavior resource_desk::make_behavior() {
  set_down_handler([this](caf::down_msg& down) { gone(down.source, down.reason); });
  tell();
  return {
      [this](acquire_atom, resource_request& wish) { return acquire(wish); },
      [this](release_atom, std::uint64_t token, bool bad) -> caf::result<void> {
        const bool asked = current_mailbox_element()->mid.is_request();
        const bool held = table_.release(token, bad, clock::now());
        tell();
        if (!held && asked) return make_error(resource_error::not_held);
        return caf::unit;
      },
      [this](cancel_atom, std::uint64_t holder, std::uint64_t ticket) {
        asked_.erase({holder, ticket});
        table_.cancel(holder, ticket, clock::now());
        tell();
      },
      [this](connect_atom, const std::string& type, const caf::actor& holder,
             const std::string& called) { return connect(type, holder, called); },
      [this](who_atom) { return snapshot(); },
      [this](subscribe_atom, const caf::actor& listener) {
        if (!listener) return;  // it has ended
        subscribers_.push_back(listener);
        monitor(listener);
      },
      [this](wake_atom) {
        timer_.reset();
        tell();
      },
      [this](checked_atom, std::uint32_t which, bool healthy, const std::string& why) {
        table_.checked(which, healthy, why, clock::now());
        tell();
      },
      [this](made_atom, std::uint32_t which, granted_resource& what, const std::string& why) {
        made(which, what, why);
      },
  };
}

/// Whoever waits hears of it, however this ends.
void resource_desk::on_exit() {
  table_.close("resource manager \"" + name_ + "\" ends", clock::now());
  tell();
  if (inspector_) send_exit(inspector_, caf::exit_reason::user_shutdown);
  inspector_ = nullptr;
  holders_.clear();
  subscribers_.clear();
  asked_.clear();
}

caf::result<std::uint64_t> resource_desk::connect(const std::string& type, const caf::actor& holder,
                                                  const std::string& called) {
  if (type != type_)
    return make_error(resource_error::type_mismatch,
                      "\"" + name_ + "\" lends " + type_ + ", not " + type);
  if (!holder) return make_error(resource_error::bad_request, "the holder's handle is empty");
  const auto [entry, is_new] = numbers_.try_emplace(holder.address(), next_holder_);
  if (is_new) {
    ++next_holder_;
    holders_.emplace(entry->second, client{holder, called});
    table_.name_holder(entry->second, called);
    monitor(holder);
  }
  return entry->second;
}

caf::response_promise resource_desk::acquire(resource_request& wish) {
  auto promise = make_response_promise();
  const auto refuse = [&](resource_error why, const char* words) {
    promise.deliver(make_error(why, words));
    return promise;
  };
  if (holders_.find(wish.holder) == holders_.end())
    return refuse(resource_error::manager_lost, "the holder counts as dead; connect again");
  const auto [entry, is_new] = asked_.try_emplace({wish.holder, wish.ticket});
  if (!is_new) return refuse(resource_error::bad_request, "a ticket that is in use");
  entry->second = promise;
  const auto now = clock::now();
  constexpr std::chrono::nanoseconds for_ever = std::chrono::hours{24 * 365};
  const bool waits_for_ever = wish.timeout_ns < 0 || wish.timeout_ns > for_ever.count();
  table_.acquire(
      {wish.holder, wish.party}, wish.ticket, wish.name, wish.count,
      waits_for_ever ? table::time::max() : now + std::chrono::nanoseconds{wish.timeout_ns}, now);
  tell();
  return promise;
}

void resource_desk::gone(const caf::actor_addr& who, const caf::error& reason) {
  std::erase_if(subscribers_, [&](const caf::actor& one) { return one.address() == who; });
  const auto number = numbers_.find(who);
  if (number == numbers_.end()) return;
  const table::holder_id holder = number->second;
  const std::string why = reason ? render(home_system(), reason) : "its holder has ended";
  asked_.erase(asked_.lower_bound({holder, 0}),
               asked_.upper_bound({holder, std::numeric_limits<std::uint64_t>::max()}));
  numbers_.erase(number);
  table_.holder_gone(holder, why, clock::now());
  tell();
  holders_.erase(holder);  // its name was still needed
}

void resource_desk::made(std::uint32_t which, granted_resource& what, const std::string& why) {
  const bool well = why.empty();
  if (well) resources_[which] = std::move(what);
  table_.made(which, well, why, clock::now());
  tell();
  to_close_[which] = false;  // what was there before has been
}

void resource_desk::tell() {
  table_.expire(clock::now());
  for (table_.take_steps(steps_); !steps_.empty(); table_.take_steps(steps_))
    for (auto& one : steps_) tell(one);
  set_timer();
}

void resource_desk::tell(table::step& one) {
  switch (one.what) {
    case table::step_kind::granted: {
      resource_grant grant{one.ticket, one.token, {}};
      grant.resources.reserve(one.resources.size());
      for (const auto which : one.resources) grant.resources.push_back(resources_[which]);
      answer(one, caf::make_message(std::move(grant)));
      return publish(one, resource_event_kind::granted);
    }
    case table::step_kind::refused:
      answer(one, caf::make_message(make_error(code_of(one.why), one.text)));
      if (one.why == table::refusal::deadlock) publish(one, resource_event_kind::deadlock);
      if (one.why == table::refusal::timed_out) publish(one, resource_event_kind::timed_out);
      return;
    case table::step_kind::returned: return publish(one, resource_event_kind::returned);
    case table::step_kind::reclaimed: return publish(one, resource_event_kind::reclaimed);
    case table::step_kind::revoked:
      if (const auto holder = holders_.find(one.who); holder != holders_.end())
        send(holder->second.actor, resource_revoked{one.ticket, one.token});
      return publish(one, resource_event_kind::revoked);
    case table::step_kind::replaced: return publish(one, resource_event_kind::replaced);
    case table::step_kind::broken:
      to_close_[one.resources[0]] = true;
      return publish(one, resource_event_kind::broken);
    case table::step_kind::check:
      return send(inspector(), check_atom_v, resources_[one.resources[0]]);
    case table::step_kind::make: {
      const auto which = one.resources[0];
      const bool close = to_close_[which];
      to_close_[which] = false;
      return send(inspector(), make_atom_v, resources_[which], close);
    }
  }
}

void resource_desk::answer(const table::step& one, caf::message what) {
  const auto asked = asked_.find({one.who, one.ticket});
  if (asked == asked_.end()) return;
  asked->second.deliver(std::move(what));
  asked_.erase(asked);
}

void resource_desk::publish(const table::step& one, resource_event_kind kind) {
  if (subscribers_.empty()) return;
  const auto holder = holders_.find(one.who);
  const resource_event event{
      kind,          one.token,
      one.resources, holder != holders_.end() ? holder->second.called : std::string{},
      one.text,      std::chrono::nanoseconds{one.took}.count()};
  for (const auto& to : subscribers_) send(to, event);
}

/// A timer is only set if there is none that comes in time: so most leases set none.
void resource_desk::set_timer() {
  const auto next = table_.next_time();
  if (!next || (timer_ && *timer_ <= *next)) return;
  timer_ = *next;
  const auto left = std::max(*next - clock::now(), clock::duration{0});
  delayed_send(this, left, wake_atom_v);
}

const caf::actor& resource_desk::inspector() {
  if (!inspector_) inspector_ = spawn_inspector(home_system(), caf::actor{ctrl(), true}, care_);
  return inspector_;
}

resource_snapshot resource_desk::snapshot() const {
  const auto now = clock::now();
  const auto& counts = table_.counts();
  resource_snapshot all;
  all.manager = name_;
  all.granted = counts.granted;
  all.returned = counts.returned;
  all.reclaimed = counts.reclaimed;
  all.revoked = counts.revoked;
  all.held = counts.held;
  all.replaced = counts.replaced;
  all.deadlocks = counts.deadlocks;
  all.timed_out = counts.timed_out;
  for (const auto& one : table_.resources()) {
    resource_snapshot::resource row{static_cast<std::uint32_t>(all.resources.size()),
                                    one.name,
                                    words_of(one.now),
                                    {},
                                    one.token};
    if (const auto lease = table_.leases().find(one.token); one.token != 0) {
      row.holder = table_.name_of(lease->second.who);
      row.held_ns = std::chrono::nanoseconds{now - lease->second.since}.count();
    }
    all.resources.push_back(std::move(row));
  }
  for (const auto& [number, who] : table_.line())
    all.waiters.push_back({table_.name_of(who.who), table_.words_of(who),
                           std::chrono::nanoseconds{now - who.since}.count()});
  return all;
}

}  // namespace hawser::actors::detail
