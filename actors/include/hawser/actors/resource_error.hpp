/// Why a resource cannot be had, as errors of CAF and as exceptions.
#pragma once

#include <hawser/actors/caf_compat.hpp>
#include <hawser/shm/error.hpp>

#include <caf/actor_system_config.hpp>
#include <caf/error.hpp>

#include <cstdint>
#include <string>

namespace hawser::actors {

enum class resource_error : std::uint8_t {
  timed_out = 1,     ///< None was free in time.
  deadlock,          ///< Who asked would have waited for ever: the cycle is in the words.
  closed,            ///< The manager ends.
  no_such_resource,  ///< It has none of that name.
  bad_request,       ///< 0 of them, or more than there are; or a ticket that is in use.
  out_of_service,    ///< Too few of them are left, and nothing makes others.
  type_mismatch,     ///< Its resources are of another type.
  not_held,          ///< Given back already, or taken back by the manager.
  manager_lost,      ///< Its process has ended or does not answer, or counts the holder as dead.
};

std::string to_string(resource_error code);

/// As CAF wants it; found by argument-dependent lookup.
caf::error make_error(resource_error code);
/// With what is known about it.
caf::error make_error(resource_error code, std::string context);

/// Has `render(system, error)` show these errors in words. A `config` does so already.
void add_resource_errors(caf::actor_system_config& config);

/// What a `resource_client` throws. Its `code()` is `busy` (timed_out, deadlock), `not_found` (closed,
/// no_such_resource, manager_lost), `bad_argument` (bad_request), `no_resources` (out_of_service),
/// `type_mismatch` or `not_held`.
class resource_failure : public error {
 public:
  resource_failure(resource_error reason, const std::string& manager, const std::string& words);
  resource_error reason() const noexcept { return reason_; }

 private:
  resource_error reason_;
};

}  // namespace hawser::actors

// clang-format off
CAF_BEGIN_TYPE_ID_BLOCK(hawser_resource_errors, 2075)
  CAF_ADD_TYPE_ID(hawser_resource_errors, (hawser::actors::resource_error))
CAF_END_TYPE_ID_BLOCK(hawser_resource_errors)
// clang-format on
HAWSER_ERROR_CODE(hawser::actors::resource_error);
HAWSER_REGISTER(hawser_resource_errors);
