/// Types as people write them, for messages.
#pragma once

#include <string>
#include <typeinfo>

namespace hawser::actors::detail {

/// `std::string`, `order`, `std::vector<int, std::allocator<int> >`.
std::string readable_name(const std::type_info& type);

}  // namespace hawser::actors::detail
