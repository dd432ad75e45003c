#include <hawser/shm/detail/futex.hpp>
