#include <hawser/shm/queue.hpp>

#include <caf/all.hpp>

#include <hawser/examples/count.hpp>
