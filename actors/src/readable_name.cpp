#include <hawser/actors/detail/readable_name.hpp>

#include <cstdlib>
#include <memory>

#include <cxxabi.h>

namespace hawser::actors::detail {

std::string readable_name(const std::type_info& type) {
  if (type == typeid(std::string)) return "std::string";
  int failed = 0;
  const std::unique_ptr<char, decltype(&std::free)> text{
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &failed), &std::free};
  return failed == 0 ? text.get() : type.name();
}

}  // namespace hawser::actors::detail
