// The processes' parts before and during the operation; event_judgement.cpp has what follows.

#include "event_scenario.hpp"

#include <hawser/shm/detail/attachment.hpp>
#include <hawser/shm/wait_any.hpp>

#include <chrono>
#include <filesystem>
#include <future>

namespace hawser::test {

using namespace std::chrono_literals;
using shm::detail::event_layout;

std::vector<event_case> event_cases() {
  using enum event_case::operation;
  using enum event_case::leftover;
  using enum event_case::sleeping;
  return {
      {.name = "is_set.clear", .what = is_set},
      {.name = "is_set.set", .what = is_set, .begins_set = true},
      {.name = "set.clear", .what = set},
      {.name = "set.clear+waiter", .what = set, .other = waiter},
      {.name = "set.clear+watcher", .what = set, .other = watcher},
      {.name = "set.clear+any", .what = set, .other = any},
      {.name = "set.set", .what = set, .begins_set = true},
      {.name = "set.after_set", .what = set, .corpse = committed},
      {.name = "set.beside_corpse+waiter", .what = set, .corpse = idle, .other = waiter},
      {.name = "clear.set", .what = clear, .begins_set = true},
      {.name = "clear.clear", .what = clear},
      {.name = "clear.clear+waiter", .what = clear, .other = waiter},
      {.name = "clear.clear+watcher", .what = clear, .other = watcher},
      {.name = "clear.after_set", .what = clear, .corpse = committed},
      {.name = "pulse.clear", .what = pulse},
      {.name = "pulse.clear+waiter", .what = pulse, .other = waiter},
      {.name = "pulse.clear+watcher", .what = pulse, .other = watcher},
      {.name = "pulse.clear+any", .what = pulse, .other = any},
      {.name = "wait.clear", .what = wait},
      {.name = "wait.set", .what = wait, .begins_set = true},
      {.name = "arm.clear", .what = arm},
      {.name = "arm.clear+waiter", .what = arm, .other = waiter},
      {.name = "arm.clear+watcher", .what = arm, .other = watcher},
      {.name = "disarm.clear+any", .what = disarm, .other = any},
      {.name = "attach.clear", .what = attach},
      {.name = "attach.beside_corpse", .what = attach, .corpse = committed},
      {.name = "attach.clear+waiter", .what = attach, .other = waiter},
      {.name = "attach.clear+watcher", .what = attach, .other = watcher},
      {.name = "detach.clear", .what = detach},
      {.name = "detach.clear+waiter", .what = detach, .other = waiter},
      {.name = "sweep.idle", .what = sweep, .corpse = idle},
      {.name = "sweep.idle+waiter", .what = sweep, .corpse = idle, .other = waiter},
      {.name = "sweep.idle+watcher", .what = sweep, .corpse = idle, .other = watcher},
      {.name = "sweep.after_set", .what = sweep, .corpse = committed},
  };
}

void event_scenario::set_and_wake_nobody(const raw_segment& raw) {
  auto& state = raw.body<event_layout>().state;
  state.store(shm::detail::event_state_after_set(state.load()));
}

void event_scenario::arrange(int object) {
  shm::detail::set_wait_slices(slices());
  if (object != object_) {
    raw_.reset();
    event_.reset();
    name_ = name_of(object);
    event_.emplace(create_only, name_);
    raw_.emplace(name_);
    object_ = object;
  }
  released_ = false;
  if (case_.begins_set) event_->set();
  else event_->clear();
  before_ = event_->sets();
}

void event_scenario::occupy(int object) {
  own_.emplace(open_only, name_of(object));
  if (case_.corpse == event_case::committed) set_and_wake_nobody(raw_segment{name_of(object)});
}

void event_scenario::enter(int object) {
  shm::detail::set_wait_slices(slices());
  name_ = name_of(object);
  if (case_.what == event_case::attach) return;
  if (case_.what == event_case::sweep) {
    shm::detail::event_request request;
    request.name = name_;
    own_core_ = std::make_unique<shm::detail::event_core>(request);
    return;
  }
  own_.emplace(open_only, name_);
  if (case_.what == event_case::pulse) raw_.emplace(name_);
  // The first wait of a process starts a thread, and the first ones spin for longer: neither
  // belongs to the operation.
  for (int i = 0; blocks() && i < 16; ++i) (void)own_->wait_for(10us);
  if (case_.what != event_case::arm && case_.what != event_case::disarm) return;
  shm::condition first{*own_};
  (void)first.arm([] {});
  wait_.emplace(*own_);
  if (case_.what == event_case::disarm) (void)wait_->arm([] {});
}

void event_scenario::operate() {
  switch (case_.what) {
    case event_case::is_set: (void)own_->is_set(); break;
    case event_case::set: own_->set(); break;
    case event_case::clear: own_->clear(); break;
    case event_case::pulse:
      set_and_wake_nobody(*raw_);
      own_->clear();
      break;
    case event_case::wait: own_->wait(); break;
    case event_case::arm: (void)wait_->arm([] {}); break;
    case event_case::disarm: wait_->disarm(); break;
    case event_case::attach: own_.emplace(open_only, name_); break;
    case event_case::detach: own_.reset(); break;
    case event_case::sweep: own_core_->channel().look_for_dead(true); break;
  }
}

std::string event_scenario::doze(int object) {
  shm::detail::set_wait_slices(false);
  if (object != object_) {
    quiet_.reset();
    event_.reset();
    event_.emplace(open_only, name_of(object));
    if (case_.other == event_case::any) quiet_.emplace(create_only, name_of(object) + ".quiet");
    object_ = object;
  }
  switch (case_.other) {
    case event_case::watcher: {
      std::promise<void> called;
      const auto handle = event_->async_wait([&] { called.set_value(); });
      called.get_future().wait();
      return "woken";
    }
    case event_case::any:
      (void)event_->is_set();  // what came before is no news
      return shm::wait_any(*quiet_, *event_) == 1 ? "woken" : "woken by another one";
    default: event_->wait(); return "woken";
  }
}

bool event_scenario::is_dozing(pid_t sleeper, int object) {
  if (case_.other == event_case::waiter) return scenario::is_dozing(sleeper, object);
  return raw_segment(name_of(object)).is_armed(sleeper);
}

void event_scenario::release() {
  released_ = true;
  event_->set();
}

void event_scenario::finish() {
  raw_.reset();
  quiet_.reset();
  event_.reset();
}

std::string event_scenario::leftovers() {
  std::string words;
  for (const std::string& path : segments_with(unique_ + ".")) {
    words += words.empty() ? path : ", " + path;
    std::filesystem::remove(path);
  }
  return words;
}

}  // namespace hawser::test
