#include "start_error.hpp"

#include <cerrno>

namespace hawser::actors::detail {

error start_error(int error_number, const std::string& name, const char* call) {
  switch (error_number) {
    case EAGAIN:
      return make_error(errc::no_resources, "start process", name,
                        "no more processes or threads are allowed; end some, or raise the limit "
                        "(ulimit -u)");
    case ENOENT:
    case EACCES:
    case EPERM:
      return make_error(error_number == ENOENT ? errc::system : errc::permission_denied,
                        "start process", name,
                        std::string{"/proc/self/exe cannot be executed ("} + call +
                            "); is /proc mounted, and may this program be executed by its user?");
    default: return make_system_error(error_number, "start process", name, call);
  }
}

}  // namespace hawser::actors::detail
