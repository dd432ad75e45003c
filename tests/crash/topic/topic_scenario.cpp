// The processes' parts before and during the operation; topic_judgement.cpp has what follows.

#include "topic_scenario.hpp"

#include <hawser/shm/detail/attachment.hpp>

#include <chrono>
#include <filesystem>
#include <future>

namespace hawser::test {

using namespace on_topic;
using namespace std::chrono_literals;
using shm::delivery;
using shm::push_status;

template <class T>
std::uint64_t topic_scenario<T>::take(subscription& from) const {
  const auto message = from.try_take();
  if (!message) throw std::runtime_error("nothing to take");
  return maker::id_of(*message);
}

template <class T>
void topic_scenario<T>::arrange(int object) {
  shm::detail::set_wait_slices(slices());
  if (object != object_) {
    finish();
    name_ = name_of(object);
    topic_.emplace(create_only, name_,
                   shm::topic_options{.capacity = capacity, .message_bytes_max = 64});
    raw_.emplace(name_);
    reader_.emplace(topic_->subscribe());
    observer_.emplace(topic_->subscribe({.mode = delivery::latest}));
    object_ = object;
    points_ = 0;
  }
  ++points_;
  released_ = false;
  taken_.clear();

  const auto publish = [&](std::uint64_t id) {
    if (topic_->try_publish(maker::make(id)) != push_status::ok)
      throw std::runtime_error("cannot publish while arranging");
  };
  // A lap that the observer does not take: whoever publishes writes over what it is to read.
  for (std::uint64_t i = 0; i < capacity; ++i) {
    publish(of_lap + i);
    (void)take(*reader_);
  }
  start_ = reader_->position();
  for (std::uint64_t id = 1; id <= case_.before; ++id) publish(id);
  for (std::size_t i = 0; case_.taken && i < case_.before; ++i) taken_.push_back(take(*reader_));
  if (case_.impatient)
    impatient_.emplace(topic_->subscribe({.history = case_.before, .patience = 0ns}));
}

template <class T>
void topic_scenario<T>::occupy(int object) {
  namespace d = shm::detail;
  const std::string name = name_of(object);
  if (case_.corpse == leftover::subscriber) {
    own_subscription_.emplace(open_only, name,
                              shm::subscription_options{.history = 1, .lag_max = 1});
    return;
  }
  own_.emplace(open_only, name);
  const topic_segment raw(name);
  d::topic_layout& t = raw.topic();
  const std::uint64_t tail = t.tail.load();
  const auto leave = [&](d::topic_slot_kind kind, std::uint64_t id, std::uint64_t position) {
    const T message = maker::make(id);
    d::write_message(d::message_io<T>::prepare(message), raw.payload(position));
    raw.slot_state(position).store(d::topic_slot_state::make(kind, position).bits);
  };
  t.publishers.owner.store(raw.own_tag());
  switch (case_.corpse) {
    case leftover::committed: leave(d::topic_slot_kind::full, of_corpse, tail); break;
    case leftover::writing: leave(d::topic_slot_kind::writing, of_corpse + 1, tail); break;
    case leftover::staged:
      leave(d::topic_slot_kind::staged, of_corpse + 1, tail);
      leave(d::topic_slot_kind::staged, of_corpse + 2, tail + 1);
      break;
    case leftover::none:
    case leftover::subscriber:
    case leftover::lock: break;
  }
}

template <class T>
shm::subscription_options topic_scenario<T>::victim_options() const {
  shm::subscription_options options;
  options.mode = case_.latest ? delivery::latest : delivery::lossless;
  options.history = capacity;
  if (victim_subscribes()) options.history = case_.before;
  if (case_.behind != 0) options.lag_max = 1;
  return options;
}

template <class T>
void topic_scenario<T>::enter(int object) {
  shm::detail::set_wait_slices(slices());
  name_ = name_of(object);
  one_ = maker::make(of_victim);
  for (std::uint64_t i = 0; i < 3; ++i) three_.push_back(maker::make(of_victim + i));
  if (case_.what == operation::sweep) {
    own_core_ = std::make_unique<shm::detail::topic_core>(shm::detail::topic_request_for<T>(name_));
    return;
  }
  if (case_.what == operation::attach || case_.what == operation::subscribe) return;
  if (victim_subscribes()) own_subscription_.emplace(open_only, name_, victim_options());
  if (!victim_subscribes() || case_.behind != 0) own_.emplace(open_only, name_);
  for (std::uint64_t i = 0; i < case_.behind; ++i)
    if (own_->try_publish(maker::make(of_entry + i)) != push_status::ok)
      throw std::runtime_error("cannot publish before the operation");
  // The first wait of a process starts a thread, and the first ones spin for longer: neither
  // belongs to the operation.
  for (int i = 0; blocks() && i < 16; ++i) {
    if (case_.what == operation::publish_wait) (void)own_->publish_for(*one_, 10us);
    else (void)own_subscription_->take_for(10us);
  }
}

template <class T>
void topic_scenario<T>::operate() {
  switch (case_.what) {
    case operation::publish: (void)own_->try_publish(*one_); break;
    case operation::publish_wait:
    case operation::publish_on: (void)own_->publish(*one_); break;
    case operation::publish_batch: own_->try_publish_batch(three_); break;
    case operation::take: (void)own_subscription_->try_take(); break;
    case operation::take_wait: (void)own_subscription_->take(); break;
    case operation::read: own_subscription_->try_read().done(); break;
    case operation::subscribe: own_subscription_.emplace(open_only, name_, victim_options()); break;
    case operation::leave: own_subscription_.reset(); break;
    case operation::close: own_->close(); break;
    case operation::attach: own_.emplace(open_only, name_); break;
    case operation::detach: own_.reset(); break;
    case operation::sweep: own_core_->channel().look_for_dead(true); break;
  }
}

template <class T>
std::string topic_scenario<T>::doze(int object) {
  shm::detail::set_wait_slices(false);
  const std::string name = name_of(object);
  if (publisher_sleeps()) {
    if (object != object_) topic_.emplace(open_only, name);
    object_ = object;
    if (case_.other == sleeping::publisher)
      return topic_->publish(maker::make(of_sleeper)) == push_status::ok ? "published" : "closed";
    for (;;) {
      await_callback(shm::ready::writable, nullptr);
      const push_status status = topic_->try_publish(maker::make(of_sleeper));
      if (status != push_status::full) return status == push_status::ok ? "published" : "closed";
    }
  }
  // Leaves when it has something: it is not to be in anybody's way afterwards.
  subscription mine{
      open_only,
      name,
      {.mode = case_.other == sleeping::latest_taker ? delivery::latest : delivery::lossless}};
  for (;;) {
    if (case_.other == sleeping::watcher) await_callback(shm::ready::readable, &mine);
    const auto message = case_.other == sleeping::watcher ? mine.try_take() : mine.take();
    if (message) return std::to_string(maker::id_of(*message));
    if (mine.status() != shm::take_status::empty) return to_string(mine.status());
  }
}

template <class T>
void topic_scenario<T>::await_callback(shm::ready what, subscription* from) {
  std::promise<void> called;
  const auto ring = [&] { called.set_value(); };
  const auto handle =
      from != nullptr ? from->async_wait(what, ring) : topic_->async_wait(what, ring);
  called.get_future().wait();
}

template <class T>
bool topic_scenario<T>::is_dozing(pid_t sleeper, int object) {
  if (case_.other == sleeping::watcher || case_.other == sleeping::space_watcher)
    return topic_segment(name_of(object)).is_armed(sleeper);
  return scenario::is_dozing(sleeper, object);
}

template <class T>
void topic_scenario<T>::release() {
  released_ = true;
  if (case_.what == operation::publish_wait) taken_.push_back(take(*reader_));
  else (void)topic_->try_publish(maker::make(of_release));
}

template <class T>
void topic_scenario<T>::finish() {
  impatient_.reset();
  observer_.reset();
  reader_.reset();
  raw_.reset();
  topic_.reset();
}

template <class T>
std::string topic_scenario<T>::leftovers() {
  std::string words;
  for (const std::string& path : segments_with(unique_ + ".")) {
    words += words.empty() ? path : ", " + path;
    std::filesystem::remove(path);
  }
  return words;
}

template class topic_scenario<fixed_message>;
template class topic_scenario<std::string>;

}  // namespace hawser::test
