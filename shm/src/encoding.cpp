#include <hawser/shm/detail/encoding.hpp>
#include <hawser/shm/error.hpp>

#include <string>

namespace hawser::shm::detail {

void refuse_encoding(const char* why) {
  throw make_error(errc::damaged, "decode", "message",
                   std::string{why} + "; do both programs have the same type?");
}

}  // namespace hawser::shm::detail
