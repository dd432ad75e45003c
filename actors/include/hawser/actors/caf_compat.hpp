/// The one place that knows which CAF this is. Hawser's actors are written for 0.17.
#pragma once

#include <caf/atom.hpp>
#include <caf/behavior.hpp>
#include <caf/binary_deserializer.hpp>
#include <caf/config.hpp>
#include <caf/detail/behavior_impl.hpp>
#include <caf/error.hpp>
#include <caf/expected.hpp>
#include <caf/make_counted.hpp>
#include <caf/meta/type_name.hpp>
#include <caf/serializer_impl.hpp>

#include <cstddef>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#if CAF_VERSION < 1700 || CAF_VERSION >= 1800
#error "hawser::actors needs CAF 0.17 (on Debian: libcaf-dev)"
#endif

/// The body of an `inspect(inspector, x)`: a name, then what makes up the object.
#define HAWSER_INSPECT(inspector, name, ...) \
  return (inspector)(::caf::meta::type_name(name), __VA_ARGS__)

namespace hawser::actors {

// Messages that are only a word.
using close_atom = caf::atom_constant<caf::atom("close")>;
using counters_atom = caf::atom_constant<caf::atom("counters")>;

namespace detail {

using wake_atom = caf::atom_constant<caf::atom("hwsr_wake")>;

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

/// `answered(true)` for a value of any types, `answered(false)` for an error.
template <class Answered>
caf::behavior any_answer(Answered answered) {
  caf::behavior result;
  result.assign(caf::detail::behavior_impl::pointer{
      caf::make_counted<any_answer_impl<Answered>>(std::move(answered))});
  return result;
}

}  // namespace detail
}  // namespace hawser::actors
