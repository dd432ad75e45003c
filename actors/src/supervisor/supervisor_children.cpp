// Of the supervisor: one child at a time, and what others ask for.
#include "supervisor_core.hpp"

#include <algorithm>
#include <future>
#include <utility>

namespace hawser::actors::detail {
namespace {

// From the end by force until it is noticed. A killed process ends at once; an actor when its handler
// returns, which nobody can force.
constexpr std::chrono::milliseconds kill_timeout{2'000};

thread_local bool is_in_callback = false;

}  // namespace

bool in_event_callback() noexcept { return is_in_callback; }

void supervisor_core::tell(supervisor_event event) const {
  event.child = place_.path + event.child;
  if (event.what == supervisor_event::kind::gave_up) event.child = own_name();
  const bool before = std::exchange(is_in_callback, true);
  place_.tell(event);
  is_in_callback = before;
}

std::string supervisor_core::own_name() const {
  return place_.path.substr(0, place_.path.size() - std::min<std::size_t>(place_.path.size(), 1));
}

void supervisor_core::set_state(child& one, child_state state) {
  const std::scoped_lock hold{mutex_};
  one.state = state;
  one.since = supervisor_clock::now();
}

std::size_t supervisor_core::index_of(const child& one) const {
  return static_cast<std::size_t>(
      std::find_if(children_.begin(), children_.end(),
                   [&](const child_pointer& other) { return other.get() == &one; }) -
      children_.begin());
}

void supervisor_core::forget(const child& one) {
  const std::scoped_lock hold{mutex_};
  children_.erase(children_.begin() + static_cast<std::ptrdiff_t>(index_of(one)));
}

void supervisor_core::record_end(child& one, child_end end) {
  end.name = place_.path + one.spec.name;
  std::unique_ptr<child_run> over;  // ends outside the lock: a subtree joins its thread
  {
    const std::scoped_lock hold{mutex_};
    over = std::move(one.run);
    one.last_end = end;
    one.is_hung = false;
  }
  over.reset();
  supervisor_event event{};
  event.what = supervisor_event::kind::ended;
  event.child = one.spec.name;
  event.pid = end.pid;
  event.end = std::move(end);
  tell(std::move(event));
}

void supervisor_core::start_one(child& one) {
  set_state(one, child_state::starting);
  const std::uint64_t life = ++lives_;
  std::unique_ptr<child_run> run;
  try {
    run = one.spec.make({place_.system, place_.path + one.spec.name + '/', place_.tell});
    run->start(give_up_starts_.get_token(), [left = inbox_, life] {
      const std::scoped_lock hold{left->mutex};
      left->ended.insert(life);
      left->changed.notify_all();
    });
  } catch (const std::exception& failed) {
    child_end end = run ? run->end() : child_end{};
    end.kind = end_kind::start_failed;
    end.text = failed.what();
    run.reset();
    record_end(one, std::move(end));
    set_state(one, child_state::stopped);
    throw;
  }
  const pid_t pid = run->pid();
  one.delay.started(supervisor_clock::now());
  {
    const std::scoped_lock hold{mutex_};
    one.run = std::move(run);
    one.life = life;
    one.due.reset();
    one.stopped_by_user = false;
  }
  set_state(one, child_state::running);
  tell({supervisor_event::kind::started, one.spec.name, pid, {}, {}, 0, 0, {}});
}

bool supervisor_core::await_life(const child& one, std::chrono::milliseconds timeout) {
  std::unique_lock hold{inbox_->mutex};
  const auto has_ended = [&] { return inbox_->ended.contains(one.life); };
  if (timeout.count() > 0) inbox_->changed.wait_for(hold, timeout, has_ended);
  else inbox_->changed.wait(hold, has_ended);
  return inbox_->ended.erase(one.life) > 0;
}

void supervisor_core::stop_one(child& one) {
  set_state(one, child_state::stopping);
  bool has_ended;
  {
    const std::scoped_lock hold{inbox_->mutex};
    has_ended = inbox_->ended.erase(one.life) > 0;
  }
  const bool by_itself = has_ended;
  bool forced = false;
  if (!has_ended) {
    one.run->ask_to_end();
    const bool is_tree = one.spec.what == child_info::kind::supervisor;
    // 0 would be without end.
    has_ended =
        await_life(one, is_tree ? std::chrono::milliseconds{0}
                                : std::max(one.spec.stop_timeout, std::chrono::milliseconds{1}));
    if (!has_ended) {
      forced = true;
      one.run->kill();
      has_ended = await_life(one, kill_timeout);
    }
  }
  child_end end;
  if (has_ended) end = one.run->end();
  else end.text = "it does not end, and was left behind";
  if (!by_itself) {
    end.kind = has_ended ? end_kind::stopped : end_kind::hung;
    if (forced && has_ended) end.text += ", as it had not ended in time";
  }
  record_end(one, std::move(end));
  set_state(one, child_state::stopped);
}

void supervisor_core::finish() {
  for (std::size_t i = children_.size(); i-- > 0;) {
    child& one = *children_[i];
    one.due.reset();
    if (one.run) stop_one(one);
    else if (one.state != child_state::stopped) set_state(one, child_state::stopped);
  }
  std::vector<std::function<void()>> jobs;
  {
    const std::scoped_lock hold{inbox_->mutex};
    inbox_->closed = true;
    jobs.swap(inbox_->jobs);
  }
  jobs.clear();  // who waits for one learns that it is not done
  std::function<void()> ended;
  {
    const std::scoped_lock hold{end_mutex_};
    if (!end_) end_ = child_end{{}, end_kind::stopped, "stopped", 0, {}, {}};
    is_over_ = true;
    ended = std::move(on_end_);
    end_changed_.notify_all();
  }
  if (ended) ended();
}

std::vector<child_info> supervisor_core::children() const {
  const std::scoped_lock hold{mutex_};
  std::vector<child_info> all;
  for (const child_pointer& one : children_) {
    child_info info{};
    info.name = place_.path + one->spec.name;
    info.what = one->spec.what;
    info.state = one->state;
    if (one->run) {
      info.pid = one->run->pid();
      info.actor = one->run->actor();
    }
    info.restarts = one->restarts;
    info.since = one->since;
    info.last_end = one->last_end;
    all.push_back(std::move(info));
    const auto tree = one->run ? one->run->tree() : nullptr;
    if (!tree) continue;
    for (child_info& below : tree->children()) all.push_back(std::move(below));
  }
  return all;
}

void supervisor_core::in_thread(const char* operation, std::string_view name,
                                std::function<void()> job) {
  if (in_event_callback())
    throw make_error(errc::not_supported, operation, name,
                     "an event callback cannot wait for its supervisor; let another thread do it");
  auto task = std::make_shared<std::packaged_task<void()>>(std::move(job));
  auto done = task->get_future();
  {
    const std::scoped_lock hold{inbox_->mutex};
    if (!inbox_->closed) inbox_->jobs.push_back([task] { (*task)(); });
    inbox_->changed.notify_all();
  }
  task.reset();  // so that the promise is broken when the supervisor drops it
  try {
    done.get();
  } catch (const std::future_error&) {
    throw make_error(errc::not_supported, operation, name,
                     "the supervisor has ended; start it again");
  }
}

std::shared_ptr<supervisor_core> supervisor_core::subtree_of(const char* operation,
                                                             std::string_view& name) {
  const std::size_t split = name.find('/');
  if (split == std::string_view::npos) return nullptr;
  const std::string_view first = name.substr(0, split);
  const std::scoped_lock hold{mutex_};
  for (const child_pointer& one : children_) {
    if (one->spec.name != first || !one->run) continue;
    name.remove_prefix(split + 1);
    if (auto tree = one->run->tree()) return tree;
  }
  throw make_error(errc::not_found, operation, name,
                   "there is no subtree of this name that runs; see children()");
}

supervisor_core::child& supervisor_core::find(const char* operation, std::string_view name) {
  for (const child_pointer& one : children_)
    if (one->spec.name == name) return *one;
  throw make_error(errc::not_found, operation, name,
                   "the supervisor has no child of this name; see children()");
}

void supervisor_core::add(child_spec spec) {
  const std::string name = spec.name;
  in_thread("add child", name, [this, spec = std::move(spec)]() mutable {
    supervisor_plan known;
    for (const child_pointer& one : children_) known.children.push_back(one->spec);
    known.add(spec);
    auto added = std::make_unique<child>(child{std::move(spec), restart_delay{options_.backoff}});
    child& one = *added;
    {
      const std::scoped_lock hold{mutex_};
      children_.push_back(std::move(added));
    }
    try {
      start_one(one);
    } catch (...) {
      forget(one);
      throw;
    }
  });
}

void supervisor_core::stop_child(std::string_view name) {
  if (const auto tree = subtree_of("stop child", name)) return tree->stop_child(name);
  in_thread("stop child", name, [this, name] {
    child& one = find("stop child", name);
    one.due.reset();
    one.stopped_by_user = true;
    if (one.run) stop_one(one);
    else set_state(one, child_state::stopped);
    if (one.spec.restart == restart_when::temporary) forget(one);
  });
}

void supervisor_core::restart_child(std::string_view name) {
  if (const auto tree = subtree_of("restart child", name)) return tree->restart_child(name);
  in_thread("restart child", name, [this, name] {
    child& one = find("restart child", name);
    one.due.reset();
    if (one.run) stop_one(one);
    one.stopped_by_user = true;  // until it is started: it stays down if that fails
    start_one(one);
  });
}

void supervisor_core::remove_child(std::string_view name) {
  if (const auto tree = subtree_of("remove child", name)) return tree->remove_child(name);
  in_thread("remove child", name, [this, name] {
    child& one = find("remove child", name);
    if (one.run) stop_one(one);
    forget(one);
  });
}

}  // namespace hawser::actors::detail
