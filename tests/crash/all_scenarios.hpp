/// Every scenario of the kill-point sweep.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include <killpoint/scenario.hpp>

namespace hawser::test {

/// Those whose name contains `filter`, in a fixed order. Their objects in /dev/shm are named
/// after this process.
std::vector<std::unique_ptr<killpoint::scenario>> scenarios(std::string_view filter);

}  // namespace hawser::test
