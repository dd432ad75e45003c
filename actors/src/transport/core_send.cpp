// What any thread asks of the transport: handles, and messages to them.

#include "content.hpp"
#include "core.hpp"
#include "packing.hpp"
#include "proxy.hpp"
#include <hawser/actors/peer_error.hpp>

#include <caf/actor_registry.hpp>
#include <caf/blocking_actor.hpp>
#include <caf/logger.hpp>
#include <caf/make_actor.hpp>

#include <cstring>
#include <unordered_set>
#include <utility>

namespace hawser::actors::detail {

void transport_core::remember(const caf::strong_actor_ptr& actor) {
  // Putting takes the registry's lock for itself. Ids are not used again, addresses are.
  thread_local std::uint64_t of = 0;
  thread_local std::unordered_set<caf::actor_id> known;
  constexpr std::size_t known_max = 4096;
  if (of != serial_ || known.size() > known_max) {
    known.clear();
    of = serial_;
  }
  if (!known.insert(actor->id()).second) return;
  {
    const std::scoped_lock hold{remembered_mutex_};
    if (!remembered_.insert(actor->id()).second) return;
  }
  system_.registry().put(actor->id(), actor);
  actor->get()->attach_functor([weak = weak_from_this(), id = actor->id()] {
    if (const auto self = weak.lock()) {
      const std::scoped_lock hold{self->remembered_mutex_};
      self->remembered_.erase(id);
    }
  });
}

caf::strong_actor_ptr transport_core::resolve(const wire_node& node, caf::actor_id actor) {
  if (actor == 0 || !node) return nullptr;
  if (node == node_) return system_.registry().get(actor);
  return proxies_.get_or_put(node.id(), actor);
}

caf::strong_actor_ptr transport_core::make_proxy(caf::node_id node, caf::actor_id actor) {
  auto to = peer_of(wire_node::of(node));
  // In front of the first message to it: so its end is heard of, however soon it comes.
  tell(*to, {.kind = frame_kind::watch, .target = actor});
  caf::actor_config config;
  return caf::make_actor<proxy, caf::strong_actor_ptr>(actor, std::move(node), &system_, config,
                                                       shared_from_this(), std::move(to));
}

void transport_core::refuse(caf::mailbox_element& what, caf::error reason, context* unit) {
  if (!what.mid.is_request() || !what.sender) return;
  what.sender->enqueue(
      make_element(nullptr, what.mid.response_id(), caf::make_message(std::move(reason))), unit);
}

void transport_core::send(const std::shared_ptr<peer>& to, caf::actor_id target,
                          caf::mailbox_element& what, context* unit) {
  thread_local message_buffer frame;
  frame.clear();
  luggage with;
  frame_header header{.kind = frame_kind::message,
                      .stages = static_cast<std::uint16_t>(stages_of(what).size()),
                      .mid = what.mid.integer_value(),
                      .target = target};
  const auto node_of = [&](const caf::strong_actor_ptr& actor) {
    if (actor->node() != system_.node()) return wire_node::of(actor->node());
    remember(actor);
    return node_;
  };
  wire_node source;
  if (what.sender) {
    source = node_of(what.sender);
    header.source = what.sender->id();
    if (source != node_) header.flags = frame_header::foreign;
  }
  append(frame, header);
  if (header.flags != 0) append(frame, source);
  for (const auto& stage : stages_of(what))
    append(frame, stage ? wire_actor{stage->id(), node_of(stage)} : wire_actor{});
  frame.begin_content(options_.loan_bytes != 0 ? &loan_pool_ : nullptr, options_.loan_bytes);
  caf::error failed;
  {
    const packing collects{loan_pool_, with};
    failed = save_content(system_, frame, what.content());
  }
  if (failed) {
    frame.clear();  // it may hold a loan
    not_encodable_.fetch_add(1, std::memory_order_relaxed);
    CAF_LOG_ERROR("cannot send message:" << CAF_ARG(failed));
    return refuse(what, std::move(failed), unit);
  }
  const bool asks = what.mid.is_request() && what.sender, asks_for_us = asks && source == node_;
  if (asks_for_us) pending_.add(what.sender, what.mid, to);
  // A thread that belongs to the sender alone may wait; one of a timer that sends for it may not.
  const bool may_wait = unit != nullptr && what.sender && source == node_ &&
                        what.sender->get()->getf(caf::abstract_actor::is_blocking_flag);
  const auto urgency = may_wait ? outbox::urgency::may_wait : outbox::urgency::message;
  if (shm::payload content = frame.take_loan()) {
    header.flags |= frame_header::whole;
    with.loan_bytes = content.size();
    with.loans.push_back(std::move(content));
  }
  if (!with.loans.empty()) {
    header.flags |= frame_header::lent;
    header.loans = static_cast<std::uint32_t>(with.loans.size());
    for (const auto& one : with.loans) append(frame, loan_size{one.size()});
    std::memcpy(frame.data(), &header, sizeof header);
  }
  const auto result = to->out.send(frame.frame(), urgency, std::move(with));
  frame.shrink();
  if (result == outbox::result::taken) {
    if (asks && !asks_for_us) tell_moved(source, header.source, header.mid, to->node);
    return;
  }
  if (asks_for_us && !pending_.remove(header.source, what.mid)) return;  // it was answered already
  refuse(what, result == outbox::result::closed ? to->reason() : make_error(peer_error::congested),
         unit);
}

/// Who asked hears that another process is going to answer: if that one dies, it need not wait.
void transport_core::tell_moved(const wire_node& asker, caf::actor_id requester, std::uint64_t mid,
                                const wire_node& by) {
  frame_buffer frame = frame_of({.kind = frame_kind::moved, .mid = mid, .target = requester});
  append(frame, by);
  peer_of(asker)->out.send(frame, outbox::urgency::protocol);
}

void transport_core::link(const std::shared_ptr<peer>& to, caf::strong_actor_ptr source,
                          caf::actor_id target, bool on) {
  defer([this, to, source = std::move(source), target, on] {
    frame_header header{.kind = on ? frame_kind::link : frame_kind::unlink, .target = target};
    const bool ours = source->node() == system_.node();
    if (ours) remember(source);
    header.source = source->id();
    header.flags = ours ? 0 : frame_header::foreign;
    frame_buffer frame = frame_of(header);
    if (!ours) append(frame, wire_node::of(source->node()));
    to->out.send(frame, outbox::urgency::protocol);
    // As if it had asked already: the end of `source` may come before it does.
    if (on && ours) watch(to, source->id());
  });
}

}  // namespace hawser::actors::detail
