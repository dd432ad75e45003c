#include "supervisor_core.hpp"

#include "../quiet_thread.hpp"

#include <algorithm>
#include <utility>

namespace hawser::actors::detail {

void supervisor_plan::add(child_spec spec) {
  if (spec.name.empty() || spec.name.find('/') != std::string::npos)
    throw make_error(errc::bad_argument, "add child", spec.name,
                     "a child's name is not empty and has no /; choose another one");
  for (const child_spec& known : children)
    if (known.name == spec.name)
      throw make_error(errc::already_exists, "add child", spec.name,
                       "the supervisor has a child of this name; choose another one");
  children.push_back(std::move(spec));
}

supervisor_core::supervisor_core(supervisor_plan plan, tree_place place)
    : strategy_(plan.strategy),
      options_(plan.options),
      place_(std::move(place)),
      intensity_(plan.options.restarts, plan.options.within) {
  for (child_spec& spec : plan.children)
    children_.push_back(
        std::make_unique<child>(child{std::move(spec), restart_delay{options_.backoff}}));
}

supervisor_core::~supervisor_core() {
  stop();
  if (thread_.joinable()) thread_.join();
}

void supervisor_core::start(const std::stop_token& give_up) {
  thread_ = quiet_thread("hawser-superv", [this] { thread_main(); });
  const std::stop_callback stop_early{give_up, [this] { stop(); }};
  std::unique_lock hold{end_mutex_};
  end_changed_.wait(hold, [&] { return is_started_ || is_over_; });
  if (start_failed_) std::rethrow_exception(start_failed_);
}

void supervisor_core::on_end(std::function<void()> ended) {
  {
    const std::scoped_lock hold{end_mutex_};
    if (!is_over_) {
      on_end_ = std::move(ended);
      return;
    }
  }
  ended();
}

void supervisor_core::stop() {
  {
    const std::scoped_lock hold{inbox_->mutex};
    inbox_->stop = true;
    inbox_->changed.notify_all();
  }
  give_up_starts_.request_stop();
}

std::optional<child_end> supervisor_core::wait_until(time_point deadline) {
  std::unique_lock hold{end_mutex_};
  const auto is_over = [&] { return is_over_; };
  if (deadline == time_point::max()) end_changed_.wait(hold, is_over);
  else if (!end_changed_.wait_until(hold, deadline, is_over)) return std::nullopt;
  return end_;
}

void supervisor_core::thread_main() {
  if (start_all()) {
    {
      const std::scoped_lock hold{end_mutex_};
      is_started_ = true;
      end_changed_.notify_all();
    }
    supervise();
  }
  finish();
}

bool supervisor_core::start_all() {
  for (const child_pointer& one : children_) {
    try {
      if (give_up_starts_.stop_requested())
        throw make_error(errc::busy, "start supervisor", own_name(),
                         "it was stopped before all its children were started; start it again");
      start_one(*one);
    } catch (...) {
      start_failed_ = std::current_exception();
      return false;
    }
  }
  return true;
}

void supervisor_core::supervise() {
  while (!end_) {
    std::set<std::uint64_t> ended;
    std::vector<std::function<void()>> jobs;
    {
      std::unique_lock hold{inbox_->mutex};
      const auto has_word = [&] {
        return inbox_->stop || !inbox_->ended.empty() || !inbox_->jobs.empty();
      };
      if (const auto wake = next_wake()) inbox_->changed.wait_until(hold, *wake, has_word);
      else inbox_->changed.wait(hold, has_word);
      if (inbox_->stop) return;
      ended = inbox_->ended;
      jobs.swap(inbox_->jobs);
    }
    for (const std::uint64_t life : ended)
      if (!end_) take_ended(life);
    for (const auto& job : jobs) job();
    look_for_hung();
    restart_due();
    if (!end_ && options_.ends_when_done && is_done())
      end_ = child_end{{}, end_kind::normal, "all its children are done", 0, {}, {}};
  }
}

bool supervisor_core::is_done() const {
  return std::all_of(children_.begin(), children_.end(),
                     [](const child_pointer& one) { return one->state == child_state::stopped; });
}

std::optional<supervisor_core::time_point> supervisor_core::next_wake() const {
  std::optional<time_point> first;
  const auto consider = [&](time_point when) { first = first ? std::min(*first, when) : when; };
  for (const child_pointer& one : children_) {
    if (one->due) consider(*one->due);
    if (one->run && one->spec.hang_timeout.count() > 0)
      consider(supervisor_clock::now() +
               std::clamp<std::chrono::milliseconds>(one->spec.hang_timeout / 4,
                                                     std::chrono::milliseconds{5},
                                                     std::chrono::milliseconds{1'000}));
  }
  return first;
}

void supervisor_core::take_ended(std::uint64_t life) {
  {
    const std::scoped_lock hold{inbox_->mutex};
    if (inbox_->ended.erase(life) == 0) return;  // it was stopped together with another one
  }
  const auto found =
      std::find_if(children_.begin(), children_.end(),
                   [&](const child_pointer& one) { return one->run && one->life == life; });
  if (found == children_.end()) return;  // one that was abandoned
  child& one = **found;
  child_end end = one.run->end();
  if (one.is_hung) {
    end.kind = end_kind::hung;
    end.text = "gave no sign of life for " + std::to_string(one.spec.hang_timeout.count()) +
               " ms, and was killed";
  }
  record_end(one, end);
  if (is_to_restart(one.spec.restart, end)) return schedule(index_of(one), end);
  set_state(one, child_state::stopped);
  if (one.spec.restart == restart_when::temporary) forget(one);
}

void supervisor_core::schedule(std::size_t index, const child_end& why) {
  child& one = *children_[index];
  const time_point now = supervisor_clock::now();
  if (!intensity_.add(now)) return give_up(why);
  const double chance = std::uniform_real_distribution<double>{0, 1}(chance_);
  const auto delay = one.delay.next(now, chance);
  tell({supervisor_event::kind::restarting,
        one.spec.name,
        0,
        {},
        delay,
        intensity_.count(),
        options_.restarts,
        options_.within});
  set_state(one, child_state::waiting);
  stop_others(one, restarted_with(strategy_, index, children_.size()));
  one.due = now + delay;
}

void supervisor_core::stop_others(const child& but, child_range range) {
  std::vector<child*> others;
  for (std::size_t i = range.last; i-- > range.first;)
    if (children_[i].get() != &but) others.push_back(children_[i].get());
  for (child* const one : others) {
    one->due.reset();  // who waits, waits for `but` from now on
    if (one->run) stop_one(*one);
    if (one->spec.restart == restart_when::temporary) forget(*one);
    else if (!one->stopped_by_user) set_state(*one, child_state::waiting);
  }
}

void supervisor_core::restart_due() {
  while (!end_) {
    const time_point now = supervisor_clock::now();
    const auto found =
        std::find_if(children_.begin(), children_.end(),
                     [&](const child_pointer& one) { return one->due && *one->due <= now; });
    if (found == children_.end() || give_up_starts_.stop_requested()) return;
    try_restart(static_cast<std::size_t>(found - children_.begin()));
  }
}

void supervisor_core::try_restart(std::size_t index) {
  const child_range range = restarted_with(strategy_, index, children_.size());
  children_[index]->due.reset();
  for (std::size_t i = range.first; i < range.last; ++i) {
    child& one = *children_[i];
    if (one.run || one.stopped_by_user) continue;
    try {
      start_one(one);
      const std::scoped_lock hold{mutex_};
      ++one.restarts;
    } catch (const std::exception&) {
      if (give_up_starts_.stop_requested()) return;
      // As if it had died at once: with those behind it, it is tried again.
      return schedule(i, *one.last_end);
    }
  }
}

void supervisor_core::give_up(const child_end& last) {
  child_end end{{}, end_kind::gave_up, {}, 0, {}, last.last_output};
  end.text = "gave up after " + std::to_string(options_.restarts) + " restarts within " +
             std::to_string(options_.within.count()) + " ms; the last was for " + to_string(last);
  supervisor_event event{supervisor_event::kind::gave_up,
                         {},
                         0,
                         last,
                         {},
                         intensity_.count(),
                         options_.restarts,
                         options_.within};
  tell(std::move(event));
  end_ = std::move(end);
}

void supervisor_core::look_for_hung() {
  const time_point now = supervisor_clock::now();
  for (const child_pointer& one : children_) {
    if (!one->run || one->is_hung || one->spec.hang_timeout.count() == 0 || !one->run->hangs(now))
      continue;
    one->is_hung = true;
    one->run->kill();
  }
}

}  // namespace hawser::actors::detail
