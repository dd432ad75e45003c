// Linked to a channel's thread tests: the environment variable HAWSER_MUTANT names the order that
// the protocol keeps no longer.

#include <hawser/shm/detail/mutant.hpp>

#include <cstdlib>
#include <string_view>

namespace hawser::test {
namespace {

[[maybe_unused]] const bool set = [] {
  const char* variable = std::getenv("HAWSER_MUTANT");
  shm::detail::mutant = shm::detail::mutation(variable != nullptr ? variable : "");
  return true;
}();

}  // namespace
}  // namespace hawser::test
