/// What has escaped, in words.
#pragma once

#include <hawser/actors/exit_status.hpp>

#include <exception>

namespace hawser::actors::detail {

/// Type and message; of bad memory, too.
escaped_exception describe_exception(const std::exception_ptr& escaped) noexcept;

}  // namespace hawser::actors::detail
