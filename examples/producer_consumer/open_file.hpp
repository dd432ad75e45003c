#pragma once

#include "descriptor.hpp"

#include <string>

namespace producer_consumer {

/// Opens `path` as open(2) does with `flags` and O_CLOEXEC, however long the path is: one of more
/// than PATH_MAX bytes is opened in steps.
///
/// Returns    A closed descriptor on failure, with errno set.
descriptor open_path(const std::string& path, int flags);

}  // namespace producer_consumer
