#include <hawser/actors/resource_error.hpp>

#include <utility>

namespace hawser::actors {
namespace {

constexpr char category[] = "resource";

errc code_of(resource_error reason) {
  switch (reason) {
    case resource_error::timed_out:
    case resource_error::deadlock: return errc::busy;
    case resource_error::closed:
    case resource_error::manager_lost:
    case resource_error::no_such_resource: return errc::not_found;
    case resource_error::bad_request: return errc::bad_argument;
    case resource_error::out_of_service: return errc::no_resources;
    case resource_error::type_mismatch: return errc::type_mismatch;
    case resource_error::not_held: return errc::not_held;
  }
  return errc::system;
}

}  // namespace

std::string to_string(resource_error code) {
  switch (code) {
    case resource_error::timed_out: return "nothing was free in time";
    case resource_error::deadlock: return "deadlock";
    case resource_error::closed: return "the manager ends";
    case resource_error::no_such_resource: return "no such resource";
    case resource_error::bad_request: return "bad request";
    case resource_error::out_of_service: return "too few are left";
    case resource_error::type_mismatch: return "resources of another type";
    case resource_error::not_held: return "not held";
    case resource_error::manager_lost: return "the manager is lost";
  }
  return "unknown resource error";
}

caf::error make_error(resource_error code) { return detail::error_of(code, category); }

caf::error make_error(resource_error code, std::string context) {
  return detail::error_of(code, category, std::move(context));
}

void add_resource_errors(caf::actor_system_config& config) {
  detail::add_error_category<resource_error>(config, category);
}

resource_failure::resource_failure(resource_error reason, const std::string& manager,
                                   const std::string& words)
    : error(hawser::make_error(code_of(reason), "acquire from resource manager", manager, words)),
      reason_(reason) {}

}  // namespace hawser::actors
