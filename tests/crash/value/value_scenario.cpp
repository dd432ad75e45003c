// The processes' parts before and during the operation; value_judgement.cpp has what follows.

#include "value_scenario.hpp"

#include <hawser/shm/detail/attachment.hpp>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <future>

namespace hawser::test {

using namespace std::chrono_literals;

std::vector<value_case> value_cases() {
  using enum value_case::operation;
  using enum value_case::leftover;
  using enum value_case::sleeping;
  return {
      {.name = "load.quiet", .what = load},
      {.name = "load.after_half", .what = load, .corpse = half},
      {.name = "load_locked.quiet", .what = load_locked},
      {.name = "load_locked.after_half", .what = load_locked, .corpse = half},
      {.name = "store.quiet", .what = store},
      {.name = "store.quiet+waiter", .what = store, .other = waiter},
      {.name = "store.quiet+watcher", .what = store, .other = watcher},
      {.name = "store.after_half", .what = store, .corpse = half},
      {.name = "store.after_committed", .what = store, .corpse = committed},
      {.name = "exchange.quiet", .what = exchange},
      {.name = "exchange.quiet+waiter", .what = exchange, .other = waiter},
      {.name = "compare_exchange.quiet", .what = compare_exchange},
      {.name = "update.quiet", .what = update},
      {.name = "update.quiet+waiter", .what = update, .other = waiter},
      {.name = "update.quiet+watcher", .what = update, .other = watcher},
      {.name = "update.after_half", .what = update, .corpse = half},
      {.name = "update.after_committed", .what = update, .corpse = committed},
      {.name = "update.after_half+writer", .what = update, .corpse = half, .other = writer},
      {.name = "wait_change.quiet", .what = wait_change},
      {.name = "attach.quiet", .what = attach},
      {.name = "attach.beside_corpse", .what = attach, .corpse = half},
      {.name = "attach.quiet+waiter", .what = attach, .other = waiter},
      {.name = "attach.quiet+watcher", .what = attach, .other = watcher},
      {.name = "detach.quiet", .what = detach},
      {.name = "detach.quiet+waiter", .what = detach, .other = waiter},
      {.name = "sweep.idle", .what = sweep, .corpse = idle},
      {.name = "sweep.half", .what = sweep, .corpse = half},
      {.name = "sweep.half+writer", .what = sweep, .corpse = half, .other = writer},
      {.name = "sweep.half+waiter", .what = sweep, .corpse = half, .other = waiter},
      {.name = "sweep.half+watcher", .what = sweep, .corpse = half, .other = watcher},
      {.name = "sweep.committed", .what = sweep, .corpse = committed},
  };
}

void value_scenario::arrange(int object) {
  shm::detail::set_wait_slices(slices());
  if (object != object_) {
    raw_.reset();
    value_.reset();
    name_ = name_of(object);
    value_.emplace(create_only, name_, whole_number::of(at_start));
    raw_.emplace(name_);
    object_ = object;
  }
  released_ = false;
  value_->store(whole_number::of(at_start));
  before_ = value_->version();
}

void value_scenario::occupy(int object) {
  own_.emplace(open_only, name_of(object));
  if (case_.corpse == value_case::idle) return;
  const raw_segment raw(name_of(object));
  auto& v = raw.body<shm::detail::value_layout>();
  v.writers.owner.store(raw.own_tag());
  const std::uint64_t now = v.version.load();
  const whole_number next = whole_number::of(of_value_corpse);
  const bool whole = case_.corpse == value_case::committed;
  std::memcpy(reinterpret_cast<std::byte*>(&v + 1) + ((now + 1) & 1) * v.copy_bytes, &next,
              whole ? sizeof next : sizeof next / 2);
  if (whole) v.version.store(now + 1);
}

void value_scenario::enter(int object) {
  shm::detail::set_wait_slices(slices());
  name_ = name_of(object);
  if (case_.what == value_case::attach) return;
  if (case_.what == value_case::sweep || case_.what == value_case::load_locked) {
    shm::detail::value_request request;
    request.name = name_;
    request.value_bytes = sizeof(whole_number);
    request.type_fingerprint = shm::detail::type_fingerprint<whole_number>();
    request.type_name = typeid(whole_number).name();
    own_core_ = std::make_unique<shm::detail::value_core>(request);
    return;
  }
  own_.emplace(open_only, name_);
  // The first wait of a process starts a thread, and the first ones spin for longer: neither
  // belongs to the operation.
  for (int i = 0; blocks() && i < 16; ++i) (void)own_->wait_change_for(own_->version(), 10us);
  before_ = own_->version();
}

void value_scenario::operate() {
  const auto next = whole_number::of(of_value_victim);
  switch (case_.what) {
    case value_case::load: got_ = own_->load(); break;
    case value_case::load_locked:
      own_core_->load_among_writers(reinterpret_cast<std::byte*>(&got_), sizeof got_);
      break;
    case value_case::store: own_->store(next); break;
    case value_case::exchange: got_ = own_->exchange(next); break;
    case value_case::compare_exchange:
      got_ = whole_number::of(at_start);
      own_->compare_exchange(got_, next);
      break;
    case value_case::update: own_->update([&](whole_number& n) { n = next; }); break;
    case value_case::wait_change: got_ = own_->wait_change(before_).value; break;
    case value_case::attach: own_.emplace(open_only, name_); break;
    case value_case::detach: own_.reset(); break;
    case value_case::sweep: own_core_->channel().look_for_dead(true); break;
  }
}

std::string value_scenario::doze(int object) {
  shm::detail::set_wait_slices(false);
  if (object != object_) {
    value_.reset();
    value_.emplace(open_only, name_of(object));
    object_ = object;
  }
  if (case_.other == value_case::writer) {
    value_->store(whole_number::of(of_value_sleeper));
    return "stored";
  }
  const std::uint64_t seen = value_->version();
  if (case_.other == value_case::watcher) {
    std::promise<void> called;
    const auto handle = value_->async_wait(seen, [&] { called.set_value(); });
    called.get_future().wait();
    return std::to_string(value_->load().id());
  }
  return std::to_string(value_->wait_change(seen).value.id());
}

bool value_scenario::is_dozing(pid_t sleeper, int object) {
  if (case_.other != value_case::watcher) return scenario::is_dozing(sleeper, object);
  return raw_segment(name_of(object)).is_armed(sleeper);
}

void value_scenario::release() {
  released_ = true;
  value_->store(whole_number::of(of_value_release));
}

void value_scenario::finish() {
  raw_.reset();
  value_.reset();
}

std::string value_scenario::leftovers() {
  std::string words;
  for (const std::string& path : segments_with(unique_ + ".")) {
    words += words.empty() ? path : ", " + path;
    std::filesystem::remove(path);
  }
  return words;
}

}  // namespace hawser::test
