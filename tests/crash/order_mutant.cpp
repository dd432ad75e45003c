// Linked to the queue's thread tests: the environment variable HAWSER_MUTANT names the order that
// the protocol keeps no longer.

#include <hawser/shm/detail/mutant.hpp>

#include <cstdlib>
#include <string_view>

namespace hawser::test {
namespace {

using shm::detail::mutation;

mutation chosen() {
  const char* variable = std::getenv("HAWSER_MUTANT");
  const std::string_view name = variable != nullptr ? variable : "";
  if (name == "push_not_released") return mutation::push_not_released;
  if (name == "lock_not_released") return mutation::lock_not_released;
  if (name == "ack_not_released") return mutation::ack_not_released;
  return mutation::none;
}

[[maybe_unused]] const bool set = (shm::detail::mutant = chosen(), true);

}  // namespace
}  // namespace hawser::test
