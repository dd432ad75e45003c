#include <hawser/shm/queue.hpp>

#include <unistd.h>

#include <string>

using namespace hawser;

int main() {
  shm::queue<int> q{create_only, "install-test-" + std::to_string(::getpid()), {.capacity = 2}};
  return q.try_push(42) == shm::push_status::ok && q.try_pop() == 42 ? 0 : 1;
}
