#include <hawser/actors/detail/describe_exception.hpp>
#include <hawser/actors/detail/readable_name.hpp>

#include <typeinfo>

#include <cxxabi.h>

namespace hawser::actors::detail {

escaped_exception describe_exception(const std::exception_ptr& escaped) noexcept try {
  try {
    std::rethrow_exception(escaped);
  } catch (const std::exception& thrown) {
    return {readable_name(typeid(thrown)), thrown.what()};
  } catch (...) {
    const std::type_info* const known = abi::__cxa_current_exception_type();
    return {known != nullptr ? readable_name(*known) : "unknown", {}};
  }
} catch (...) {
  return {"std::bad_alloc", {}};  // short enough to need none
}

}  // namespace hawser::actors::detail
