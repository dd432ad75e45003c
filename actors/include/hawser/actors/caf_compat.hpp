/// The one place that knows which CAF this is: 0.17 (Debian's) or 1.x. The same names mean the same in
/// both; how values are
/// inspected in 1.x is in detail/caf_1_inspect.hpp, what only the transport needs in
/// src/transport/caf_parts.hpp.
///
/// What a program sends it registers with CAF's own macros, which both have, and with `add_messages`:
/// ```cpp
/// CAF_BEGIN_TYPE_ID_BLOCK(bank, caf::first_custom_type_id)
///   CAF_ADD_TYPE_ID(bank, (bank::account))
///   CAF_ADD_ATOM(bank, bank, deposit_atom, "deposit")      // its value is deposit_atom_v
/// CAF_END_TYPE_ID_BLOCK(bank)
///
/// struct config : hawser::actors::config {
///   config() { hawser::actors::add_messages<caf::id_block::bank>(*this); }
/// };
/// ```
/// The numbers 2000 to 2199 are Hawser's.
#pragma once

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/behavior.hpp>
#include <caf/binary_deserializer.hpp>
#include <caf/config.hpp>
#include <caf/error.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/expected.hpp>
#include <caf/message.hpp>
#include <caf/result.hpp>
#include <caf/sec.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/type_id.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

// The number of 1.1.0 is an octal one, 0100: there the version has a name for each part.
#if defined(CAF_MAJOR_VERSION) && CAF_MAJOR_VERSION == 1
#define HAWSER_CAF_1 1
#elif defined(CAF_VERSION) && CAF_VERSION >= 1700 && CAF_VERSION < 1800
#define HAWSER_CAF_1 0
#else
#error "hawser::actors needs CAF 0.17 (on Debian: libcaf-dev) or CAF 1.x"
#endif

#if HAWSER_CAF_1

#include <caf/binary_serializer.hpp>
#include <caf/init_global_meta_objects.hpp>
#include <caf/inspector_access.hpp>
#include <caf/timespan.hpp>

namespace hawser::actors {
namespace detail {

// CAF 1.x has one table of types, which has to stand before the first actor system: it is filled
// before main() begins.
template <class Block>
struct registration {
  static bool make() {
    caf::core::init_global_meta_objects();
    caf::init_global_meta_objects<Block>();
    return true;
  }
  static inline const bool done = make();
};

/// How long a request may take.
using request_timeout = caf::timespan;

/// Bytes on their way: one piece, where a vector is values.
struct byte_buffer : std::vector<char> {
  using vector::vector;
};

/// Whether CAF can turn a T into bytes and back.
template <class T>
struct is_inspectable
    : std::bool_constant<
          !std::is_same_v<decltype(caf::inspect_access_type<caf::binary_serializer, T>()),
                          caf::inspector_access_type::none>> {};
template <class T, class A>
struct is_inspectable<std::vector<T, A>> : is_inspectable<T> {};
template <class T>
struct is_inspectable<std::optional<T>> : is_inspectable<T> {};
template <class... Ts>
struct is_inspectable<std::tuple<Ts...>> : std::conjunction<is_inspectable<Ts>...> {};
template <class A, class B>
struct is_inspectable<std::pair<A, B>> : std::conjunction<is_inspectable<A>, is_inspectable<B>> {};

template <class T>
concept inspectable = is_inspectable<T>::value && !std::is_pointer_v<T>;

template <class T>
[[nodiscard]] caf::error save(std::vector<std::byte>& out, const T& value) {
  caf::binary_serializer sink{out};
  return sink.apply(value) ? caf::error{} : sink.get_error();
}

/// Appends `value` to `out`.
///
/// Returns    An error if `value` has no meaning outside this process, as an actor handle.
template <class T>
[[nodiscard]] caf::error save(byte_buffer& out, const T& value) {
  std::vector<std::byte> bytes;
  if (caf::error reason = save(bytes, value)) return reason;
  const auto* const begin = reinterpret_cast<const char*>(bytes.data());
  out.insert(out.end(), begin, begin + bytes.size());
  return {};
}

/// Reads `value` from the front of `bytes`.
///
/// Returns    How many bytes it took, or an error if they are no T.
template <class T>
[[nodiscard]] caf::expected<std::size_t> load(const char* bytes, std::size_t size, T& value) {
  caf::binary_deserializer source{bytes, size};
  if (!source.apply(value)) return source.get_error();
  return size - source.remaining();
}

template <class Enum, std::size_t N>
caf::error error_of(Enum code, const char (&)[N]) {
  return caf::error{code};
}
template <class Enum, std::size_t N>
caf::error error_of(Enum code, const char (&)[N], std::string context) {
  return caf::error{code, std::move(context)};
}
template <class Enum, std::size_t N>
void add_error_category(caf::actor_system_config&, const char (&)[N]) {}

/// Calls `answered(true)` for a value of any types, `answered(false)` for an error.
template <class Request, class Answered>
void await_answer(caf::event_based_actor&, Request&& request, Answered answered) {
  request.then([answered](caf::message&) { answered(true); },
               [answered](caf::error&) { answered(false); });
}

using exception_handler_function = caf::error (*)(caf::local_actor*, std::exception_ptr&);

inline caf::error unhandled_exception() {
  return caf::make_error(caf::sec::runtime_error, "unhandled exception");
}

}  // namespace detail

template <class... In>
struct takes {
  template <class... Out>
  using gives = caf::result<Out...>(In...);
};

template <class State>
class stateful_actor : public caf::stateful_actor<State> {
 public:
  using caf::stateful_actor<State>::stateful_actor;
  State& state = caf::stateful_actor<State>::state();
};

template <class Block>
void add_messages(caf::actor_system_config&) {
  static_cast<void>(&detail::registration<Block>::done);
}

inline std::string render(const caf::actor_system&, const caf::error& reason) {
  std::string text = to_string(reason);  // words("context")
  if (!reason.context().match_elements<std::string>()) return text;
  text.resize(std::min(text.find("(\""), text.size()));
  return text + ": " + reason.context().get_as<std::string>(0);
}

inline void set_scheduler_policy(caf::actor_system_config& config, const std::string& policy) {
  config.set("caf.scheduler.policy", policy);
}
inline void set_scheduler_threads(caf::actor_system_config& config, std::size_t threads_max) {
  config.set("caf.scheduler.max-threads", threads_max);
}

}  // namespace hawser::actors

#define HAWSER_INSPECT(inspector, name, ...) \
  return ::hawser::actors::detail::inspect_parts(inspector, name, #__VA_ARGS__, __VA_ARGS__)

#define HAWSER_INSPECT_BY_HAND(type)                        \
  template <class Inspector>                                \
  friend bool inspect(Inspector& f, type& x) {              \
    return ::hawser::actors::detail::inspect_by_hand(f, x); \
  }                                                         \
  static_assert(true, "a semicolon")

#define HAWSER_ERROR_CODE(type)          \
  template <>                            \
  struct caf::is_error_code_enum<type> { \
    static constexpr bool value = true;  \
  };                                     \
  template <>                            \
  struct caf::inspector_access<type> : ::hawser::actors::detail::error_code_access<type> {}

#define HAWSER_REGISTER(block)                                                                  \
  namespace hawser::actors::detail {                                                            \
  [[maybe_unused]] inline const bool block##_done = registration<caf::id_block::block>::make(); \
  }                                                                                             \
  static_assert(true, "a semicolon")

#else  // CAF 0.17

#include <caf/atom.hpp>
#include <caf/detail/behavior_impl.hpp>
#include <caf/duration.hpp>
#include <caf/make_counted.hpp>
#include <caf/make_message.hpp>
#include <caf/meta/type_name.hpp>
#include <caf/replies_to.hpp>
#include <caf/serializer_impl.hpp>

namespace hawser::actors {
namespace detail {

/// How long a request may take.
using request_timeout = caf::duration;

using byte_buffer = std::vector<char>;

/// Whether CAF can turn a T into bytes and back.
template <class T>
concept inspectable = caf::detail::is_serializable<T>::value && !std::is_pointer_v<T>;

/// Appends `value` to `out`.
///
/// Returns    An error if `value` has no meaning outside this process, as an actor handle.
template <class Bytes, class T>
[[nodiscard]] caf::error save(Bytes& out, const T& value) {
  caf::serializer_impl<Bytes> sink{nullptr, out};
  return sink(const_cast<T&>(value));  // inspection takes what it reads by mutable reference
}

/// Reads `value` from the front of `bytes`.
///
/// Returns    How many bytes it took, or an error if they are no T.
template <class T>
[[nodiscard]] caf::expected<std::size_t> load(const char* bytes, std::size_t size, T& value) {
  caf::binary_deserializer source{nullptr, bytes, size};
  if (caf::error reason = source(value)) return reason;
  return size - source.remaining();
}

// What writes and reads the parts of a value that goes by `inspect(detail::value_sink&, T&)`.
using value_sink = caf::serializer;
using value_source = caf::deserializer;

template <class Enum, std::size_t N>
caf::error error_of(Enum code, const char (&category)[N]) {
  return {static_cast<std::uint8_t>(code), caf::atom(category)};
}
template <class Enum, std::size_t N>
caf::error error_of(Enum code, const char (&category)[N], std::string context) {
  return {static_cast<std::uint8_t>(code), caf::atom(category),
          caf::make_message(std::move(context))};
}

/// Has `render` show these errors in words.
template <class Enum, std::size_t N>
void add_error_category(caf::actor_system_config& config, const char (&category)[N]) {
  config.add_error_category(caf::atom(category),
                            [](std::uint8_t code, caf::atom_value, const caf::message& context) {
                              std::string text = to_string(static_cast<Enum>(code));
                              if (context.match_elements<std::string>())
                                text.append(": ").append(context.get_as<std::string>(0));
                              return text;
                            });
}

/// A handler for the answer to a request, whatever its types. CAF 0.17 has none: `then` asks for
/// the types, and its catch-all is for blocking actors.
template <class Answered>
class any_answer_impl final : public caf::detail::behavior_impl {
 public:
  explicit any_answer_impl(Answered answered) : answered_(std::move(answered)) {}

  caf::match_case::result invoke(caf::detail::invoke_result_visitor& result,
                                 caf::type_erased_tuple& answer) override {
    answered_(!answer.match_elements<caf::error>());
    result();  // nothing goes back to whoever answered
    return caf::match_case::match;
  }

 private:
  Answered answered_;
};

/// Calls `answered(true)` for a value of any types, `answered(false)` for an error.
template <class Request, class Answered>
void await_answer(caf::event_based_actor& self, Request&& request, Answered answered) {
  caf::behavior handler;
  handler.assign(caf::detail::behavior_impl::pointer{
      caf::make_counted<any_answer_impl<Answered>>(std::move(answered))});
  self.add_multiplexed_response_handler(request.id(), std::move(handler));
}

using exception_handler_function = caf::error (*)(caf::scheduled_actor*, std::exception_ptr&);

inline caf::error unhandled_exception() {
  return caf::make_error(caf::exit_reason::unhandled_exception);
}

}  // namespace detail

/// A message of a typed actor: `caf::typed_actor<takes<deposit_atom, int>::gives<int>>`.
template <class... In>
struct takes {
  template <class... Out>
  using gives = typename caf::replies_to<In...>::template with<Out...>;
};

/// An actor with a member `state`.
template <class State>
using stateful_actor = caf::stateful_actor<State>;

/// Makes the types of a block known, so that they can be sent to other processes. Call it in the
/// constructor of a configuration, in a source file.
template <class Block>
void add_messages(caf::actor_system_config& config) {
  config.add_message_types<Block>();
}

/// An error in words.
inline std::string render(const caf::actor_system& system, const caf::error& reason) {
  return system.render(reason);
}

/// `sharing` or `stealing`.
inline void set_scheduler_policy(caf::actor_system_config& config, const std::string& policy) {
  config.set("scheduler.policy", caf::atom_from_string(policy));
}
inline void set_scheduler_threads(caf::actor_system_config& config, std::size_t threads_max) {
  config.set("scheduler.max-threads", threads_max);
}

}  // namespace hawser::actors

/// The body of an `auto inspect(Inspector& f, T& x)`: a name, then what makes up the object.
#define HAWSER_INSPECT(inspector, name, ...) \
  return (inspector)(::caf::meta::type_name(name), __VA_ARGS__)

/// Inside of a class that has `inspect(detail::value_sink&, T&)` and `inspect(detail::value_source&, T&)`.
#define HAWSER_INSPECT_BY_HAND(type) static_assert(true, "a semicolon")

/// An enum of error codes that has a type id, a `to_string`, and a category; outside of namespaces.
#define HAWSER_ERROR_CODE(type) static_assert(true, "a semicolon")

/// A block of Hawser's own messages, whatever the configuration is; outside of namespaces.
#define HAWSER_REGISTER(block) static_assert(true, "a semicolon")

#endif

// clang-format off
CAF_BEGIN_TYPE_ID_BLOCK(hawser_words, 2000)
  CAF_ADD_ATOM(hawser_words, hawser::actors, close_atom, "close")
  CAF_ADD_ATOM(hawser_words, hawser::actors, counters_atom, "counters")
  CAF_ADD_ATOM(hawser_words, hawser::actors::detail, wake_atom, "hwsr_wake")
CAF_END_TYPE_ID_BLOCK(hawser_words)
// clang-format on
HAWSER_REGISTER(hawser_words);

#include <hawser/actors/detail/caf_1_inspect.hpp>
