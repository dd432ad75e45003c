/// What a lease of a resource is worth.
#pragma once

#include <cstdint>
#include <string>

namespace hawser::actors {

enum class lease_status : std::uint8_t {
  none,  ///< There is no lease: nothing was free in time, or it has been given back.
  valid,
  revoked,       ///< The manager has taken it back: another one may use it.
  manager_lost,  ///< Nobody knows of the lease any more: another one may use it.
};
std::string to_string(lease_status status);

}  // namespace hawser::actors
