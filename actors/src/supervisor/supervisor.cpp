#include "output_reader.hpp"
#include "tree_run.hpp"
#include <hawser/actors/supervisor.hpp>

#include <caf/send.hpp>

#include <stop_token>
#include <utility>

namespace hawser::actors {
namespace {

// What children have written is seen before what the program writes after their end, as a rule.
constexpr std::chrono::milliseconds flush_timeout{200};

}  // namespace

supervisor::supervisor(restart_strategy strategy, const supervisor_options& options)
    : plan_(std::make_shared<detail::supervisor_plan>(
          detail::supervisor_plan{strategy, options, {}, {}})) {}
supervisor::supervisor(supervisor&&) noexcept = default;
supervisor& supervisor::operator=(supervisor&&) noexcept = default;
supervisor::~supervisor() = default;

supervisor& supervisor::add(detail::child_spec spec) {
  plan_->add(std::move(spec));
  return *this;
}

supervisor& supervisor::subtree(std::string name, supervisor tree, restart_when restart) {
  return add(detail::tree_child(std::move(name), std::move(*tree.plan_), restart));
}

supervisor& supervisor::on_event(std::function<void(const supervisor_event&)> callback) {
  plan_->listeners.push_back(std::move(callback));
  return *this;
}

supervisor& supervisor::on_event(const caf::actor& listener) {
  return on_event([listener](const supervisor_event& event) { caf::anon_send(listener, event); });
}

running_supervisor supervisor::start_in(caf::actor_system* system,
                                        const std::stop_token& give_up) const {
  detail::tree_place place{system, {}, {}};
  place.tell = [listeners = plan_->listeners,
                one_at_a_time = std::make_shared<std::mutex>()](const supervisor_event& event) {
    const std::scoped_lock hold{*one_at_a_time};
    for (const auto& listener : listeners) {
      try {
        listener(event);
      } catch (...) {  // documented: nobody is there to catch it
      }
    }
  };
  auto core = std::make_shared<detail::supervisor_core>(*plan_, std::move(place));
  core->start(give_up);
  return running_supervisor{std::move(core)};
}

child_end supervisor::run_in(caf::actor_system* system, const std::stop_token& stop) const {
  running_supervisor running = start_in(system, stop);
  const std::stop_callback on_stop{stop, [&] { running.stop(); }};
  return running.wait();
}

running_supervisor supervisor::start(caf::actor_system& system,
                                     const std::stop_token& give_up) const {
  return start_in(&system, give_up);
}
running_supervisor supervisor::start(const std::stop_token& give_up) const {
  return start_in(nullptr, give_up);
}
child_end supervisor::run(caf::actor_system& system, const std::stop_token& stop) const {
  return run_in(&system, stop);
}
child_end supervisor::run(const std::stop_token& stop) const { return run_in(nullptr, stop); }

running_supervisor::running_supervisor(std::shared_ptr<detail::supervisor_core> core)
    : core_(std::move(core)) {}
running_supervisor::running_supervisor(running_supervisor&&) noexcept = default;

running_supervisor& running_supervisor::operator=(running_supervisor&& other) noexcept {
  if (this != &other) core_ = std::move(other.core_);  // ends the one before
  return *this;
}

running_supervisor::~running_supervisor() = default;

running_supervisor& running_supervisor::add(detail::child_spec spec) {
  core_->add(std::move(spec));
  return *this;
}

running_supervisor& running_supervisor::subtree(std::string name, supervisor tree,
                                                restart_when restart) {
  return add(detail::tree_child(std::move(name), std::move(*tree.plan_), restart));
}

void running_supervisor::stop() { core_->stop(); }

child_end running_supervisor::wait() { return *wait_for(std::chrono::milliseconds::max()); }

std::optional<child_end> running_supervisor::wait_for(std::chrono::milliseconds timeout) {
  if (detail::in_event_callback())
    throw make_error(errc::not_supported, "wait for supervisor", "",
                     "an event callback cannot wait for its supervisor; let another thread do it");
  const auto now = detail::supervisor_clock::now();
  using time_point = detail::supervisor_clock::time_point;
  // In milliseconds: the longest of them are too long for nanoseconds.
  const bool forever =
      timeout > std::chrono::floor<std::chrono::milliseconds>(time_point::max() - now);
  const auto end = core_->wait_until(forever ? time_point::max() : now + timeout);
  if (end) detail::output_relay::instance().flush(flush_timeout);
  return end;
}

std::vector<child_info> running_supervisor::children() const { return core_->children(); }
void running_supervisor::stop_child(std::string_view name) { core_->stop_child(name); }
void running_supervisor::restart_child(std::string_view name) { core_->restart_child(name); }
void running_supervisor::remove_child(std::string_view name) { core_->remove_child(name); }

}  // namespace hawser::actors
