#include <caf/all.hpp>

#include <sys/mman.h>
#include <vector>
