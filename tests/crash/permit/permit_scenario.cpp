// The processes' parts before and during the operation; permit_judgement.cpp has what follows.

#include "permit_scenario.hpp"

#include <filesystem>
#include <future>
#include <stdexcept>

namespace hawser::test {

using namespace std::chrono_literals;
using shm::detail::channel_kind;
using shm::detail::held_row;
using shm::detail::id_of;

permit_scenario::permit_scenario(channel_kind kind, permit_case c, std::string unique)
    : kind_(kind),
      case_(std::move(c)),
      total_(kind == channel_kind::semaphore ? 3
             : kind == channel_kind::lock    ? 1
                                             : shm::detail::shared_lock_permits),
      unique_(std::move(unique)) {}

std::string permit_scenario::name() const {
  const char* const word = kind_ == channel_kind::semaphore ? "semaphore."
                           : kind_ == channel_kind::lock    ? "lock."
                                                            : "shared_lock.";
  return word + case_.name;
}

std::string permit_scenario::outcome_words(int outcome) const {
  if (!determined()) return "all back";
  if (case_.what == permit_operation::release)
    return outcome == 0 ? "back by its death" : "released";
  return outcome == 0 ? "not acquired" : "acquired, and back by its death";
}

std::unique_ptr<permit_scenario::core> permit_scenario::open(int object,
                                                             shm::detail::opening how) const {
  shm::detail::permit_request request;
  request.name = name_of(object);
  request.how = how;
  request.kind = kind_;
  request.permits = total_;
  return std::make_unique<core>(request);
}

bool permit_scenario::determined() const { return !case_.undetermined && before() != after(); }

std::uint32_t permit_scenario::after() const {
  switch (case_.what) {
    case permit_operation::try_acquire:
    case permit_operation::acquire_wait: return case_.of_victim + case_.n;
    case permit_operation::release:
      return case_.n <= case_.of_victim ? case_.of_victim - case_.n : case_.of_victim;
    default: return case_.of_victim;
  }
}

void permit_scenario::arrange(int object) {
  shm::detail::set_wait_slices(slices());
  // Steps take long: whoever is stepped must not be passed over for it.
  core::set_patience(slices() ? 10ms : 1h);
  if (object != object_) {
    finish();
    core_ = open(object, shm::detail::opening::create_only);
    raw_.emplace(name_of(object));
    object_ = object;
    points_ = 0;
  }
  ++points_;
  told_ = false;
  reclaimed_before_ = core_->counters().reclaimed;
  body().next_ticket.store(1000);  // behind those that join by hand
  if (case_.of_survivor != 0 && !core_->try_acquire(case_.of_survivor))
    throw std::runtime_error("cannot acquire while arranging");
  held_ = case_.of_survivor;
}

void permit_scenario::join(const raw_segment& raw, std::uint32_t n) {
  layout& p = raw.body<layout>();
  const std::uint32_t tag = raw.own_tag();
  raw.mark_holder(tag);
  auto& place = p.waiters[0];
  place.n.store(n);
  place.ticket.store(1);
  place.called_ns.store(0);
  place.word.store(0);
  p.places.store(1);
  p.window_ns.store(0);  // nobody may overtake it
  p.demand.store(n);
  place.tag.store(tag);
}

void permit_scenario::occupy(int object) {
  own_ = open(object, shm::detail::opening::open_only);
  const std::uint32_t n = case_.of_corpse;
  if (case_.corpse == permit_corpse::holder) {
    if (!own_->try_acquire(n)) throw std::runtime_error("cannot acquire while occupying");
    return;
  }
  const raw_segment raw(name_of(object));
  const std::uint32_t tag = raw.own_tag();
  layout& p = raw.body<layout>();
  if (case_.corpse == permit_corpse::waiter) {
    join(raw, n);
    return;
  }
  p.inner.owner.store(tag);
  p.busy.store(tag);
  if (case_.corpse == permit_corpse::joining) p.demand.store(n);
  else p.available.store(p.available.load() - n);
  if (case_.corpse == permit_corpse::acquired)
    p.held[id_of(tag)].store(held_row::make(tag, n).bits);
}

void permit_scenario::enter(int object) {
  shm::detail::set_wait_slices(slices());
  core::set_patience(slices() ? 10ms : 1h);
  object_ = object;
  if (case_.what == permit_operation::attach) return;
  own_ = open(object, shm::detail::opening::open_only);
  raw_.emplace(name_of(object));
  if (case_.of_victim != 0) {
    // By hand: the occupant may be inside.
    const std::uint32_t tag = own_->tag_if_attached();
    body().available.store(body().available.load() - case_.of_victim);
    body().held[id_of(tag)].store(held_row::make(tag, case_.of_victim).bits);
  }
  if (case_.what == permit_operation::give_up) join(*raw_, case_.n);
  // The first wait of a process starts a thread, and the first ones spin for longer: neither
  // belongs to the operation.
  for (int i = 0; blocks() && i < 16; ++i)
    (void)own_->acquire(total_, shm::detail::deadline_after(10us));
}

void permit_scenario::operate() {
  switch (case_.what) {
    case permit_operation::try_acquire: own_->try_acquire(case_.n); break;
    case permit_operation::acquire_wait: own_->acquire(case_.n, {}); break;
    case permit_operation::give_up:
      own_->wait_in_line(reinterpret_cast<layout*>(own_->channel().body())->waiters[0], case_.n,
                         own_->tag_if_attached(), shm::detail::deadline_after(0s));
      break;
    case permit_operation::release: own_->release(case_.n); break;
    case permit_operation::attach: own_ = open(object_, shm::detail::opening::open_only); break;
    case permit_operation::detach: own_.reset(); break;
    case permit_operation::sweep: own_->channel().look_for_dead(true); break;
  }
}

std::string permit_scenario::doze(int object) {
  shm::detail::set_wait_slices(false);
  core::set_patience(1h);
  if (object != object_) {
    core_.reset();
    core_ = open(object, shm::detail::opening::open_only);
    object_ = object;
  }
  const std::uint32_t n = wanted_by_sleeper();
  if (case_.watcher == 0) {
    core_->acquire(n, {});
  } else {
    do {
      std::promise<void> called;
      const shm::async_wait_handle handle{core_->async_wait(n, [&] { called.set_value(); })};
      called.get_future().wait();
    } while (!core_->try_acquire(n));
  }
  const bool told = exclusive(n) && core_->owner_died();
  core_->release(n);
  return told ? "told" : "got";
}

bool permit_scenario::is_dozing(pid_t sleeper, int object) {
  if (case_.watcher == 0) return scenario::is_dozing(sleeper, object);
  return raw_segment(name_of(object)).is_armed(sleeper);
}

void permit_scenario::release() {
  if (held_ != 0) core_->release(std::exchange(held_, 0));
}

void permit_scenario::finish() {
  raw_.reset();
  core_.reset();
}

std::string permit_scenario::leftovers() {
  std::string words;
  for (const std::string& path : segments_with(unique_ + ".")) {
    words += words.empty() ? path : ", " + path;
    std::filesystem::remove(path);
  }
  return words;
}

}  // namespace hawser::test
