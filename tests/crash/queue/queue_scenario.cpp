// The processes' parts before and during the operation; queue_judgement.cpp has what follows.

#include "queue_scenario.hpp"

#include <hawser/shm/detail/attachment.hpp>
#include <hawser/shm/detail/message_io.hpp>

#include <chrono>
#include <filesystem>
#include <future>

namespace hawser::test {

using namespace std::chrono_literals;
using shm::push_status;

template <class T>
queue_scenario<T>::queue_scenario(queue_case c, std::string unique)
    : case_(std::move(c)), unique_(std::move(unique)) {}

template <class T>
void queue_scenario<T>::arrange(int object) {
  shm::detail::set_wait_slices(slices());
  if (object != object_) {
    in_the_way_.reset();
    raw_.reset();
    queue_.reset();
    name_ = name_of(object);
    queue_.emplace(create_only, name_,
                   shm::queue_options{.capacity = case_capacity,
                                      .message_bytes_max = 64,
                                      .attempts_max = case_.attempts_max});
    raw_.emplace(name_);
    object_ = object;
    points_ = 0;
  }
  ++points_;
  released_ = false;

  const auto push = [&](std::uint64_t id) {
    if (queue_->try_push(maker::make(id)) != push_status::ok)
      throw std::runtime_error("cannot push while arranging");
  };
  if (case_.way == obstacle::lease) {
    // One lap, all taken but the first: the next push finds its slot leased.
    for (std::uint64_t i = 0; i < case_capacity; ++i) push(i + 1);
    in_the_way_.emplace(queue_->try_lease());
    for (std::uint64_t i = 1; i < case_capacity; ++i)
      if (!queue_->try_pop()) throw std::runtime_error("cannot pop while arranging");
  }
  for (std::uint64_t id = 1; id <= case_.before; ++id) push(id);
  if (case_.way == obstacle::returned) queue_->try_lease().nack();
}

template <class T>
void queue_scenario<T>::occupy(int object) {
  namespace d = shm::detail;
  own_.emplace(open_only, name_of(object));
  if (case_.corpse == leftover::lease) {
    own_lease_.emplace(own_->try_lease());
    return;
  }
  const raw_segment raw(name_of(object));
  const std::uint32_t tag = raw.own_tag();
  d::queue_layout& q = raw.queue();
  const auto set = [&](d::slot_kind kind, std::uint64_t position) {
    raw.slot_state(position).store(d::slot_state::make(kind, position, 1, d::id_of(tag)).bits);
  };
  const auto write = [&](std::uint64_t id, std::uint64_t position) {
    const T message = maker::make(id);
    d::message_io<T>::write(d::message_io<T>::prepare(message), raw.payload(position));
  };
  const std::uint64_t tail = q.tail.load(), head = q.head.load();
  const bool producers = case_.corpse != leftover::leased && case_.corpse != leftover::popped;
  const bool consumers = !producers || case_.corpse == leftover::both_locks;
  if (producers) q.producers.owner.store(tag);
  if (consumers) q.consumers.owner.store(tag);
  switch (case_.corpse) {
    case leftover::pushed:
      write(of_corpse, tail);
      raw.slot_state(tail).store(d::slot_state::make(d::slot_kind::full, tail).bits);
      break;
    case leftover::staged:
      for (const std::uint64_t at : {tail, tail + 1}) {
        write(of_corpse + 1, at);
        raw.slot_state(at).store(d::slot_state::make(d::slot_kind::staged, at).bits);
      }
      break;
    case leftover::leased:
      raw.mark_holder(tag);
      set(d::slot_kind::leased, head);
      break;
    case leftover::popped:
      raw.slot_state(head).store(d::slot_state::make(d::slot_kind::free, head).bits);
      break;
    case leftover::none:
    case leftover::lease:
    case leftover::both_locks: break;
  }
}

template <class T>
void queue_scenario<T>::enter(int object) {
  shm::detail::set_wait_slices(slices());
  name_ = name_of(object);
  one_ = maker::make(of_victim);
  for (std::uint64_t i = 0; i < 3; ++i) three_.push_back(maker::make(of_victim + i));
  if (case_.what == operation::sweep) {
    shm::detail::queue_request request;
    request.name = name_;
    request.message_bytes = shm::detail::message_io<T>::fixed ? sizeof(T) : 64;
    request.message_alignment = shm::detail::message_io<T>::alignment;
    request.variable = !shm::detail::message_io<T>::fixed;
    request.type_fingerprint = shm::detail::type_fingerprint<T>();
    request.type_name = typeid(T).name();
    own_core_ = std::make_unique<shm::detail::queue_core>(request);
    return;
  }
  if (case_.what == operation::attach) return;
  own_.emplace(open_only, name_);
  if (case_.what == operation::ack || case_.what == operation::nack)
    own_lease_.emplace(own_->try_lease());
  if (case_.closed) own_->close();
  // The first wait of a process starts a thread, and the first ones spin for longer: neither
  // belongs to the operation.
  for (int i = 0; blocks() && i < 16; ++i) {
    if (case_.what == operation::push_wait) (void)own_->push_for(*one_, 10us);
    else (void)own_->pop_for(10us);
  }
}

template <class T>
void queue_scenario<T>::operate() {
  switch (case_.what) {
    case operation::push: (void)own_->try_push(*one_); break;
    case operation::push_wait: (void)own_->push(*one_); break;
    case operation::push_batch: own_->try_push_batch(three_); break;
    case operation::pop: (void)own_->try_pop(); break;
    case operation::pop_wait: (void)own_->pop(); break;
    case operation::lease: own_lease_.emplace(own_->try_lease()); break;
    case operation::lease_wait: own_lease_.emplace(own_->lease()); break;
    case operation::lease_batch: own_leases_ = own_->try_lease_batch(3); break;
    case operation::ack: own_lease_->ack(); break;
    case operation::nack: own_lease_->nack(); break;
    case operation::close: own_->close(); break;
    case operation::attach: own_.emplace(open_only, name_); break;
    case operation::detach: own_.reset(); break;
    case operation::sweep: own_core_->channel().look_for_dead(true); break;
  }
}

template <class T>
std::string queue_scenario<T>::doze(int object) {
  shm::detail::set_wait_slices(false);
  if (object != object_) {
    queue_.reset();
    queue_.emplace(open_only,
                   name_of(object) + (case_.other == sleeping::undertaker ? ".dead" : ""));
    object_ = object;
  }
  switch (case_.other) {
    case sleeping::nobody: break;
    case sleeping::space_watcher:
      for (;;) {
        await_callback(shm::ready::writable);
        const push_status status = queue_->try_push(maker::make(of_sleeper));
        if (status != push_status::full) return status == push_status::ok ? "pushed" : "closed";
      }
    case sleeping::watcher:
      for (;;) {
        await_callback(shm::ready::readable);
        if (const auto message = queue_->try_pop()) return std::to_string(maker::id_of(*message));
        if (queue_->drained()) return "closed";
      }
    case sleeping::pusher:
      return queue_->push(maker::make(of_sleeper)) == push_status::ok ? "pushed" : "closed";
    case sleeping::popper:
    case sleeping::undertaker: {
      const auto message = queue_->pop();
      return message ? std::to_string(maker::id_of(*message)) : "closed";
    }
    case sleeping::leaser: {
      auto message = queue_->lease();
      if (!message) return "closed";
      const std::uint64_t id = maker::id_of(*message);
      message.ack();
      return std::to_string(id);
    }
  }
  return {};
}

template <class T>
void queue_scenario<T>::await_callback(shm::ready what) {
  std::promise<void> called;
  const auto handle = queue_->async_wait(what, [&] { called.set_value(); });
  called.get_future().wait();
}

template <class T>
bool queue_scenario<T>::is_dozing(pid_t sleeper, int object) {
  if (!watches()) return scenario::is_dozing(sleeper, object);
  return raw_segment(name_of(object)).is_armed(sleeper);
}

template <class T>
void queue_scenario<T>::release() {
  released_ = true;
  if (case_.what == operation::push_wait) (void)queue_->try_pop();
  else (void)queue_->try_push(maker::make(of_release));
}

template <class T>
void queue_scenario<T>::finish() {
  in_the_way_.reset();
  raw_.reset();
  queue_.reset();
}

template <class T>
std::string queue_scenario<T>::leftovers() {
  std::string words;
  for (const std::string& path : segments_with(unique_ + ".")) {
    words += words.empty() ? path : ", " + path;
    std::filesystem::remove(path);
  }
  return words;
}

template class queue_scenario<fixed_message>;
template class queue_scenario<std::string>;

}  // namespace hawser::test
