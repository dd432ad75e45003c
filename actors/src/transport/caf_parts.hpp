/// What the transport takes of CAF's inside, in 0.17 and in 1.x. Beside caf_compat.hpp, because it is
/// nobody else's, and brings CAF's private headers.
#pragma once

#include <hawser/actors/caf_compat.hpp>

#include <caf/abstract_actor.hpp>
#include <caf/actor_proxy.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/node_id.hpp>
#include <caf/proxy_registry.hpp>
#include <caf/system_messages.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#if HAWSER_CAF_1
#include <caf/actor_system_module.hpp>
#include <caf/detail/actor_system_access.hpp>
#include <caf/io/middleman.hpp>
#include <caf/scheduler.hpp>
#else
#include <caf/execution_unit.hpp>
#include <caf/message_view.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>
#include <caf/type_erased_tuple.hpp>
#endif

namespace hawser::actors::detail {

#if HAWSER_CAF_1

inline constexpr std::uint32_t caf_version =
    CAF_MAJOR_VERSION * 10000 + CAF_MINOR_VERSION * 100 + CAF_PATCH_VERSION;

/// Who runs an actor, or nobody, as CAF hands it on: where those go whom it wakes.
using context = caf::scheduler;

/// One of ours. CAF calls `exec_later` with a reference for it to keep.
class execution_unit : public caf::scheduler {
 public:
  explicit execution_unit(caf::actor_system* system) : system_(system) {}
  caf::actor_system& system() const noexcept { return *system_; }
  virtual void exec_later(caf::resumable* job) = 0;

  void schedule(caf::resumable* job) final { exec_later(job); }
  void delay(caf::resumable* job) final { exec_later(job); }
  void start() final {}
  void stop() final {}

 private:
  caf::actor_system* const system_;
};
inline void to_scheduler_of(caf::actor_system& system, caf::resumable* job) {
  system.scheduler().schedule(job);
}

/// While handles are read in this thread: where those of other processes are looked for.
class reading_handles {
 public:
  reading_handles(execution_unit&, caf::proxy_registry& in)
      : before_(caf::proxy_registry::current()) {
    caf::proxy_registry::current(&in);
  }
  reading_handles(const reading_handles&) = delete;
  ~reading_handles() { caf::proxy_registry::current(before_); }

 private:
  caf::proxy_registry* const before_;
};

class proxy_base : public caf::actor_proxy {
 public:
  using caf::actor_proxy::actor_proxy;
  const char* name() const override { return "hawser.proxy"; }
  bool enqueue(caf::mailbox_element_ptr what, context* unit) final {
    take(std::move(what), unit);
    return true;
  }
  virtual void take(caf::mailbox_element_ptr what, context* unit) = 0;

 private:
  void force_close_mailbox() final {}
};

/// The values of a message.
using message_values = caf::message;
inline const message_values& values_of(const caf::message& all) { return all; }
/// A message that no handler wants.
using any_content = caf::message;
using unwanted_result = caf::skippable_result;
inline caf::message taken_from(any_content& what) { return std::move(what); }
inline const caf::exit_msg* exit_in(const message_values& what) {
  return what.match_elements<caf::exit_msg>() ? &what.get_as<caf::exit_msg>(0) : nullptr;
}

/// Through whom an answer goes: 1.x has no such thing.
using stages = std::vector<caf::strong_actor_ptr>;
inline stages stages_of(const caf::mailbox_element&) { return {}; }
inline caf::mailbox_element_ptr make_element(caf::strong_actor_ptr sender, caf::message_id mid,
                                             caf::message what, stages = {}) {
  return caf::make_mailbox_element(std::move(sender), mid, std::move(what));
}

inline void add_link(caf::abstract_actor& one, const caf::strong_actor_ptr& other) {
  one.link_to(other);
}
inline void remove_link(caf::abstract_actor& one, const caf::strong_actor_ptr& other) {
  one.unlink_from(other);
}

inline const caf::hashed_node_id* default_id(const caf::node_id& node) {
  return node ? std::get_if<caf::hashed_node_id>(&node->content) : nullptr;
}
inline std::uint32_t pid_of(const caf::hashed_node_id& id) { return id.process_id; }
inline auto host_of(const caf::hashed_node_id& id) { return id.host; }

using module_base = caf::actor_system_module;
inline void set_node(caf::actor_system& system, caf::node_id node) {
  caf::detail::actor_system_access{system}.node(std::move(node));
}
/// The types of CAF's network module, for whoever loads it.
inline void add_network_messages() {
  [[maybe_unused]] static const bool done = (caf::io::middleman::init_global_meta_objects(), true);
}

inline caf::error save(caf::actor_system& system, std::vector<char>& out, const caf::error& value) {
  std::vector<std::byte> bytes;
  caf::binary_serializer writer{system, bytes};
  if (!writer.apply(value)) return writer.get_error();
  const auto* const begin = reinterpret_cast<const char*>(bytes.data());
  out.insert(out.end(), begin, begin + bytes.size());
  return {};
}
template <class T>
caf::error load(execution_unit& unit, const std::byte* data, std::size_t bytes, T& value) {
  caf::binary_deserializer reader{unit.system(), data, bytes};
  return reader.apply(value) ? caf::error{} : reader.get_error();
}
inline caf::error without_context(const caf::error& reason) {
  return caf::make_error(caf::sec::runtime_error, to_string(reason));
}

#else  // CAF 0.17

inline constexpr std::uint32_t caf_version = CAF_VERSION;

using context = caf::execution_unit;
using execution_unit = caf::execution_unit;
inline void to_scheduler_of(caf::actor_system& system, caf::resumable* job) {
  system.scheduler().enqueue(job);
}

class reading_handles {
 public:
  reading_handles(execution_unit& unit, caf::proxy_registry& in) { unit.proxy_registry_ptr(&in); }
};

class proxy_base : public caf::actor_proxy {
 public:
  using caf::actor_proxy::actor_proxy;
  void enqueue(caf::mailbox_element_ptr what, context* unit) final { take(std::move(what), unit); }
  virtual void take(caf::mailbox_element_ptr what, context* unit) = 0;
};

using message_values = caf::type_erased_tuple;
inline const message_values& values_of(const caf::message& all) { return all.content(); }
using any_content = caf::message_view;
using unwanted_result = caf::result<caf::message>;
inline caf::message taken_from(any_content& what) { return what.move_content_to_message(); }
inline const caf::exit_msg* exit_in(const message_values& what) {
  const bool is_exit =
      what.size() == 1 && what.type_token() == caf::make_type_token<caf::exit_msg>();
  return is_exit ? &what.get_as<caf::exit_msg>(0) : nullptr;
}

using stages = caf::mailbox_element::forwarding_stack;
inline stages& stages_of(caf::mailbox_element& what) { return what.stages; }
inline caf::mailbox_element_ptr make_element(caf::strong_actor_ptr sender, caf::message_id mid,
                                             caf::message what, stages through = {}) {
  return caf::make_mailbox_element(std::move(sender), mid, std::move(through), std::move(what));
}

inline void add_link(caf::abstract_actor& one, const caf::strong_actor_ptr& other) {
  one.add_link(other->get());
}
inline void remove_link(caf::abstract_actor& one, const caf::strong_actor_ptr& other) {
  one.remove_link(other->get());
}

inline const caf::node_id::default_data* default_id(const caf::node_id& node) {
  using data = caf::node_id::default_data;
  if (!node || node->implementation_id() != data::class_id) return nullptr;
  return &static_cast<const data&>(*node);
}
inline std::uint32_t pid_of(const caf::node_id::default_data& id) { return id.process_id(); }
inline auto host_of(const caf::node_id::default_data& id) { return id.host_id(); }

using module_base = caf::actor_system::module;
// CAF sets the node id of a system in its own network module only. An explicit instantiation may name
// a private member.
template <caf::node_id caf::actor_system::*Member>
struct node_member {
  friend caf::node_id& node_of(caf::actor_system& system) { return system.*Member; }
};
template struct node_member<&caf::actor_system::node_>;
caf::node_id& node_of(caf::actor_system& system);
inline void set_node(caf::actor_system& system, caf::node_id node) {
  node_of(system) = std::move(node);
}
inline void add_network_messages() {}

inline caf::error save(caf::actor_system& system, std::vector<char>& out, const caf::error& value) {
  caf::serializer_impl<std::vector<char>> writer{system, out};
  return writer(const_cast<caf::error&>(value));
}
template <class T>
caf::error load(execution_unit& unit, const std::byte* data, std::size_t bytes, T& value) {
  caf::binary_deserializer reader{&unit, reinterpret_cast<const char*>(data), bytes};
  return reader(value);
}
inline caf::error without_context(const caf::error& reason) {
  return {reason.code(), reason.category()};
}

#endif

}  // namespace hawser::actors::detail
